"""Finds what is left over in stock: reservations that run out, receipts of transfers and moves between shards."""

from collections.abc import Collection, Mapping, Sequence

from travio_inventory.protocol.batches import Partition
from travio_inventory.protocol.ports import Lapses
from travio_inventory.stock.records.shards import Shards
from travio_inventory.stock.records.transfers import Transfers


class StockLapses:
    """Implements `protocol.ports.Lapses`: what the protocol does in a place, then its transfers, then its moves."""

    def __init__(self, reservations: Lapses, transfers: Transfers, shards: Shards) -> None:
        self._reservations = reservations
        self._transfers = transfers
        self._shards = shards

    async def due_partitions(self) -> Sequence[Partition]:
        """See Lapses."""
        return await self._reservations.due_partitions()

    def due_meanwhile(self, under_way: Collection[Partition]) -> Sequence[Partition]:
        """See Lapses."""
        return self._reservations.due_meanwhile(under_way)

    async def sweep(self, partition: Partition) -> None:
        """See Lapses."""
        await self._reservations.sweep(partition)
        await self._transfers.sweep(partition)
        await self._shards.sweep(partition)

    async def close_due(self, failed: Mapping[Partition, Exception]) -> None:
        """See Lapses."""
        await self._reservations.close_due(failed)
