"""The store as it is read for what is only shown: rows by a majority, without the rounds that deciding needs."""

from collections.abc import Sequence

from travio_inventory.protocol.batches import Batches, Kind, Partition, Reads, RowKey, Rows
from travio_inventory.stock.records.passed_on import PassedOn


class Shown(PassedOn):
    """Batches, whose rows are read by `views`."""

    def __init__(self, batches: Batches, views: Reads) -> None:
        super().__init__(batches)
        self._views = views

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        """See Reads."""
        return await self._views.get(partition, keys)

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        """See Reads."""
        return await self._views.read(partition, kind, start=start, end=end, most=most)
