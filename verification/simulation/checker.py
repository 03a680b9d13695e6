"""Judges a history by what the service promises: what callers were told must have an order that explains it.

Each hold is a row of moments, one per status it went through. The calls and answers bound these moments; two owners of
a cell had it one after the other; a refused caller met an owner. A history is right if all moments can be put in an
order.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from math import inf

from travio_inventory.seats.hold import base_id, late_id
from travio_inventory.seats.ports import Cell
from verification.simulation.evidence import Evidence
from verification.simulation.history import CANCEL_TRIP, HOUSE, LIVE, CallOutcome, History
from verification.simulation.judging_answers import judge_answers, judge_keys
from verification.simulation.judging_causes import judge_makers, judge_steps
from verification.simulation.judging_order import judge_order
from verification.simulation.moments import NotAfter
from verification.simulation.possible_answers import TRIP_CANCELLED
from verification.simulation.turns import violations_of_lists

EVENTS = {
    "hold.created": "held", "hold.extended": "held", "seats.purchased": "confirmed", "hold.released": "released",
    "hold.expired": "expired", "booking.cancelled": "cancelled", "seats.blocked": "held", "seats.unblocked": "released",
    "hold.changed": "held", "booking.changed": "confirmed", "passengers.erased": "confirmed",
}  # fmt: skip


def judge_rows(evidence: Evidence) -> Iterator[str]:
    """A cell belongs to a hold exactly if the hold says so (I2); a late booking follows an expired hold (I4)."""
    history = evidence.history
    had: dict[Cell, str] = {}
    for life in evidence.lives.values():
        late = history.holds.get(late_id(life.base))
        if late is not None and late.status in (*LIVE, "cancelled") and life.statuses[:2] != ["held", "expired"]:
            yield f"I4 {life.base} is {life.row.status} and was booked late"
        if life.statuses[-1] not in LIVE:
            continue
        name = late_id(life.base) if late is not None and late.status in LIVE else life.base
        found = history.holds[name]
        for cell in found.cells if found.now is None else found.now:
            if history.owners.get(cell) != name:
                yield f"I2 {name} is {life.statuses[-1]} without {cell}, which {history.owners.get(cell)} has"
            had[cell] = name
    if history.is_settled:
        for cell, owner in history.owners.items():
            if had.get(cell) != owner:
                yield f"I2 {cell} is kept for {owner}, which does not have it"


def judge_end_of_trip(evidence: Evidence) -> Iterator[str]:
    """Once a trip is said to be cancelled, none of its holds and bookings lives (I14); somebody asked for it (I5)."""
    asked_s = min((call.invoked_s for call in evidence.asked[CANCEL_TRIP, ""]), default=inf)
    for call in evidence.history.calls:
        if call.told == TRIP_CANCELLED and call.returned_s < asked_s:
            yield f"I5 said to be cancelled, and nobody had asked for it: {call}"
    ended = [call for call in evidence.asked[CANCEL_TRIP, ""] if call.answer is CallOutcome.OK]
    until_s = min((call.returned_s for call in ended), default=inf)
    for life in evidence.lives.values() if ended else ():
        said = f"I14 {life.base} lives after the trip was cancelled"
        if life.row.holder != HOUSE and life.statuses[-1] in LIVE:
            yield said
        elif life.row.holder != HOUSE:
            yield from evidence.learn((NotAfter(life.began[-1], until_s),), said)


def judge_liveness(evidence: Evidence) -> Iterator[str]:
    """No seat stays stuck (L2), and no call waits for ever (L3)."""
    for call in evidence.history.calls:
        if call.number in evidence.history.probes and call.answer is not CallOutcome.OK:
            yield f"L2 nobody has it, and it cannot be won: {call}"
        if call.returned_s - call.invoked_s > evidence.history.answer_s_max:
            yield f"L3 too late an answer: {call}"


def judge_caps(evidence: Evidence) -> Iterator[str]:
    """No holder has more holds than allowed at a moment at which they all certainly live (I9)."""
    if not evidence.history.holds_max:
        return
    edges: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for life in evidence.lives.values():
        from_s = evidence.moments.latest_s[life.began[0]]
        to_s = evidence.moments.earliest_s[life.began[1]] if len(life.began) > 1 else inf
        if life.row.holder != HOUSE and from_s < to_s:
            edges[life.row.holder] += [(from_s, 1), (to_s, -1)]
    for holder, changes in edges.items():
        held = 0
        for at_s, change in sorted(changes):
            held += change
            if held > evidence.history.holds_max:
                yield f"I9 {holder} has {held} holds at {at_s:.2f}"
                return


def judge_events(evidence: Evidence) -> Iterator[str]:
    """Ids are unique, and the events of each hold, each counted once, show its states in order (I8)."""
    if evidence.history.events is None:
        return
    first = {event.id: event for event in reversed(evidence.history.events)}
    if strange := [event for event in evidence.history.events if first[event.id] != event]:
        yield f"I8 one id, two events: {strange[0]} {first[strange[0].id]}"
    told: dict[str, dict[int, str]] = defaultdict(dict)
    doubled = Counter((base_id(event.hold_id), event.ordinal) for event in first.values())
    yield from (f"I8 told twice under two ids: {place}" for place, count in doubled.items() if count > 1)
    for event in first.values():
        told[base_id(event.hold_id)][event.ordinal] = EVENTS[event.type]
    for base in dict.fromkeys([*told, *evidence.lives]):
        places = sorted(told[base])
        statuses = [told[base][place] for place in places]
        folded = [now for before, now in zip(["", *statuses], statuses, strict=False) if now != before]
        passed = evidence.lives[base].statuses if base in evidence.lives else []
        if folded != passed or places != list(range(len(places))):
            yield f"I8 {base} went through {passed}, its events tell {told[base]}"


RULES: tuple[Callable[[Evidence], Iterator[str]], ...] = (
    judge_rows,
    judge_liveness,
    judge_keys,
    judge_answers,
    judge_makers,
    judge_steps,
    judge_end_of_trip,
    judge_caps,
    judge_events,
    judge_order,
)
"""The rules, each with the promises that it checks; the order comes last, when everything else is known."""


def violations(history: History) -> list[str]:
    """Every promise that is seen broken; [] if the history is possible."""
    evidence = Evidence(history)
    return [*(said for rule in RULES for said in rule(evidence)), *violations_of_lists(history)]


def out_of_order(told: Iterable[tuple[str, int]], elsewhere: Container[tuple[str, int]]) -> Iterator[str]:
    """The holds whose events, each named by its hold and ordinal, do not count up (I8). It is not a gap if the missing
    events were published elsewhere.
    """
    by_hold: dict[str, list[int]] = defaultdict(list)
    for hold_id, ordinal in told:
        by_hold[hold_id].append(ordinal)
    for hold_id, ordinals in by_hold.items():
        missing = set(range(ordinals[0], ordinals[-1])).difference(ordinals)
        if ordinals != sorted(ordinals) or any((hold_id, ordinal) not in elsewhere for ordinal in missing):
            yield f"I8 events of {hold_id} told out of order: {ordinals}"
