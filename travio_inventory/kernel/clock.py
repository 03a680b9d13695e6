"""The time of day of this machine, and the time since it was started."""

import time
from datetime import UTC, datetime
from typing import Protocol

_STOPWATCH: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""If the system has one, the clock that also counts while the machine sleeps."""


class Clock(Protocol):
    """The time of day, and a monotonic time."""

    def now_ms(self) -> int:
        """Unix milliseconds. It may be set forwards or back."""
        ...

    def elapsed_ms(self) -> int:
        """Milliseconds since some moment of this machine. It cannot be set and never goes back."""
        ...


class SystemClock:
    """Clock. The time of day of this machine, and the time since it was started, sleep included."""

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return time.time_ns() // 1_000_000

    def elapsed_ms(self) -> int:
        """Milliseconds since the machine was started."""
        return time.clock_gettime_ns(_STOPWATCH) // 1_000_000


def in_utc(unix_ms: int) -> str:
    """The moment for people, to the minute."""
    return datetime.fromtimestamp(unix_ms / 1_000, UTC).isoformat(timespec="minutes")
