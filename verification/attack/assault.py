"""What an attack works with: connections to the service, its scale, and the answers that it has got."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Final, NamedTuple

from verification.attack.raw_connection import RawConnection

CONNECTING_AT_ONCE_MAX: Final = 20
"""Far fewer than the service accepts, so that no well-behaved caller loses its connection before its first request."""
PAUSE_SECONDS_MIN: Final = 0.2


@dataclass
class Assault:
    """One run of an attack. `scale` 1.0 is its full size."""

    port: int
    scale: float = 1.0
    web_port: int = 0
    """Where the service listens for HTTP."""
    heard: Counter[str] = field(default_factory=Counter)
    """What it was told, as `RawConnection` names it; "refused" is a connection that was never made."""
    facts: dict[str, int] = field(default_factory=dict)
    """What it did, and what it saw apart from answers."""
    random: Random = field(default_factory=lambda: Random(7))

    def times(self, count: int, *, least: int = 1) -> int:
        """The scaled count."""
        return max(least, round(count * self.scale))

    def seconds(self, seconds: float) -> float:
        """The scaled time."""
        return max(PAUSE_SECONDS_MIN, seconds * min(1.0, self.scale))

    def did(self, what: str, count: int) -> None:
        self.facts[what] = self.facts.get(what, 0) + count

    def missed(self, what: str, count: int) -> None:
        """So often it waited in vain: that counts as an answer, which no attack allows."""
        if count:
            self.heard[what] += count

    @asynccontextmanager
    async def connection(
        self, *, preface: bool = True, settings: Iterable[tuple[int, int]] = ()
    ) -> AsyncIterator[RawConnection]:
        """One connection while the block lasts. Raises OSError."""
        connection = await RawConnection.connect(self.port, self.heard, preface=preface, settings=settings)
        try:
            yield connection
        finally:
            connection.leave()

    @asynccontextmanager
    async def connections(
        self, count: int, *, preface: bool = True, settings: Sequence[tuple[int, int]] = ()
    ) -> AsyncIterator[list[RawConnection]]:
        """This number of connections while the block lasts, fewer if the service accepts no more."""
        made: list[RawConnection] = []

        async def make(_: int) -> None:
            try:
                connection = await RawConnection.connect(self.port, self.heard, preface=preface, settings=settings)
                made.append(connection)
                await connection.greeted()
            except (OSError, TimeoutError):
                self.heard["refused"] += 1

        try:
            await spread(make, range(count), at_once=CONNECTING_AT_ONCE_MAX)
            yield made
        finally:
            for connection in made:
                connection.leave()


async def spread(work: Callable[[int], Awaitable[None]], numbers: Iterable[int], *, at_once: int) -> None:
    """Do the work for every number, with this number at once; a lost connection ends only its own part."""
    left = iter(numbers)

    async def worker() -> None:
        for number in left:
            with suppress(ConnectionError):
                await work(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())


NO_ANSWER: Final = "no answer"
"""Calls that were neither answered nor refused, on a connection that lasts."""
NOTHING: Final = "nothing"
"""What an attacker is told if the service neither answers nor needs to close the connection during the attack."""


class Attack(NamedTuple):
    """Something that any peer can do to the port."""

    name: str
    run: Callable[[Assault], Awaitable[None]]
    answers: frozenset[str]
    """All answers that are allowed, as `RawConnection` names them."""
    seconds_max: float = 60.0
    with_tokens: bool = False
    """Of a service that asks for tokens, which the well-behaved callers have."""
