"""Removes what has ended, the earliest first, a little at a time; and gives the disk back what became empty.

A row is there until it is removed here, for conditions and for reads, so that they never disagree. All tables are
purged together in the order of ends: of two rows the one that ends later is never removed earlier.

A clock that leaps ahead must not end everything at once. So what has ended is reckoned from the earliest end that is
there, and the reckoning goes at most `faster_max` times as fast as time does. Only a time in which nothing ends, longer
than anything is kept, is passed over: a machine that was started in 1970 purges as soon as its clock is right.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from travio_inventory.store.sqlite.ends import Portion, earliest_s, remove_earliest

Seconds: TypeAlias = Callable[[], float]
"""A clock."""

EMPTY_TIME_S = 60 * 86_400
"""Longer than any row or entry is kept: two ends that are further apart were written by different times."""
EMPTY_SHARE = 8
"""A file may have one page of so many empty: they are filled again soon."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How the purge goes on: a look every `interval_s`; while there is more to do, some `rows_at_once` or
    `pages_at_once` every `pause_s`. It goes at most `faster_max` times as fast as time does.
    """

    interval_s: float = 5.0
    pause_s: float = 0.005
    rows_at_once: int = 128
    pages_at_once: int = 32
    faster_max: float = 60.0


class Purge:
    """What has ended in the database of one connection. `now_s` is Unix time, `monotonic_s` never leaps."""

    def __init__(self, connection: sqlite3.Connection, pace: Pace, now_s: Seconds, monotonic_s: Seconds) -> None:
        self._connection = connection
        self._pace = pace
        self._now_s = now_s
        self._monotonic_s = monotonic_s
        self._reached_s: float = self._earliest_s()
        self._reached_at_s = self._due_at_s = monotonic_s()
        self._removed = 0

    def is_due(self) -> bool:
        """Whether it is time for `step`."""
        return self._monotonic_s() >= self._due_at_s

    @property
    def due_in_s(self) -> float:
        """When to ask again whether it is due."""
        return max(self._due_at_s - self._monotonic_s(), self._pace.pause_s)

    def step(self) -> bool:
        """Remove a few rows in the open transaction, or else free a few pages; whether there was any."""
        cursor = self._connection.cursor()
        ended = _remove(cursor, self._ended_by_s(), self._pace.rows_at_once)
        pages = 0
        if not ended.listed:
            self._pass_over_empty_time()
            pages = _free(cursor, self._pace.pages_at_once)
        self._removed = ended.removed
        self._due_at_s = self._monotonic_s() + (self._pace.pause_s if ended.listed or pages else self._pace.interval_s)
        return ended.listed > 0 or pages > 0

    def written(self) -> int:
        """What was removed is on disk: how many rows."""
        removed, self._removed = self._removed, 0
        return removed

    def put_off(self) -> None:
        """What was removed could not be written: try again at the next interval."""
        self._removed = 0
        self._due_at_s = self._monotonic_s() + self._pace.interval_s

    def _ended_by_s(self) -> float:
        """Until when everything may be removed now."""
        monotonic_s = self._monotonic_s()
        elapsed_s, self._reached_at_s = monotonic_s - self._reached_at_s, monotonic_s
        self._reached_s = min(self._now_s(), self._reached_s + elapsed_s * self._pace.faster_max)
        return self._reached_s

    def _pass_over_empty_time(self) -> None:
        """All that ended by then is gone. Read only while it is far behind: usually it is not."""
        if self._now_s() - self._reached_s > EMPTY_TIME_S:
            earliest_s = self._earliest_s()
            if earliest_s - self._reached_s > EMPTY_TIME_S:
                self._reached_s = earliest_s

    def _earliest_s(self) -> float:
        """The earliest end that is there, now if there is none before."""
        now_s, end_s = self._now_s(), earliest_s(self._connection)
        return now_s if end_s is None else min(now_s, end_s)


def _remove(cursor: sqlite3.Cursor, now_s: float, most: int) -> Portion:
    """Remove what ended by then, portion by portion until so many rows and entries were looked at."""
    listed = removed = 0
    while listed < most and (portion := remove_earliest(cursor, now_s)) is not None:
        listed, removed = listed + portion.listed, removed + portion.removed
    return Portion(listed, removed)


def _free(cursor: sqlite3.Cursor, most: int) -> int:
    """Give back so many empty pages at most, if many of the file's are empty, and say how many."""
    pages, empty = _count(cursor, "page_count"), _count(cursor, "freelist_count")
    freed = min(empty, most) if empty > pages // EMPTY_SHARE else 0
    for _ in range(freed):
        cursor.execute("PRAGMA incremental_vacuum(1)")  # with more of them sqlite3 frees one too: it steps once
    return empty - _count(cursor, "freelist_count") if freed else 0  # none in a file that was not made to shrink


def _count(cursor: sqlite3.Cursor, what: str) -> int:
    (number,) = cursor.execute(f"PRAGMA {what}").fetchone()
    return int(number)
