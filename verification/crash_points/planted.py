"""Stores that break a promise when their process dies, to see that it is noticed."""

import asyncio
from collections.abc import Sequence

from travio_inventory.protocol.batches import (
    ANY_TIME,
    Applied,
    Batches,
    Index,
    IndexEntry,
    Kind,
    Outcome,
    Partition,
    Write,
)
from verification.kit.passing import Passing

LATER_S = 1.0


class NeverGivesBack(Passing):
    """Cells in other seat groups than a hold's own stay as they are, though it is said that they were given back."""

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        if all(write.key.kind is Kind.CELL and write.values["status"] == "available" for write in writes):
            return Applied()
        return await super().apply(partition, writes, entries, send_by=send_by)


class AnswersEarly(Passing):
    """A batch that makes or ends a hold is acknowledged, and written a little later."""

    def __init__(self, store: Batches) -> None:
        super().__init__(store)
        self._writing: set[asyncio.Task[None]] = set()

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        if not any(write.key.kind is Kind.HOLD for write in writes):
            return await super().apply(partition, writes, entries, send_by=send_by)
        task = asyncio.create_task(self._write_later(partition, writes, entries))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return Applied()

    async def _write_later(self, partition: Partition, writes: Sequence[Write], entries: Sequence[IndexEntry]) -> None:
        await asyncio.sleep(LATER_S)
        await super().apply(partition, writes, entries)


class ForgetsIndexEntries(Passing):
    """Entries of an index are not written, so that only the process that wanted them knows where to look."""

    def __init__(self, store: Batches, *, of: Index) -> None:
        super().__init__(store)
        self._of = of

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        kept = [index_entry for index_entry in entries if index_entry.of is not self._of]
        return await super().apply(partition, writes, kept, send_by=send_by)
