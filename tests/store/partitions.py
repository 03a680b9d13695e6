"""Partitions that only one test uses, and methods to try batches on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from travio_inventory.protocol.batches import (
    Applied,
    Batches,
    Index,
    IndexEntry,
    Kind,
    Outcome,
    Partition,
    Refused,
    Row,
    RowKey,
    Rows,
    Table,
    Write,
)


@dataclass(frozen=True)
class Group:
    """A partition that no other test uses."""

    store: Batches
    partition: Partition

    async def apply(self, *writes: Write, entries: Sequence[IndexEntry] = ()) -> Outcome:
        """Try the batch."""
        return await self.store.apply(self.partition, writes, entries)

    async def stands(self, *writes: Write) -> None:
        """Apply the batch, which must work."""
        assert isinstance(await self.apply(*writes), Applied)

    async def refused(self, *writes: Write) -> Rows:
        """Try the batch, which must be refused; the rows that it names."""
        outcome = await self.apply(*writes)
        assert isinstance(outcome, Refused)
        return outcome.rows

    async def get(self, *keys: RowKey) -> Rows:
        """Those of the rows that exist."""
        return await self.store.get(self.partition, keys)

    async def row(self, key: RowKey) -> Row | None:
        """The row, None if there is none."""
        return (await self.get(key)).get(key)

    async def ids(self, kind: Kind, *, start: str = "", end: str = "") -> list[str]:
        """The ids of a range of rows, as they come."""
        rows = await self.store.read(self.partition, kind, start=start, end=end)
        return [key.id for key in rows]


def new_partition() -> Partition:
    """A partition that no other test uses."""
    return Partition(Table.SEAT_GROUPS, "store-tests", uuid4().hex, 3)


def index_entry(entry: str, bucket: str, index: Index = Index.EXPIRY) -> IndexEntry:
    """An entry of a bucket."""
    return IndexEntry(index, bucket, entry)
