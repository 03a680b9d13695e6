"""The store as it is read for what is only shown: rows by a majority, without the rounds that deciding needs."""

from collections.abc import Sequence

from travio_inventory.protocol.batches import Batches, Kind, Partition, Reads, RowKey, Rows, Table
from travio_inventory.protocol.passed_on import PassedOn
from travio_inventory.stock.records.known_stock import KnownStock


class Shown(PassedOn):
    """Batches, whose rows are read by `views`. What is shown of entries is remembered, as what is read to decide: an
    order that is planned by it is reserved if it is so still.
    """

    def __init__(self, batches: Batches, views: Reads, entries: KnownStock) -> None:
        super().__init__(batches)
        self._views = views
        self._entries = entries

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        """See Reads."""
        found = await self._views.get(partition, keys)
        if partition.table is Table.STOCK:
            self._entries.seen(partition, found)
        return found

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        """See Reads."""
        return await self._views.read(partition, kind, start=start, end=end, most=most)
