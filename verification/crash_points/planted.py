"""Stores that break a promise when their process dies, to show that the judge notices."""

import asyncio

from travio_inventory.protocol.batches import (
    Applied,
    Batches,
    Index,
    Kind,
    Outcome,
)
from verification.kit.passing import Batch, Passing, Send

LATER_S = 1.0


class NeverGivesBack(Passing):
    """Cells in other seat groups than the hold's home stay as they are, although the store says that they were
    returned.
    """

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        if all(write.key.kind is Kind.CELL and write.values["status"] == "available" for write in batch.writes):
            return Applied()
        return await send(batch)


class AnswersEarly(Passing):
    """A batch that makes or ends a hold is acknowledged, and written a little later."""

    def __init__(self, store: Batches) -> None:
        super().__init__(store)
        self._writing: set[asyncio.Task[None]] = set()

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        if not any(write.key.kind is Kind.HOLD for write in batch.writes):
            return await send(batch)
        task = asyncio.create_task(self._write_later(batch))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return Applied()

    async def _write_later(self, batch: Batch) -> None:
        await asyncio.sleep(LATER_S)
        await self.store.apply(*batch[:3])


class ForgetsIndexEntries(Passing):
    """Entries of an index are not written, so that only the process that wrote them knows where to look."""

    def __init__(self, store: Batches, *, of: Index) -> None:
        super().__init__(store)
        self._of = of

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        kept = [index_entry for index_entry in batch.entries if index_entry.of is not self._of]
        return await send(batch._replace(entries=kept))
