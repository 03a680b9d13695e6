"""Judges the notes and the record: trip by trip with the checker, and by plain counts of its own."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import inf
from typing import Any

from travio_inventory.seats.ports import Cell
from verification.chaos.aftermath import Aftermath, Remains
from verification.chaos.brokers import Step
from verification.chaos.changes import judge_changes
from verification.chaos.deployment import Deployment
from verification.chaos.limits import judge_limits
from verification.chaos.notebook import CLOCK_BOUND_MS, Book
from verification.chaos.ownership import Owned, Ownership
from verification.simulation.checker import out_of_order, violations
from verification.simulation.history import History

LIVES_S_MAX = 30.0
"""How long after the last call about a trip one of its holds can still expire."""


@dataclass
class Verdict:
    """What is broken. `oversold` counts the cells that two holders certainly had at once."""

    violations: list[str] = field(default_factory=list)
    oversold: int = 0


def judge(history: History, late_s: Mapping[str, float]) -> Verdict:
    """Judge one trip. `late_s` is how late holds were ended, by the database's clock."""
    sold_twice = list(_sold_twice(history))
    told = [f"I1 {cell} {said}" for cell, said in sold_twice]
    return Verdict([*violations(history), *told, *_early(history, late_s)], len({cell for cell, _ in sold_twice}))


def _early(history: History, late_s: Mapping[str, float]) -> Iterator[str]:
    for hold_id in history.holds.keys() & late_s.keys():
        if late_s[hold_id] * 1_000 < -history.clock_bound_ms:
            yield f"I10 {hold_id} expired {-late_s[hold_id]:.3f} s before its time"


def judge_order(lives: Sequence[Sequence[dict[str, Any]]]) -> list[str]:
    """In each life of a service the events of a hold, where they are told first, come one after the other (I8).

    A life may leave out what another one told: its minute may be closed, where a clock had been set back.
    """
    told = [[(event["subject"], event["ordinal"]) for event in life] for life in lives]
    by_any = set(chain.from_iterable(told))
    return [said for life in told for said in out_of_order(dict.fromkeys(life), by_any)]


def judge_brokers(told: Mapping[str, Sequence[Step]]) -> list[str]:
    """The first copies of a hold's events that a broker has count up (I8), whichever services brought them."""
    return [f"{name}: {said}" for name, steps in told.items() for said in out_of_order(dict.fromkeys(steps), ())]


def _sold_twice(history: History) -> Iterator[tuple[Cell, str]]:
    """No cell certainly belongs to two at once (I1): each cell that does, once for every two that had it."""
    by_cell: dict[Cell, list[Owned]] = defaultdict(list)
    for owned, cell in Ownership(history).of_cells():
        if owned.from_s < owned.to_s:
            by_cell[cell].append(owned)
    for cell, owned_by in by_cell.items():
        last = Owned(-inf, -inf, "")
        for owned in sorted(owned_by):
            if owned.from_s < last.to_s and owned.hold_id != last.hold_id:
                yield cell, f"belonged to {last.hold_id} and {owned.hold_id}, from {owned.from_s:.3f} on"
            last = max(last, owned, key=lambda one: one.to_s)


def judge_trip(book: Book, remains: Remains) -> Iterator[str]:
    """Judge what the record keeps of one trip: each change of a hold, and that its end was told once (I8)."""
    prices = {seat.id: seat.price_minor for seat in book.trip.seats}
    yield from judge_changes(book.calls, remains.states, prices)
    if book.is_cancelled and remains.ends_told != 1:
        yield f"I8 {book.name} was cancelled, and that is recorded {remains.ends_told} times"


def histories(
    books: Sequence[Book], found: Aftermath, deployment: Deployment, *, start_ms: int, holds_max: int
) -> dict[str, History]:
    """What the checker judges, by trip. It allows for clocks that were ahead meanwhile."""
    made, told = {}, found.told()
    for book in books:
        remains = found.remains[book.name]
        invoked_s = [call.invoked_s for call in book.all_calls]
        ahead_ms = deployment.ahead_ms(min(invoked_s), max(invoked_s) + LIVES_S_MAX)
        made[book.name] = History(
            book.calls,
            remains.holds,
            remains.owners,
            events=told.get(book.name, []),
            start_ms=start_ms,
            clock_bound_ms=max(0, ahead_ms - CLOCK_BOUND_MS),
            holds_max=holds_max,
        )
    return made


def judge_all(judged: Mapping[str, History], found: Aftermath, *, holds_max: int) -> Verdict:
    """Judge everything."""
    whole = Verdict([*found.violations, *judge_order(found.lives), *judge_brokers(found.brokers)])
    if holds_max:
        whole.violations += judge_limits(judged.values(), holds_max)
    for trip, history in judged.items():
        one = judge(history, found.late_s)
        whole.violations += [f"{trip}: {said}" for said in one.violations]
        whole.oversold += one.oversold
    return whole
