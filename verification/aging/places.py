"""Where an aged store is: it is opened several times, its retention passes, and its size is taken."""

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from travio_inventory.kernel.clock import SystemClock
from travio_inventory.protocol.batches import Batches
from travio_inventory.protocol.retention import Retention
from travio_inventory.store.sqlite import Pace, SqliteBatches

UNBOUND = Pace(interval_s=0.05, pause_s=0, faster_max=1e12)
"""The clock of these stores leaps, and nobody waits meanwhile."""
QUIET_S = 1.0
"""The purge has ended when nothing was committed for this time."""
PURGE_S_MAX = 1_800.0


class SkippingClock:
    """Clock: that of the machine, which may skip some time."""

    def __init__(self) -> None:
        self._machine = SystemClock()
        self._skipped_ms = 0

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return self._machine.now_ms() + self._skipped_ms

    def elapsed_ms(self) -> int:
        """Milliseconds since the machine was started, and those that were skipped."""
        return self._machine.elapsed_ms() + self._skipped_ms

    def skip_ms(self, ms: int) -> None:
        """This time passes at once."""
        self._skipped_ms += ms


class Place(Protocol):
    """A place for one store, and the clock of its processes. Nobody else may have the store open in `pass_retention`
    and `bytes`.
    """

    clock: SkippingClock

    def open(self) -> AbstractAsyncContextManager[Batches]:
        """The store that is there."""
        ...

    async def pass_retention(self, retention: Retention) -> None:
        """All that was kept for a while by now is forgotten, and its room is free. Raises TimeoutError."""
        ...

    def bytes(self) -> int:
        """The size of its files."""
        ...


class SqlitePlace:
    """A Place: a folder. Retention passes by setting the clock of the store ahead, not that of its processes: else
    they would have a week to catch up on.
    """

    def __init__(self, folder: Path) -> None:
        self.clock = SkippingClock()
        self._folder = folder
        self._ahead_s = 0

    def open(self) -> AbstractAsyncContextManager[SqliteBatches]:
        """See Place."""
        return SqliteBatches.open(self._folder, pace=UNBOUND, now_s=lambda: self.clock.now_ms() / 1_000 + self._ahead_s)

    async def pass_retention(self, retention: Retention) -> None:
        """See Place."""
        self._ahead_s += longest_s(retention)
        async with self.open() as store, asyncio.timeout(PURGE_S_MAX):
            commits = -1
            while store.counts.steps != commits:
                commits = store.counts.steps
                await asyncio.sleep(QUIET_S)

    def bytes(self) -> int:
        """See Place."""
        return sum(path.stat().st_size for path in self._folder.iterdir())


def longest_s(retention: Retention) -> int:
    """The longest time for which anything is kept that does not live, and a little more."""
    entry_s = retention.entries_s + retention.entries_s // 32  # their ends are rounded up
    return max(retention.ended_s, retention.slots_s, retention.told_s, retention.listed_s, entry_s) + 60
