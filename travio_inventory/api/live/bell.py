"""Wakes everyone who waits for the same thing, without stopping the event loop for long."""

import asyncio

WOKEN_AT_ONCE = 250
"""So many watchers are woken in one turn of the event loop; then other calls go on."""


class Bell:
    """Whoever waits is woken by the next ring."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], None] = {}

    async def wait(self) -> None:
        """Return at the next ring."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[woken] = None
        try:
            await woken
        finally:
            self._waiting.pop(woken, None)

    async def ring(self) -> None:
        """Wake everyone who waits now, in the order in which they came."""
        waiting = list(self._waiting)
        for start in range(0, len(waiting), WOKEN_AT_ONCE):
            for woken in waiting[start : start + WOKEN_AT_ONCE]:
                self._wake(woken)
            await asyncio.sleep(0)

    def ring_at_once(self) -> None:
        """Wake everyone in this turn of the event loop."""
        for woken in self._waiting:
            self._wake(woken)

    def _wake(self, woken: "asyncio.Future[None]") -> None:
        if not woken.done():
            woken.set_result(None)
