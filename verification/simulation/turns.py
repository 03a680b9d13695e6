"""Judges only the answers about waiting lists: some order of the calls must explain them.

The calls about one holder's place on one list are few enough to try every order: the place exists or not, and joining
and leaving alternate.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from verification.simulation.history import Call, CallOutcome, History, Place, Waits

TRIED_MAX = 20_000

_NOBODY = Place("", 0, 0, 0)
_SOMEBODY = Place("", 0, -1, -1)
"""A user is waiting whose place was not reported yet."""


def violations_of_lists(history: History) -> Iterator[str]:
    """Every promise about waiting lists that is seen broken."""
    by_place: dict[tuple[str, str], list[Call]] = defaultdict(list)
    listed = {call.subject for call in history.calls if call.op in ("join", "leave")}
    for call in history.calls:
        for seat_class in [call.subject] if call.op in ("join", "leave") else sorted(listed):
            if call.op in ("join", "leave", "waits"):
                by_place[seat_class, call.holder].append(call)
    for (seat_class, holder), calls in by_place.items():
        turns = _Turns(seat_class, calls, history.waits.get((seat_class, holder)))
        if not turns.are_explained():
            yield f"I3 I5 no order explains what {holder} was told of list {seat_class!r}: {calls}, {turns.found}"
    yield from _judge_order(history, by_place)


def _judge_order(history: History, by_place: dict[tuple[str, str], list[Call]]) -> Iterator[str]:
    """A user who is waiting in the end, and was told so before another asked to join, is before the other (I7)."""
    ends = [(name, found) for name, found in history.waits.items() if found.is_waiting]
    for name, found in ends:
        told_s = min((call.returned_s for call in _told_of(found, name[0], by_place[name])), default=inf)
        for other, rival in ends:
            asked_s = min((call.invoked_s for call in _makers(rival, by_place[other])), default=inf)
            if other[0] == name[0] and told_s < asked_s and found.sequence >= rival.sequence:
                yield f"I7 {other[1]} is before {name[1]}, who had joined before: {rival} {found}"


def _told_of(found: Waits, seat_class: str, calls: Sequence[Call]) -> Iterator[Call]:
    """The calls that reported the existing place; before an acknowledged leave they reported another one."""
    left_s = max(
        (call.invoked_s for call in calls if (call.op, call.answer) == ("leave", CallOutcome.OK)), default=-inf
    )
    for call in calls:
        if any(_is(place, seat_class, found) for place in call.places) and call.returned_s > left_s:
            yield call


def _makers(found: Waits, calls: Sequence[Call]) -> Iterator[Call]:
    """The calls that can have taken the existing place."""
    for call in calls:
        if call.op == "join" and (
            call.answer is CallOutcome.UNKNOWN or any(_is(place, call.subject, found) for place in call.places)
        ):
            yield call


def _is(place: Place, seat_class: str, found: Waits) -> bool:
    return (place.seat_class, place.seats, place.joined_ms) == (seat_class, found.seats, found.joined_ms)


class _State(NamedTuple):
    """The finished calls, the existing place, and until when the call ran that ended the previous place."""

    done: int
    place: Place
    leaving_until_s: float


@dataclass(slots=True)
class _Turns:
    """One holder's calls about one list, and what was found in the end."""

    seat_class: str
    calls: list[Call]
    found: Waits | None

    def are_explained(self) -> bool:
        """Whether some order of the calls leads to what was found, each answer being right in it."""
        calls = sorted((call for call in self.calls if _counts(call)), key=lambda call: call.invoked_s)
        answered = sum(1 << place for place, call in enumerate(calls) if call.answer is not CallOutcome.UNKNOWN)
        todo = [_State(0, _NOBODY, -inf)]
        tried = set(todo)
        while todo and len(tried) < TRIED_MAX:
            state = todo.pop()
            if state.done & answered == answered and self._is_found(state.place):
                return True
            for after in self._moves(state, calls):
                if after not in tried:
                    tried.add(after)
                    todo.append(after)
        return len(tried) >= TRIED_MAX

    def _is_found(self, place: Place) -> bool:
        if self.found is None or not self.found.is_waiting:
            return place is _NOBODY
        return place is _SOMEBODY or _is(place, self.seat_class, self.found)

    def _moves(self, state: _State, calls: list[Call]) -> Iterator[_State]:
        """What can be next: a call that began before all that are not done were answered. The likeliest comes last.

        Of calls that ask for the same and were never answered one is as good as the other: the first is taken.
        """
        left = [(1 << place, call) for place, call in enumerate(calls) if not state.done >> place & 1]
        ends_s = min((call.returned_s for _, call in left if call.answer is not CallOutcome.UNKNOWN), default=inf)
        begun = [(bit, call) for bit, call in left if call.invoked_s <= ends_s]
        unanswered = {call.op: (bit, call) for bit, call in reversed(begun) if call.answer is CallOutcome.UNKNOWN}
        answered = sorted(
            (one for one in begun if one[1].answer is not CallOutcome.UNKNOWN), key=_returned_s, reverse=True
        )
        for bit, call in (*unanswered.values(), *answered):
            yield from (after._replace(done=state.done | bit) for after in self._after(state, call))

    def _after(self, state: _State, call: Call) -> Iterator[_State]:
        is_there = state.place is not _NOBODY
        told = next((_named(place) for place in call.places if place.seat_class == self.seat_class), None)
        match call.op, call.answer:
            case "join", CallOutcome.UNKNOWN if not is_there:
                yield state._replace(place=_SOMEBODY)
            case "join" | "waits", CallOutcome.OK if told is not None:
                if state.place in (told, _SOMEBODY) or (call.op == "join" and not is_there):
                    yield state._replace(place=told)
            case "waits", CallOutcome.OK if not is_there:
                yield state
            case "leave", CallOutcome.OK | CallOutcome.UNKNOWN if is_there:
                until_s = inf if call.answer is CallOutcome.UNKNOWN else call.returned_s
                yield state._replace(place=_NOBODY, leaving_until_s=until_s)
            case "leave", CallOutcome.OK if call.invoked_s <= state.leaving_until_s:  # two left at once
                yield state
            case "leave", CallOutcome.NO if not is_there:
                yield state
            case "join", CallOutcome.NO:
                yield state
            case _:
                return


def _counts(call: Call) -> bool:
    """Whether it can have had an effect, or reported one."""
    return call.answer is not CallOutcome.AGAIN and (call.op, call.answer) != ("waits", CallOutcome.UNKNOWN)


def _returned_s(one: tuple[int, Call]) -> float:
    return one[1].returned_s


def _named(place: Place) -> Place:
    """What distinguishes the place from others while it exists."""
    return place._replace(position=0)
