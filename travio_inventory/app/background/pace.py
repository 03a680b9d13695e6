"""When a job's next round begins: an interval after the last one began, with back-off while rounds fail."""

from collections.abc import Awaitable, Callable
from random import Random

import anyio

BACKOFF_MS_MAX = 3_000
GATHER_S = 0.02
"""The least pause between two rounds, in which news gather; it is no shorter than the last round."""
REST = 0.25
"""Of the interval: the pause between two rounds, however long they take."""


class Pace:
    """Rounds one after the other. Waits vary by a quarter, so that processes do not run in step."""

    def __init__(self, *, interval_ms: int, jitter: Random) -> None:
        self._interval_ms = interval_ms
        self._jitter = jitter
        self._failed = 0

    async def keep(
        self, round_: Callable[[], Awaitable[bool]], news: Callable[[], Awaitable[object]] = anyio.sleep_forever
    ) -> None:
        """Run rounds until cancelled. A round returns whether it succeeded; it handles its own errors. After one that
        did, the next begins soon after `news` returns.
        """
        while True:
            began_s = anyio.current_time()
            went_well = await round_()
            self._failed = 0 if went_well else self._failed + 1
            wait_s = self.wait_s()
            took_s = anyio.current_time() - began_s if went_well else 0.0
            wait_s = max(wait_s - took_s, wait_s * REST)
            soon_s = min(max(GATHER_S, took_s), wait_s) if went_well else wait_s
            await anyio.sleep(soon_s)
            if soon_s < wait_s:
                with anyio.move_on_after(wait_s - soon_s):
                    await news()

    def wait_s(self) -> float:
        """Seconds between two rounds: doubled for each failure in a row, to BACKOFF_MS_MAX or the interval."""
        longest_ms = max(self._interval_ms, BACKOFF_MS_MAX)
        wait_ms = min(self._interval_ms << min(self._failed, 16), longest_ms)
        return wait_ms * self._jitter.uniform(0.75, 1.0) / 1_000
