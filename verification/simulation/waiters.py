"""The users who wait for a sold-out trip: they join lists, read, leave, call twice at once and repeat calls."""

import asyncio
from collections.abc import Awaitable
from random import Random

from travio_inventory.kernel.actor import Actor
from verification.simulation.front import Front
from verification.simulation.history import Call, CallOutcome
from verification.simulation.oracle import Violated
from verification.simulation.virtual_loop import now_s

CLASSES = ("", "second")
"""There is a list for each class, and one for any class."""
CROWD_AT_S = 5.0
"""When all of them start."""
AT_ONCE = 0.3
"""How often a user makes two calls at once."""


class Waiter:
    """A user who joins and leaves lists until the day is over."""

    def __init__(self, front: Front, name: str, random: Random) -> None:
        self._front = front
        self._actor = Actor("o", name)
        self._random = random
        self._asked: dict[str, str] = {}
        """The last request for each list."""
        self._pending: list[asyncio.Task[Call]] = []

    async def live(self) -> None:
        """The whole day."""
        random = self._random
        await asyncio.sleep(CROWD_AT_S)
        await self._ask(random.choice(CLASSES), "join", tries=1)
        while now_s() < self._front.plan.day_s:
            await asyncio.sleep(random.choice((0.1, 3, 9)) * random.random())
            seat_class = random.choice(CLASSES)
            if random.random() < AT_ONCE:
                self._start(self._ask(seat_class, random.choice(("join", "leave")), tries=1))
                await asyncio.sleep(random.choice((0, 0.02, 0.3)) * random.random())
            await self._ask(seat_class, random.choice(("join", "join", "leave", "waits")), tries=random.choice((1, 3)))
        await asyncio.gather(*self._pending)

    async def insist(self) -> None:
        """When all is well again, repeat the last request, which settles it. Raises Violated."""
        for seat_class, op in self._asked.items():
            call = await self._ask(seat_class, op, tries=1)
            if call.answer in (CallOutcome.AGAIN, CallOutcome.UNKNOWN):
                raise Violated(f"I5 asked again when all is well, and no answer: {call}")
        await self._front.waits(self._actor.user)

    def _start(self, asking: Awaitable[Call]) -> None:
        self._pending.append(asyncio.ensure_future(asking))

    async def _ask(self, seat_class: str, op: str, *, tries: int) -> Call:
        match op:
            case "waits":
                return await self._front.waits(self._actor.user)
            case "join":
                self._asked[seat_class] = op
                return await self._front.join(self._actor, seat_class, self._random.randint(1, 4), tries=tries)
            case _:
                self._asked[seat_class] = op
                return await self._front.leave(self._actor, seat_class, tries=tries)
