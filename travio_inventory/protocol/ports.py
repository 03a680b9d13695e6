"""The ports of the background jobs: what lapses, and where to find it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from travio_inventory.protocol.batches import Partition


class Lapses(Protocol):
    """Finds lapsed holds and ends them."""

    async def due_partitions(self) -> Sequence[Partition]:
        """Partitions in which something may be due."""
        ...

    def due_meanwhile(self, under_way: Collection[Partition]) -> Sequence[Partition]:
        """More of them, found since without a read; not those that are still swept."""
        ...

    async def sweep(self, partition: Partition) -> None:
        """End every lapsed hold of the partition and finish roll-forwards that others left unfinished there."""
        ...

    async def close_due(self, failed: Mapping[Partition, Exception]) -> None:
        """The due partitions except these were swept: close the minutes that no late batch can reach any more."""
        ...


class Everywhere(Protocol):
    """Leads to every partition in turn."""

    async def next_partitions(self) -> list[Partition]:
        """The next to visit; the next call means that the last ones were visited. Raises StoreUnavailable."""
        ...
