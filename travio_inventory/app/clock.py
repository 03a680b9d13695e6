"""The time of day of this machine, and how long it has been up."""

import time

_STOPWATCH: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Where there is one that goes on while the machine sleeps, that."""


class SystemClock:
    """Clock. The time of day of this machine, and its time since it was started, asleep or awake."""

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return time.time_ns() // 1_000_000

    def elapsed_ms(self) -> int:
        """Milliseconds since the machine was started."""
        return time.clock_gettime_ns(_STOPWATCH) // 1_000_000
