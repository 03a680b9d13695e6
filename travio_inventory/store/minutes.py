"""Which minutes of a time-bucketed index a worker must still visit.

A batch may land long after its hint was written, so a minute is visited while it lasts, again a little later, and
once more when no late batch can reach it any longer; only then is it closed. The first minute that is not closed is
kept in the store, so that a worker that starts again begins there.
"""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from travio_inventory.engine.ports import BlockKey
from travio_inventory.store.batches import (
    ABSENT,
    Batches,
    Index,
    Kind,
    Partition,
    RowKey,
    StoreUnavailable,
    Table,
    Write,
)
from travio_inventory.store.hints import MINUTE_MS, bucket_of, minute_of
from travio_inventory.store.rows import number, read_block_entry

SETTLES_MS = (15_000, 130_000)
"""How long after its end a minute is visited again: after slow batches, and after the latest possible one (120 s).
Until the first of these it is visited in every round.
"""
FIRST_LOOK_MINUTES = 1_440
"""How far back a worker looks that has never run on this store."""
MINUTES_AT_ONCE = 64
"""How many ended minutes are visited in one round: after a long stop the rest comes in the next ones."""

_ROW = RowKey(Kind.CURSOR, "")


@dataclass(slots=True)
class OpenMinutes:
    """The minutes of one index from the first open one to now. `load` before use."""

    batches: Batches
    index: Index
    first: int = 0
    _settled: dict[int, int] = field(default_factory=dict)
    _stored: int | None = None

    async def load(self, now_ms: int) -> None:
        """Read where the last worker stopped. Raises StoreUnavailable."""
        if self.first:
            return
        row = (await self.batches.get(self._partition, [_ROW])).get(_ROW)
        self._stored = None if row is None else number(row, "at")
        self.first = self._stored or minute_of(now_ms) - FIRST_LOOK_MINUTES

    def live(self, now_ms: int) -> range:
        """The minutes to visit in every round."""
        return range(max(self.first, minute_of(now_ms - SETTLES_MS[0])), minute_of(now_ms) + 1)

    def settling(self, now_ms: int) -> Iterator[int]:
        """The ended minutes for which a later visit is due, the oldest first."""
        ended = range(self.first, minute_of(now_ms))
        due = (minute for minute in ended if self._visits_due(minute, now_ms) > self._settled.get(minute, 0))
        return islice(due, MINUTES_AT_ONCE)

    async def blocks(self, minutes: Sequence[int]) -> dict[int, set[BlockKey]]:
        """The blocks that each minute's bucket names; a minute that could not be read is left out.

        Raises StoreUnavailable where none could be.
        """
        reads = (self.batches.hinted(self.index, bucket_of(minute)) for minute in minutes)
        answers = await asyncio.gather(*reads, return_exceptions=True)
        named: dict[int, set[BlockKey]] = {}
        for minute, answer in zip(minutes, answers, strict=True):
            if not isinstance(answer, BaseException):
                named[minute] = {read_block_entry(entry) for entry in answer}
            elif not isinstance(answer, StoreUnavailable):
                raise answer
        if minutes and not named:
            raise StoreUnavailable
        return named

    async def settled(self, minutes: Collection[int], now_ms: int) -> None:
        """These were visited at `now_ms`, all that they named. Closes what can be closed. Raises StoreUnavailable."""
        for minute in minutes:
            self._settled[minute] = self._visits_due(minute, now_ms)
        while self._settled.get(self.first) == len(SETTLES_MS):
            del self._settled[self.first]
            self.first += 1
        if self.first != self._stored:
            await self._store()

    def _visits_due(self, minute: int, now_ms: int) -> int:
        age_ms = now_ms - (minute + 1) * MINUTE_MS
        return sum(1 for settle_ms in SETTLES_MS if age_ms >= settle_ms)

    async def _store(self) -> None:
        """Move the cursor on; where another worker has moved it meanwhile, its place is as good."""
        condition = ABSENT if self._stored is None else {"at": self._stored}
        await self.batches.apply(self._partition, [Write(_ROW, condition, {"at": self.first})])
        row = (await self.batches.get(self._partition, [_ROW])).get(_ROW)
        self._stored = None if row is None else number(row, "at")

    @property
    def _partition(self) -> Partition:
        return Partition(Table.CURSORS, "", self.index)
