"""A store on a bad day: batches that are lost, whose answers are lost, or that take effect later; reads that fail."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from random import Random

from travio_inventory.protocol.batches import (
    ANY_TIME,
    Batches,
    Index,
    IndexEntry,
    Kind,
    NotDone,
    Outcome,
    Partition,
    RowKey,
    Rows,
    StoreUnavailable,
    Unknown,
    Write,
)

LATE_S = (0.05, 2.0)


class BadDay:
    """The store, `share` of whose batches fail, each kind of failure as often as any other. See Batches."""

    def __init__(self, store: Batches, random: Random) -> None:
        self.share = 0.0
        self.faults: Counter[str] = Counter()
        self._store = store
        self._random = random
        self._late: set[asyncio.Task[Outcome]] = set()

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        """See Reads."""
        self._fail_to_read()
        return await self._store.get(partition, keys)

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        """See Reads."""
        self._fail_to_read()
        return await self._store.read(partition, kind, start=start, end=end, most=most)

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Sequence[str]:
        """See Batches."""
        self._fail_to_read()
        return await self._store.read_index(index, bucket, after=after, most=most)

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        """See Batches."""
        if self._random.random() >= self.share:
            return await self._store.apply(partition, writes, entries, send_by=send_by)
        fault = self._random.choice(("lost", "answer lost", "late", "not done"))
        self.faults[fault] += 1
        if fault == "not done":
            return NotDone("a bad day")
        if fault == "answer lost":
            await self._store.apply(partition, writes, entries)
        if fault == "late":
            late = asyncio.ensure_future(self._later(partition, writes, entries))
            self._late.add(late)
            late.add_done_callback(self._late.discard)
        return Unknown("a bad day")

    async def settled(self) -> None:
        """What is late has arrived."""
        await asyncio.gather(*self._late)

    async def _later(self, partition: Partition, writes: Sequence[Write], entries: Sequence[IndexEntry]) -> Outcome:
        await asyncio.sleep(self._random.uniform(*LATE_S))
        return await self._store.apply(partition, writes, entries)

    def _fail_to_read(self) -> None:
        if self._random.random() < self.share / 10:  # a call reads ten times as often as it writes
            self.faults["not read"] += 1
            raise StoreUnavailable("a bad day")
