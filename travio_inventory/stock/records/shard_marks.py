"""Tells that an entry in several shards is low, or out of stock, a moment after batches of this process changed it."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from travio_inventory.kernel.refusals import Refusal
from travio_inventory.protocol.batches import Partition
from travio_inventory.stock.records.shards import Shards
from travio_inventory.stock.records.stock_rows import number_of_shard, shard_of

AFTER_S: Final = 0.1
TRIES_MAX: Final = 5
PLACES_MAX: Final = 10_000
"""Looked after at once; of others it is told when they change next."""


class ShardMarks:
    """Looks at each entry that was changed, once for all changes of a moment."""

    def __init__(self, background: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self._background = background
        self._changed: set[Partition] = set()
        self.shards: Shards | None = None
        """Whose batches are looked after."""

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
