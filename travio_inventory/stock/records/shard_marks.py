"""Tells that an entry in several shards is low, or out of stock, a moment after batches of this process changed it.

That moment is in memory. So each batch in a shard travels with an index entry that leads sweepers to its entry, until
no such batch can land any more: they tell what a process that died, or an outage, left untold. An entry that is changed
a thousand times has one such entry a minute.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final

from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.protocol import index_entries
from travio_inventory.protocol.batches import IndexEntry, Partition, Table, Write
from travio_inventory.protocol.retention import Retention
from travio_inventory.stock.records.shards import Shards
from travio_inventory.stock.records.stock_rows import STOCK, number_of_shard, shard_of

AFTER_S: Final = 0.1
TRIES_MAX: Final = 5
PLACES_MAX: Final = 10_000
"""Looked after at once; of others sweepers tell."""


class ShardMarks:
    """Looks at each entry that was changed, once for all changes of a moment."""

    def __init__(
        self, background: Callable[[Coroutine[Any, Any, None]], None], clock: Clock, retention: Retention
    ) -> None:
        self._background = background
        self._clock = clock
        self._retention = retention
        self._durable = index_entries.DurableEntries(clock, known_s=retention.known_s)
        self._changed: set[Partition] = set()
        self.shards: Shards | None = None
        """Whose batches are looked after."""

    def leading_to(self, at: Partition, writes: Sequence[Write]) -> Sequence[IndexEntry]:
        """What is to travel with a batch there, as far as it is not known to be durable."""
        if at.table is not Table.STOCK or not any(
            key == STOCK and values.get("definition") for key, _, values, _ in writes
        ):
            return ()
        home = shard_of(at, -number_of_shard(at))
        return self._durable.missing([index_entries.due(home, self._clock.now_ms(), self._retention)])

    def durable(self, entries: Sequence[IndexEntry], *, sent_ms: int) -> None:
        """A batch that was sent with these at that time of the stopwatch was answered."""
        self._durable.remember(entries, sent_ms=sent_ms)

    def elapsed_ms(self) -> int:
        """The stopwatch."""
        return self._clock.elapsed_ms()

    def changed(self, at: Partition) -> None:
        """A row of the entry was changed."""
        home = shard_of(at, -number_of_shard(at))
        if self.shards is not None and home not in self._changed and len(self._changed) < PLACES_MAX:
            self._changed.add(home)
            self._background(self._look(self.shards, home))

    async def _look(self, shards: Shards, home: Partition) -> None:
        for _ in range(TRIES_MAX):
            try:
                await asyncio.sleep(AFTER_S)
            finally:
                self._changed.discard(home)
            with suppress(Refusal):
                await shards.note_marks(home)
                return
