"""A store that counts what it gives."""

from collections.abc import Sequence

from travio_inventory.protocol.batches import Batches, Index, Kind, Outcome, Partition, Refused, RowKey, Rows
from verification.kit.passing import Batch, Passing, Send


class CountingBatches(Passing):
    """`rows` is how many rows and index entries it has given so far."""

    def __init__(self, store: Batches) -> None:
        super().__init__(store)
        self.rows = 0

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        outcome = await send(batch)
        self.rows += len(outcome.rows) if isinstance(outcome, Refused) else 0
        return outcome

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        return self._counted(await super().get(partition, keys))

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        return self._counted(await super().read(partition, kind, start=start, end=end, most=most))

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Sequence[str]:
        found = await super().read_index(index, bucket, after=after, most=most)
        self.rows += len(found)
        return found

    def _counted(self, rows: Rows) -> Rows:
        self.rows += len(rows)
        return rows
