"""Whether this machine's clock is right, as far as the servers' clocks can tell."""

import time
from collections.abc import Callable

from cassandra.cluster import Session

from travio_inventory.store.scylla.placement import READ_S_MAX, KeyspaceProblem

LOOKS = 3
APART_MS_MAX = 10_000
"""No process starts with a clock further from those of the servers: a running attempt elsewhere would look abandoned,
and a new hold expired.
"""
_NOW = "SELECT toUnixTimestamp(now()) FROM system.local"


class ClockWrong(KeyspaceProblem):
    """This machine's clock and the servers' are too far apart."""


def now_ms() -> int:
    """Unix milliseconds by this machine's clock."""
    return time.time_ns() // 1_000_000


def apart_ms(session: Session, clock_ms: Callable[[], int] = now_ms) -> int:
    """How far the clock is ahead of a server's, negative if behind: the smallest of a few measurements, at different
    servers if there are several, less what the time of an answer may explain.
    """
    return min((_apart_ms(session, clock_ms) for _ in range(LOOKS)), key=abs)


def check(session: Session, clock_ms: Callable[[], int] = now_ms) -> None:
    """Raises ClockWrong beyond APART_MS_MAX."""
    ahead_ms = apart_ms(session, clock_ms)
    if abs(ahead_ms) > APART_MS_MAX:
        raise ClockWrong(f"{in_words(ahead_ms)}, and may be {APART_MS_MAX / 1_000:g} s at most: set it by NTP")


def in_words(ahead_ms: int) -> str:
    """How the clocks differ."""
    return f"the clock of this machine is {abs(ahead_ms) / 1_000:.1f} s {_side(ahead_ms)} those of the database"


def _side(ahead_ms: int) -> str:
    return "ahead of" if ahead_ms > 0 else "behind"


def _apart_ms(session: Session, clock_ms: Callable[[], int]) -> int:
    before_ms = clock_ms()
    theirs_ms = int(session.execute(_NOW, timeout=READ_S_MAX).one()[0])
    after_ms = clock_ms()
    return min(0, after_ms - theirs_ms) or max(0, before_ms - theirs_ms - 1)
