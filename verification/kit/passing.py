"""A store that passes all on to another one, to be changed by whoever derives from it."""

from collections.abc import Sequence

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


class Passing:
    """Passes all on to the store, and counts how often the store did not know."""

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
        outcome = await self.store.apply(partition, writes, entries, send_by=send_by)
        if isinstance(outcome, Unknown | NotDone):
            self.failed += 1
        return outcome

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        return await self.store.get(partition, keys)

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        return await self.store.read(partition, kind, start=start, end=end, most=most)

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Sequence[str]:
        return await self.store.read_index(index, bucket, after=after, most=most)
