"""A store in which some partitions and some minutes of the indexes cannot be read, for a while or for good."""

from collections.abc import Sequence

from travio_inventory.protocol.batches import Index, Kind, Partition, RowKey, Rows, StoreUnavailable
from travio_inventory.store.memory import READ_TIMEOUT_S, MemoryBatches


class Unlistable(MemoryBatches):
    """No look into a bucket in `unlistable` is answered."""

    unlistable: frozenset[tuple[Index, str]] | set[tuple[Index, str]] = frozenset()

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Sequence[str]:
        await self._answers((index, bucket) not in self.unlistable)
        return await super().read_index(index, bucket, after=after, most=most)

    async def _answers(self, does: bool) -> None:
        if not does:
            await self._sleep(READ_TIMEOUT_S)
            raise StoreUnavailable("spoilt")


class Spoilt(Unlistable):
    """Nor is a read of a partition in `unreadable`."""

    unreadable: frozenset[Partition] | set[Partition] = frozenset()

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        await self._answers(partition not in self.unreadable)
        return await super().get(partition, keys)

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        await self._answers(partition not in self.unreadable)
        return await super().read(partition, kind, start=start, end=end, most=most)
