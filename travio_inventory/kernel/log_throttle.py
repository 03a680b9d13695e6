"""Rate limit for log lines, so that what fails all the time does not fill the log."""

import time
from collections.abc import Callable, Hashable

from cachetools import TTLCache


class LogThrottle:
    """Allows one line per thing and `seconds`.

    Remembers the `things_max` things that were logged last.
    """

    def __init__(
        self, *, seconds: float = 60, things_max: int = 1_000, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._said: TTLCache[Hashable, bool] = TTLCache(things_max, seconds, timer=now_s)

    def may_log(self, thing: Hashable) -> bool:
        """Whether to log it now; then it counts as logged."""
        if thing in self._said:
            return False
        self._said[thing] = True
        return True
