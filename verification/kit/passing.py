"""Stores whose batches a test or a broken design changes, on the way to the store or on the way back."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeAlias

from travio_inventory.protocol.batches import (
    ANY_TIME,
    Batches,
    Index,
    IndexEntry,
    Kind,
    NotDone,
    Outcome,
    Partition,
    RowKey,
    Rows,
    Unknown,
    Write,
)
from travio_inventory.store.memory import MemoryBatches


class Batch(NamedTuple):
    """What a store is given to apply."""

    partition: Partition
    writes: Sequence[Write]
    entries: Sequence[IndexEntry] = ()
    send_by: float = ANY_TIME


Send: TypeAlias = Callable[[Batch], Awaitable[Outcome]]
"""Applies a batch."""


class PassingMemory(MemoryBatches):
    """A store in memory; subclasses override `pass_on`."""

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        """See Batches."""

        async def send(batch: Batch) -> Outcome:
            return await super(PassingMemory, self).apply(*batch[:3], send_by=batch.send_by)

        return await self.pass_on(Batch(partition, writes, entries, send_by), send)

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        """The outcome of the batch."""
        return await send(batch)


class Passing:
    """Passes everything on to the store, and counts batches that were not done or have an unknown outcome; subclasses
    override `pass_on` and `may_read`.
    """

    def __init__(self, store: Batches) -> None:
        self.store = store
        self.failed = 0

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        """See Batches."""

        async def send(batch: Batch) -> Outcome:
            outcome = await self.store.apply(*batch[:3], send_by=batch.send_by)
            if isinstance(outcome, Unknown | NotDone):
                self.failed += 1
            return outcome

        return await self.pass_on(Batch(partition, writes, entries, send_by), send)

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        """The outcome of the batch."""
        return await send(batch)

    def may_read(self) -> None:
        """Called before each read. Raises StoreUnavailable where nothing can be read."""

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        self.may_read()
        return await self.store.get(partition, keys)

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        self.may_read()
        return await self.store.read(partition, kind, start=start, end=end, most=most)

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Sequence[str]:
        self.may_read()
        return await self.store.read_index(index, bucket, after=after, most=most)
