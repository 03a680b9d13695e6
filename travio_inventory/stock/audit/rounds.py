"""All entries of all organizations, one after the other: listed for whoever asks, or once a round for all processes.

The round is one mark in the store. Who begins it takes it for a while, and again as long as it goes on; who dies leaves
it to whoever comes after that while, from the beginning.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from travio_inventory.kernel.clock import Clock
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Batches,
    Index,
    Kind,
    Partition,
    Row,
    RowKey,
    Table,
    Write,
)
from travio_inventory.stock.records.entries import ORGANIZATIONS, bucket_of, place_named

PER_READ: Final = 100
LEASE_MS: Final = 3_600_000
_MARK: Final = RowKey(Kind.CURSOR, "")
_ROUND: Final = Partition(Table.CURSORS, "", "round of the stock auditor")


async def all_places(batches: Batches, organization: str = "") -> AsyncIterator[Partition]:
    """Where every entry is, a deleted one too, or every one of that organization. Raises StoreUnavailable."""
    async for name in _organizations(batches, organization):
        bucket, after = bucket_of(name, "all"), ""
        while named := await batches.read_index(Index.STOCK, bucket, after=after, most=PER_READ):
            for each in named:
                yield place_named(name, each)
            after = named[-1]


async def _organizations(batches: Batches, only: str) -> AsyncIterator[str]:
    if only:
        yield only
        return
    after = ""
    while named := await batches.read_index(Index.STOCK, ORGANIZATIONS, after=after, most=PER_READ):
        for each in named:
            yield each
        after = named[-1]


class StockRound:
    """Visits every entry once in `every_ms`, whichever process does it."""

    def __init__(self, batches: Batches, clock: Clock, *, every_ms: int) -> None:
        self._batches = batches
        self._clock = clock
        self._every_ms = every_ms
        self._places: AsyncIterator[Partition] | None = None
        self._taken: Row | None = None
        self._renew_ms = 0
        """By our stopwatch."""

    async def next(self, most: int) -> Sequence[Partition]:
        """The next to visit, none while it is not time, or another process does it; asking says that the last ones were
        visited. Raises StoreUnavailable.
        """
        if self._places is None and not await self._is_begun():
            return []
        found: list[Partition] = []
        while len(found) < most and self._places is not None:
            place = await anext(self._places, None)
            if place is None:
                break
            found.append(place)
        is_ours = await self._is_kept(is_over=not found)
        if not found or not is_ours:
            self._places = None
        return found if is_ours else []

    async def _is_begun(self) -> bool:
        now_ms = self._clock.now_ms()
        self._taken = (await self._batches.get(_ROUND, [_MARK])).get(_MARK)
        ago_ms = None if self._taken is None else now_ms - rows.number(self._taken, "reached")
        if ago_ms is not None and 0 <= ago_ms < self._every_ms:
            return False
        if not await self._mark(now_ms - self._every_ms + min(LEASE_MS, self._every_ms)):
            return False
        self._places = all_places(self._batches)
        return True

    async def _is_kept(self, *, is_over: bool) -> bool:
        """Whether nobody else has begun meanwhile."""
        if is_over:
            return await self._mark(self._clock.now_ms())
        if self._clock.elapsed_ms() < self._renew_ms:
            return True
        return await self._mark(self._clock.now_ms() - self._every_ms + min(LEASE_MS, self._every_ms))

    async def _mark(self, reached_ms: int) -> bool:
        """Set the mark, if it is as we left it."""
        seen = ABSENT if self._taken is None else {"reached": self._taken.get("reached")}
        values: Row = {"reached": reached_ms}
        outcome = await self._batches.apply(_ROUND, [Write(_MARK, seen, values)])
        self._taken = values if isinstance(outcome, Applied) else self._taken
        self._renew_ms = self._clock.elapsed_ms() + min(LEASE_MS, self._every_ms) // 2
        return isinstance(outcome, Applied)
