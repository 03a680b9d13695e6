"""Judges moves and steps of some seats by what the hold had before and after each: all that was asked for, or nothing.

What a hold had is known from the events of its steps, one state after the other. Each change was asked for, and is all
of what one call asked for (I2); a hold is where its caller was told that it is, at that price (I3); a seat that stays
keeps its price, and a new one has that of the trip (I4).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from verification.chaos.states import State
from verification.simulation.history import AskedMove, Call, CallOutcome
from verification.simulation.possible_answers import may_have_acted

STEPS = {"release": "hold.changed", "cancel": "booking.changed", "confirm": "seats.purchased"}
"""The event of each step of some seats."""
WHOLE = ("hold.released", "booking.cancelled")
"""The events after which nothing is left to be given back: the trip may be cancelled."""


def judge_changes(
    calls: Iterable[Call], states: Mapping[str, Sequence[State]], prices: Mapping[str, int]
) -> Iterator[str]:
    """Judge one trip, whose seats have these prices: its calls, and the states of each hold by its base id."""
    asked: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.parts or call.move or call.has:
            asked[call.subject].append(call)
    for base, passed in states.items():
        yield from _unasked(passed, asked[base])
        yield from _at_other_prices(passed, prices)
    for base, own in asked.items():
        for call in own:
            if call.answer is CallOutcome.OK and not any(_is_as_told(state, call) for state in states.get(base, ())):
                yield f"I3 acknowledged, and never so: {call} {call.has} {states.get(base)}"


def _unasked(passed: Sequence[State], calls: Sequence[Call]) -> Iterator[str]:
    for before, after in pairwise(passed):
        is_same = (before.seats, before.segments) == (after.seats, after.segments)
        if not is_same and not any(_leads_to(call, before, after) for call in calls if may_have_acted(call)):
            yield f"I2 changed in part, or unasked: {before} {after} {[*calls]}"


def _leads_to(call: Call, before: State, after: State) -> bool:
    """Whether the call makes this of what was before."""
    had, has = {*before.seats}, {*after.seats}
    if call.move is not None:
        moved = {call.move.onto.get(seat, seat) for seat in had}
        is_there = {*call.move.onto} <= had and has == moved and len(moved) == len(had)
        return is_there and after.segments == _segments_after(call.move, before)
    if STEPS.get(call.op) != after.event or before.segments != after.segments:
        return False
    return has == ({*call.parts} if call.op == "confirm" else had - {*call.parts}) and has < had


def _segments_after(move: AskedMove, before: State) -> range:
    return range(move.journey[0], move.journey[1] + 1) if move.journey else before.segments


def _at_other_prices(passed: Sequence[State], prices: Mapping[str, int]) -> Iterator[str]:
    for before, after in zip([None, *passed], passed, strict=False):
        known = dict(zip(before.seats, before.prices, strict=False)) if before else {}
        due = tuple(known.get(seat, prices[seat]) for seat in after.seats)
        if after.prices != due:
            yield f"I4 at other prices than {due}: {before} {after}"


def _is_as_told(state: State, call: Call) -> bool:
    """Whether the hold was once as the acknowledged call made it, and as its caller was told."""
    has = {*state.seats}
    if call.has is not None:
        told = call.has
        is_told = ({*state.cells}, sum(state.prices)) == ({*told.cells}, told.price_minor) and state.is_live
        if not is_told or (call.op != "confirm" and state.version != told.version):
            return False
    if call.move is not None:
        old, new = {*call.move.onto}, {*call.move.onto.values()}
        is_there = call.has is None or (new <= has and has.isdisjoint(old - new))
        return is_there and state.segments == _segments_after(call.move, state)
    if call.op == "confirm" and call.parts:
        return has <= {*call.parts}
    return has.isdisjoint(call.parts) or state.event in WHOLE
