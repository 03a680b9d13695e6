"""Slices of the journal's index: relays share them out, and each has a position of its own in each sink.

All events of a subject are in one partition, and so in one slice: whoever relays a slice has them in order.
"""

from zlib import crc32

from travio_inventory.protocol.batches import Partition
from travio_inventory.protocol.ports import Everywhere
from travio_inventory.protocol.rows import SEPARATOR, partition_entry

SLICES = 8
"""They are in the names of positions: a release that has fewer leaves some unread."""
_OF_PARTITION = 4
"""So many parts of an index entry name the partition."""


def slice_of(entry: str) -> int:
    """The slice that an index entry is in: that of its partition."""
    return crc32(SEPARATOR.join(entry.split(SEPARATOR)[:_OF_PARTITION]).encode()) % SLICES


class OfSlice:
    """Leads to the partitions of one slice alone."""

    def __init__(self, everywhere: Everywhere, part: int) -> None:
        self._everywhere = everywhere
        self._part = part

    async def next_partitions(self) -> list[Partition]:
        """See Everywhere."""
        found = await self._everywhere.next_partitions()
        return [partition for partition in found if slice_of(partition_entry(partition)) == self._part]
