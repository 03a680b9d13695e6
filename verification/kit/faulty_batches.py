"""One process's connection to a store: its batches can be spoiled, stalled and counted, and tests do not disturb each
other.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple, TypeAlias

from travio_inventory.protocol.batches import (
    ABSENT,
    ANY_TIME,
    Batches,
    Index,
    IndexEntry,
    Kind,
    NotDone,
    Outcome,
    Partition,
    Refused,
    RowKey,
    Rows,
    StoreUnavailable,
    Table,
    Unknown,
    Write,
    split,
)
from travio_inventory.protocol.index_entries import bucket_of

Which: TypeAlias = Callable[[Partition, Sequence[Write]], bool]
"""Whether a batch is meant."""

OFTEN = 1_000_000


class Spoil(Enum):
    """What happens to a batch."""

    LOST = auto()
    """Unknown, and never applied."""
    UNANSWERED = auto()
    """Applied, and Unknown."""
    LATE = auto()
    """Unknown, and applied when the test delivers it."""
    NOT_DONE = auto()
    """NotDone."""
    REFUSED = auto()
    """Refused, as if another process were always a moment faster."""


# ---- which batches


def any_batch(_: Partition, __: Sequence[Write]) -> bool:
    """All of them."""
    return True


def commits(_: Partition, writes: Sequence[Write]) -> bool:
    """Home batches: those that commit a step, with the hold's row and its cells."""
    return any(write.key.kind is Kind.HOLD for write in writes) and len(writes) > 1


def fences(_: Partition, writes: Sequence[Write]) -> bool:
    """Batches that fence an id: only a hold's row."""
    return [write.key.kind for write in writes] == [Kind.HOLD]


def cells_alone(_: Partition, writes: Sequence[Write]) -> bool:
    """Intents, and batches that roll other seat groups forward: cells without a hold's row."""
    return all(write.key.kind is Kind.CELL for write in writes)


def seeds(_: Partition, writes: Sequence[Write]) -> bool:
    """Batches that create cells."""
    return any(write.key.kind is Kind.CELL and write.condition is ABSENT for write in writes)


def ledgers(partition: Partition, _: Sequence[Write]) -> bool:
    """Batches on a holder's ledger."""
    return partition.table is Table.LEDGERS


def everything_after(count: int, of: Which) -> Which:
    """Those meant by `of`, except the first `count`."""
    seen = Counter[str]()

    def later(partition: Partition, writes: Sequence[Write]) -> bool:
        if not of(partition, writes):
            return False
        seen["batches"] += 1
        return seen["batches"] > count

    return later


@dataclass(slots=True)
class Stall:
    """A point where batches or reads stop until `go` is set."""

    only: Which
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> None:
        """Report the arrival, and wait."""
        self.reached.set()
        await self.go.wait()


def _clears_only_what_is_owned(write: Write) -> bool:
    """Nulls are tombstones on CQL, and a group with too many cannot be read. So none is written where there is nothing
    to clear, for example in a new row.
    """
    cleared = [column for column, value in write.values.items() if value is None]
    seen = write.condition or {}
    return not cleared or bool(seen.get("owner")) or all(seen.get(column) is not None for column in cleared)


class _Late(NamedTuple):
    partition: Partition
    writes: Sequence[Write]
    entries: Sequence[IndexEntry]


@dataclass(slots=True)
class _Spoiling:
    how: Spoil
    only: Which
    times: int


