"""The time of day of this machine, and how long it has been up."""

import time
from typing import Protocol

_STOPWATCH: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Where there is one that goes on while the machine sleeps, that."""


class Clock(Protocol):
    """Tells the time of day, and how much time passes."""

    def now_ms(self) -> int:
        """Unix milliseconds. Somebody may set it, forwards or back."""
        ...

    def elapsed_ms(self) -> int:
        """Milliseconds since a moment that only this process knows. Nobody can set it: it never goes back."""
        ...


class SystemClock:
    """Clock. The time of day of this machine, and its time since it was started, asleep or awake."""

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return time.time_ns() // 1_000_000

    def elapsed_ms(self) -> int:
        """Milliseconds since the machine was started."""
        return time.clock_gettime_ns(_STOPWATCH) // 1_000_000
