"""A store that counts the rows it gives."""

from collections.abc import Sequence

from travio_inventory.protocol.batches import (
    ANY_TIME,
    Batches,
    Index,
    IndexEntry,
    Kind,
    Outcome,
    Partition,
    Refused,
    RowKey,
    Rows,
    Write,
)


class CountingBatches:
    """Batches. `rows` is how many rows and index entries it has given so far."""

    def __init__(self, store: Batches) -> None:
        self.rows = 0
        self._store = store

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        """See Batches."""
        outcome = await self._store.apply(partition, writes, entries, send_by=send_by)
        self.rows += len(outcome.rows) if isinstance(outcome, Refused) else 0
        return outcome

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        """See Batches."""
        return self._counted(await self._store.get(partition, keys))

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        """See Batches."""
        return self._counted(await self._store.read(partition, kind, start=start, end=end, most=most))

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Sequence[str]:
        """See Batches."""
        found = await self._store.read_index(index, bucket, after=after, most=most)
        self.rows += len(found)
        return found

    def _counted(self, rows: Rows) -> Rows:
        self.rows += len(rows)
        return rows