class FaultyBatches:
    """Batches. Cursors and buckets carry `name`, so that many tests share one store as if each had its own."""

    def __init__(self, store: Batches, name: str) -> None:
        self.reads: Counter[Kind] = Counter()
        self.reading = 0
        self.reads_at_once = 0
        self.spoiled = 0
        self.batches = 0
        self._store = store
        self.name = name
        self._spoilings: list[_Spoiling] = []
        self._stalls: list[Stall] = []
        self._read_stalls: list[Stall] = []
        self._unreadable: set[Partition] = set()
        self._unlistable: set[tuple[Index, str]] = set()
        self.rows_read = Counter[Kind]()
        self._late: list[_Late] = []

    # ---- what a test does to it

    def spoil(self, how: Spoil, only: Which = any_batch, *, times: int = OFTEN) -> None:
        """This happens to the next `count` of these batches."""
        self._spoilings.append(_Spoiling(how, only, times))

    def stall(self, only: Which) -> Stall:
        """These batches stop before they reach the store."""
        stall = Stall(only)
        self._stalls.append(stall)
        return stall

    def stall_reads(self, only: Which = any_batch) -> Stall:
        """Reads of whole seat groups stop after the store has answered."""
        stall = Stall(only)
        self._read_stalls.append(stall)
        return stall

    def cannot_read(self, partition: Partition) -> None:
        """No read of the partition is answered."""
        self._unreadable.add(partition)

    def cannot_list(self, index: Index, *numbers: int) -> None:
        """No read of these minutes, or epochs, of the index is answered."""
        self._unlistable |= {(index, bucket_of(number)) for number in numbers}

    def mend(self) -> None:
        """The connection works again; late batches may still be delivered."""
        self._spoilings.clear()
        self._stalls.clear()
        self._read_stalls.clear()
        self._unreadable.clear()
        self._unlistable.clear()

    async def deliver_late(self) -> list[Outcome]:
        """Every late copy reaches the store; nobody gets its outcome."""
        late, self._late = self._late, []
        return [await self._store.apply(*batch) for batch in late]

    async def note(self, index: Index, number: int, entry: str) -> None:
        """Write that entry into the index."""
        await self._store.apply(Partition(Table.CURSORS, "", index), [], [self._named(index, number, entry)])

    def _named(self, index: Index, number: int, entry: str) -> IndexEntry:
        return IndexEntry(index, self.name + bucket_of(number), entry)

    # ---- what a process does with it

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        self.batches += 1
        assert all(map(_clears_only_what_is_owned, writes)), writes
        for stall in self._stalls:
            if stall.only(partition, writes):
                await stall.wait()
        own = self._own(partition)
        named = [index_entry._replace(bucket=self.name + index_entry.bucket) for index_entry in entries]
        match self._next_spoil(partition, writes):
            case None:
                return await self._store.apply(own, writes, named, send_by=send_by)
            case Spoil.UNANSWERED:
                before, _ = split(writes, named)  # a caller without an answer adds no entry that follows the batch
                await self._store.apply(own, writes, before, send_by=send_by)
            case Spoil.LATE:
                self._late.append(_Late(own, list(writes), named))
            case Spoil.NOT_DONE:
                return NotDone("spoiled")
            case Spoil.REFUSED:
                return Refused(await self._store.get(own, [write.key for write in writes]))
            case Spoil.LOST:
                pass
        return Unknown("spoiled")

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        self._readable(partition)
        found = await self._store.get(self._own(partition), keys)
        self.rows_read.update(key.kind for key in found)
        return found

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        self._readable(partition)
        self.reads[kind] += 1
        self.reading += 1
        self.reads_at_once = max(self.reads_at_once, self.reading)
        try:
            found = await self._store.read(self._own(partition), kind, start=start, end=end, most=most)
            for stall in self._read_stalls:
                if stall.only(partition, ()):
                    await stall.wait()
        finally:
            self.reading -= 1
        self.rows_read[kind] += len(found)
        return found

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Sequence[str]:
        if (index, bucket) in self._unlistable:
            raise StoreUnavailable("spoiled")
        return await self._store.read_index(index, self.name + bucket, after=after, most=most)

    def _own(self, partition: Partition) -> Partition:
        if partition.table is not Table.CURSORS:
            return partition
        return partition._replace(name=f"{self.name} {partition.name}")

    def _readable(self, partition: Partition) -> None:
        if partition in self._unreadable:
            raise StoreUnavailable("spoiled")

    def _next_spoil(self, partition: Partition, writes: Sequence[Write]) -> Spoil | None:
        for spoiling in self._spoilings:
            if spoiling.times and spoiling.only(partition, writes):
                spoiling.times -= 1
                self.spoiled += 1
                return spoiling.how
        return None
