"""What an attack works with: lines to the service, how much of itself to do, and what it has heard."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Final, NamedTuple

from verification.attack.raw_connection import RawConnection

CONNECTING_AT_ONCE_MAX: Final = 20
"""Far fewer than the service has room for: else a caller of good will might lose its place before it can speak."""
PAUSE_SECONDS_MIN: Final = 0.2


@dataclass
class Assault:
    """One run of an attack. `scale` 1.0 is the whole of it."""

    port: int
    scale: float = 1.0
    heard: Counter[str] = field(default_factory=Counter)
    """What it was told, as `RawConnection` names it; "refused" is a connection that was not even made."""
    facts: dict[str, int] = field(default_factory=dict)
    """What it did, and what it saw that is no answer."""
    random: Random = field(default_factory=lambda: Random(7))

    def times(self, count: int, *, least: int = 1) -> int:
        """The scaled count."""
        return max(least, round(count * self.scale))

    def seconds(self, seconds: float) -> float:
        """The scaled time."""
        return max(PAUSE_SECONDS_MIN, seconds * min(1.0, self.scale))

    def did(self, what: str, count: int) -> None:
        self.facts[what] = self.facts.get(what, 0) + count

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
        """So many connections while the block lasts, fewer where the service takes no more."""
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
    """Do the work for every number, so many at once; a lost connection ends only its own part."""
    left = iter(numbers)

    async def worker() -> None:
        for number in left:
            with suppress(ConnectionError):
                await work(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())


NOTHING: Final = "nothing"
"""Told to an attacker that the service neither answers nor needs to cut off as long as the attack lasts."""


class Attack(NamedTuple):
    """Something that a stranger may do to the port."""

    name: str
    run: Callable[[Assault], Awaitable[None]]
    answers: frozenset[str]
    """All that it may be told, as `RawConnection` names it. Nothing else is legal."""
    seconds_max: float = 60.0
