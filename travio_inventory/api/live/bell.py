"""Wakes everyone who waits for the same thing, without stopping the event loop for long."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

RUNG_AT_ONCE = 250
"""For so many watchers it rings in one turn of the event loop; then other calls go on."""


class Sleeper:
    """One who may wait, for one bell at a time."""

    __slots__ = ("woken",)

    def __init__(self) -> None:
        self.woken: asyncio.Future[None] | None = None
        """While it waits: what it waits for."""


S = TypeVar("S", bound=Sleeper)


class Bell(Generic[S]):
    """Whoever waits is woken by the next ring, unless that finds that it may sleep on. Of ten thousand who do, nothing
    is in the processor's cache: a ring looks at the sleepers alone.
    """

    def __init__(self) -> None:
        self._waiting: dict[S, None] = {}

    async def wait(self, sleeper: S) -> None:
        """Return at the next ring that does not let it sleep on."""
        woken = sleeper.woken = asyncio.get_running_loop().create_future()
        self._waiting[sleeper] = None
        try:
            await woken
        finally:
            sleeper.woken = None
            del self._waiting[sleeper]

    async def ring(self, sleeps_on: Callable[[S], bool] = lambda _: False) -> None:
        """Wake everyone who waits now and may not sleep on, in the order in which they came."""
        waiting = list(self._waiting)
        for start in range(0, len(waiting), RUNG_AT_ONCE):
            for sleeper in waiting[start : start + RUNG_AT_ONCE]:
                if sleeper.woken is not None and not sleeps_on(sleeper):
                    _wake(sleeper)
            await asyncio.sleep(0)

    def ring_at_once(self) -> None:
        """Wake everyone in this turn of the event loop."""
        for sleeper in self._waiting:
            _wake(sleeper)


def _wake(sleeper: Sleeper) -> None:
    if sleeper.woken is not None and not sleeper.woken.done():
        sleeper.woken.set_result(None)
