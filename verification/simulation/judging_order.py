"""Judges who had what when: two owners of a cell had it one after the other, and a refused caller met an owner."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations
from math import inf

from travio_inventory.seats.ports import Cell
from verification.simulation.evidence import Evidence, Span
from verification.simulation.history import HOUSE, LIVE, Call, CallOutcome
from verification.simulation.moments import Before, NotAfter, NotBefore, OneOf, Undecided, Way, why_impossible
from verification.simulation.possible_answers import REFUSALS, done_by_s


def judge_order(evidence: Evidence) -> Iterator[str]:
    """There is one order of events that agrees with everything that is known and required (I1, I5, I7)."""
    spans = [Span(life, *span) for life in evidence.lives.values() for span in life.spans]
    by_cell: dict[Cell, list[Span]] = defaultdict(list)
    changed: dict[Cell, list[Span]] = defaultdict(list)
    for span in spans:
        has_changed = bool(span.life.had)
        for cell in span.life.had or span.life.row.cells:
            (changed if has_changed else by_cell)[cell].append(span)
    asked = [*_one_after_the_other(by_cell)]
    for cell, more in changed.items():
        by_cell[cell] += more
    asked += [*_met(evidence, by_cell), *evidence.either]
    try:
        said = why_impossible(evidence.moments, asked)
    except Undecided:
        said = "I7 no order was found that explains all answers"
    if said:
        yield said


def _met(evidence: Evidence, by_cell: dict[Cell, list[Span]]) -> Iterator[OneOf]:
    """A caller who was refused a taken seat met an owner in that state (I5); what the edge said of a seat was true
    within its bound; a seat that was reported as blocked was blocked.
    """
    for call in evidence.history.calls:
        spans = (span for cell in call.cells for span in by_cell[cell])
        met = dict.fromkeys(span for span in spans if span.life.base != call.subject)
        if call.answer is CallOutcome.SEEN and call.as_of_s < inf:
            since_s = min(call.as_of_s - evidence.history.clock_bound_ms / 1_000, call.returned_s)
            ways = [*_so_within(met, call.told, since_s, call.returned_s)]
            yield OneOf(ways, f"I5 the edge said so, and it was not: {call}")
        elif call.answer is CallOutcome.NO and call.told in REFUSALS["hold"]:
            looks = [(look.invoked_s, min(done_by_s(look), call.returned_s)) for look in _looks_of(evidence, call)]
            ways = [way for window in looks for way in _so_within(met, call.told, *window)]
            yield OneOf(ways, f"I5 refused as taken, though nobody had it so: {call}")
        elif call.op == "block" and call.answer is CallOutcome.OK:
            for cell in call.cells:
                met = dict.fromkeys(span for span in by_cell[cell] if span.life.row.holder == HOUSE)
                ways = [_within(span, call.invoked_s, call.returned_s) for span in met]
                yield OneOf(ways, f"I3 {cell} blocked, and never was: {call}")


def _looks_of(evidence: Evidence, call: Call) -> list[Call]:
    """The calls whose refusal it can have been, because a key's refusal is remembered."""
    if not call.has_key:
        return [call]
    return [
        other
        for other in evidence.by_key[call.subject]
        if other.cells == call.cells and other.invoked_s <= call.returned_s
        if other.answer in (CallOutcome.NO, CallOutcome.UNKNOWN)
    ]


def _one_after_the_other(by_cell: dict[Cell, list[Span]]) -> Iterator[OneOf]:
    """No two owners of a cell at once (I1)."""
    judged: set[tuple[int, int]] = set()
    for cell, spans in by_cell.items():
        for one, other in combinations(spans, 2):
            if (one.first, other.first) not in judged and one.life is not other.life:
                judged.add((one.first, other.first))
                ways = [
                    (Before(sooner.last, later.first),)
                    for sooner, later in ((one, other), (other, one))
                    if sooner.last is not None
                ]
                yield OneOf(ways, f"I1 {cell} belonged to {one.life.base} and {other.life.base} at once")


def _so_within(spans: Iterable[Span], told: str, from_s: float, to_s: float) -> Iterator[Way]:
    """One of the holds was, at some of these moments, in the state that a refusal reports: held, or else sold or
    blocked.
    """
    for span in spans:
        life = span.life
        is_house = life.row.holder == HOUSE
        for place, status in enumerate(life.statuses):
            if status in LIVE and (told == "SEAT_HELD") == (status == "held" and not is_house):
                ends = life.began[place + 1] if place + 1 < len(life.began) else None
                if span.first <= life.began[place] and (span.last is None or life.began[place] < span.last):
                    yield _within(Span(life, life.began[place], ends), from_s, to_s)


def _within(span: Span, from_s: float, to_s: float) -> Way:
    """The hold had its cells at some of these moments."""
    first = NotAfter(span.first, to_s)
    return (first,) if span.last is None else (first, NotBefore(span.last, from_s))
