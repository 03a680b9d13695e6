"""Wakes everyone who waits for the same thing, without stopping the event loop for long."""

import asyncio
from collections.abc import Callable

RUNG_AT_ONCE = 250
"""For so many watchers it rings in one turn of the event loop; then other calls go on."""


class Bell:
    """Whoever waits is woken by the next ring."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], Callable[[], bool] | None] = {}

    async def wait(self, sleeps_on: Callable[[], bool] | None = None) -> None:
        """Return at the next ring; or, where a ring asks `sleeps_on` first, at the first one to which it says no."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[woken] = sleeps_on
        try:
            await woken
        finally:
            self._waiting.pop(woken, None)

    async def ring(self) -> None:
        """Wake everyone who waits now, in the order in which they came."""
        waiting = list(self._waiting.items())
        for start in range(0, len(waiting), RUNG_AT_ONCE):
            for woken, sleeps_on in waiting[start : start + RUNG_AT_ONCE]:
                if woken in self._waiting and (sleeps_on is None or not sleeps_on()):
                    self._wake(woken)
            await asyncio.sleep(0)

    def ring_at_once(self) -> None:
        """Wake everyone in this turn of the event loop."""
        for woken in self._waiting:
            self._wake(woken)

    def _wake(self, woken: "asyncio.Future[None]") -> None:
        if not woken.done():
            woken.set_result(None)
