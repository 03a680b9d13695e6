"""Waiting lists on a bad day: users who join and leave, one call after the other, and a verdict on the places."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf
from random import Random

from verification.chaos.notebook import UNDECIDED, Book, Notebook, words
from verification.chaos.season import Door, Season
from verification.simulation.history import Call, CallOutcome
from verification.simulation.possible_answers import TRIP_CANCELLED

STEPS = (("join",), ("join", "join"), ("join", "leave"), ("join", "leave", "join"))
"""The calls of a user, in order; joining again keeps the place."""
PAUSE_S = 0.3
REST_S = 0.2


@dataclass
class Waiter:
    """One new user after the other. `unsettled` is what was not answered when the season was over."""

    name: str
    doors: Sequence[Door]
    season: Season
    notebook: Notebook
    random: Random
    unsettled: tuple[Book, str, str] | None = None
    _came: int = 0

    async def wait(self) -> None:
        """Until the season is over."""
        while not self.season.is_over:
            self._came += 1
            book, user = self.random.choice(self.season.on_sale), f"{self.name}-{self._came}"
            for op in self.random.choice(STEPS):
                if not await self._insist(book, user, op):
                    return
            await asyncio.sleep(self.random.uniform(0, REST_S))

    async def settle(self) -> None:
        """When all faults are over: call until it is answered. Raises TimeoutError."""
        while self.unsettled is not None:
            if (await self._ask(*self.unsettled)).answer not in UNDECIDED:
                self.unsettled = None
            await self._pause()

    async def _insist(self, book: Book, user: str, op: str) -> bool:
        """Call until there is an answer or the season is over; whether there was one."""
        was_unknown = False
        while not self.season.is_over:
            call = await self._ask(book, user, op)
            if call.answer not in UNDECIDED:
                if was_unknown:
                    self.notebook.settled[op, "asked again at once", words(call)] += 1
                return True
            was_unknown = was_unknown or call.answer is CallOutcome.UNKNOWN
            await self._pause()
        self.unsettled = book, user, op
        return False

    async def _pause(self) -> None:
        await asyncio.sleep(self.random.uniform(0, PAUSE_S))

    async def _ask(self, book: Book, user: str, op: str) -> Call:
        door = self.random.choice(self.doors)
        client = door.client.acting_for(user)
        call = self.notebook.place(book, op, user, service=door.service)
        asked: dict[str, Callable[[], Awaitable[int | None]]] = {
            "join": lambda: client.join_waitlist(book.name),
            "leave": lambda: client.leave_waitlist(book.name),
        }
        position = await self.notebook.hear(call, asked[op])
        if call.answer is CallOutcome.OK:
            call.told = f"place {position}" if op == "join" else "OK"
        return call


def judge_lists(calls: Sequence[Call], places: Mapping[str, int], *, cancelled_s: float = inf) -> Iterator[str]:
    """Judge one list: its calls, in the order in which they were made, and who waits in the end with which number; when
    somebody first asked to cancel the trip.

    Acknowledged places are kept (I3), what was left is left (I4), only the list of a cancelled trip takes nobody (I5),
    and who came first is before (I7).
    """
    by_user: dict[str, list[Call]] = {}
    for call in calls:
        by_user.setdefault(call.holder, []).append(call)
    for user, own in by_user.items():
        yield from _lost(user, own, is_there=user in places)
        yield from _moved_back(user, own)
        yield from _not_let_in(own, cancelled_s)
    for user in places.keys() - by_user.keys():
        yield f"I5 {user} waits and never asked for it"
    if len(set(places.values())) < len(places):
        yield f"I1 two have one place: {dict(places)}"
    yield from _overtaken(by_user, places)


def _lost(user: str, own: Sequence[Call], *, is_there: bool) -> Iterator[str]:
    """Follows one user's calls: whether the user is certainly waiting, certainly not, or unknown."""
    waits: bool | None = False
    for call in own:
        match call.op, call.answer:
            case (_, CallOutcome.AGAIN) | ("join", CallOutcome.NO):
                pass
            case _, CallOutcome.UNKNOWN if waits is not (call.op == "join"):
                waits = None
            case "leave", CallOutcome.NO if waits:
                yield f"I3 told to have no place, and has one: {call}"
                waits = False
            case op, _:
                waits = op == "join"
    if waits is not None and waits != is_there:
        yield f"I3 I4 {user} {'has lost a place' if waits else 'has a place that was left'}: {own}"


def _not_let_in(own: Sequence[Call], cancelled_s: float) -> Iterator[str]:
    for call in own:
        is_cancelled = call.told == TRIP_CANCELLED and call.returned_s >= cancelled_s
        if call.op == "join" and call.answer is CallOutcome.NO and not is_cancelled:
            yield f"I5 not let join a list that takes all: {call}"


def _moved_back(user: str, own: Sequence[Call]) -> Iterator[str]:
    """A place is never further back than it was first said to be, as long as it lasts."""
    first = inf
    for call in own:
        if call.op == "leave":
            first = inf
        elif call.answer is CallOutcome.OK:
            place = int(call.told.removeprefix("place "))
            if place > first:
                yield f"I7 {user} was at {first} and then at {place}"
            first = place if first == inf else first


def _overtaken(by_user: Mapping[str, Sequence[Call]], places: Mapping[str, int]) -> Iterator[str]:
    stays = {user: _stay(own) for user, own in by_user.items() if user in places}
    for one, other in combinations(stays, 2):
        for before, after in ((one, other), (other, one)):
            if stays[before][1] < stays[after][0] and places[before] > places[after]:
                yield f"I7 {after} overtook {before}: {places[after]}, {places[before]}"


def _stay(own: Sequence[Call]) -> tuple[float, float]:
    """When the wait that lasts was first requested, and when its place was first returned."""
    left = max((at for at, call in enumerate(own) if call.op == "leave"), default=-1)
    joins = [call for call in own[left + 1 :] if call.op == "join" and call.answer is not CallOutcome.NO]
    told_s = (call.returned_s for call in joins if call.answer is CallOutcome.OK)
    return min((call.invoked_s for call in joins), default=-inf), min(told_s, default=inf)
