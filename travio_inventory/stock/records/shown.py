"""The store as it is read for what is only shown: rows by a majority, without the rounds that deciding needs."""

from collections.abc import Sequence

from travio_inventory.protocol.batches import (
    ANY_TIME,
    Batches,
    Index,
    IndexEntry,
    Kind,
    Outcome,
    Partition,
    Reads,
    RowKey,
    Rows,
    Write,
)


class Shown:
    """Batches, whose rows are read by `views`."""

    def __init__(self, batches: Batches, views: Reads) -> None:
        self._batches = batches
        self._views = views

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        """See Reads."""
        return await self._views.get(partition, keys)

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        """See Reads."""
        return await self._views.read(partition, kind, start=start, end=end, most=most)

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
