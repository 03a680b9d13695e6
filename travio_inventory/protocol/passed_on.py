"""Batches on the way to the store: what of them a class does not change is passed on."""

from collections.abc import Sequence

from travio_inventory.protocol.batches import (
    ANY_TIME,
    Batches,
    Index,
    IndexEntry,
    Kind,
    Outcome,
    Partition,
    RowKey,
    Rows,
    Write,
)


class PassedOn:
    """Batches, passed on as they are; subclasses change some of them."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        """See Reads."""
        return await self._batches.get(partition, keys)

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        """See Reads."""
        return await self._batches.read(partition, kind, start=start, end=end, most=most)

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Sequence[str]:
        """See Batches."""
        return await self._batches.read_index(index, bucket, after=after, most=most)

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        """See Batches."""
        return await self._batches.apply(partition, writes, entries, send_by=send_by)
