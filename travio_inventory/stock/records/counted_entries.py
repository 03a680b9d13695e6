"""What lies where, for reports: of every entry its numbers alone, a few entries at a time."""

import asyncio
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Final

from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Batches, Index, Kind, Row, StoreUnavailable
from travio_inventory.stock.entry import Quantities
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.records.entries import READS_AT_ONCE, bucket_of, number_named, place_named
from travio_inventory.stock.records.stock_rows import STOCK, shard_of

NAMED_AT_ONCE: Final = 1_000


class CountedEntries:
    """The numbers of entries that are not deleted. An entry is no object here, and a task reads many of them."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    async def count(
        self, organization: str, numbers: Container[int], counted: Callable[[int, Quantities, int], None]
    ) -> None:
        """Tell of each entry in warehouses of these numbers: the number, how many there are, and the reorder point.
        Raises BackendUnavailable.
        """
        after, is_more = "", True
        while is_more:
            named = await self._named(organization, after)
            left = iter([each for each in named if number_named(each) in numbers])
            try:
                async with asyncio.TaskGroup() as readers:
                    for _ in range(READS_AT_ONCE):
                        readers.create_task(self._count_each(organization, left, counted))
            except* StoreUnavailable:
                raise BackendUnavailable from None
            is_more = len(named) == NAMED_AT_ONCE
            after = named[-1] if named else ""

    async def _named(self, organization: str, after: str) -> Sequence[str]:
        bucket = bucket_of(organization, "all")
        try:
            return await self._batches.read_index(Index.STOCK, bucket, after=after, most=NAMED_AT_ONCE)
        except StoreUnavailable:
            raise BackendUnavailable from None

    async def _count_each(
        self, organization: str, left: Iterator[str], counted: Callable[[int, Quantities, int], None]
    ) -> None:
        for named in left:
            at = place_named(organization, named)
            row = (await self._batches.read(at, Kind.STOCK)).get(STOCK)
            if row is not None and row["status"] != "deleted":
                there = _quantities(row)
                sharing = stock_rows.read_sharing(rows.text(row, "definition"))
                for shard in range(1, 1 if sharing is None else sharing.rows):
                    other = _quantities((await self._batches.read(shard_of(at, shard), Kind.STOCK)).get(STOCK, {}))
                    there = Quantities(there.available + other.available, there.reserved + other.reserved)
                counted(number_named(named), there, rows.number(row, "reorder_point"))


def _quantities(row: Row) -> Quantities:
    return Quantities(rows.number(row, "available"), rows.number(row, "reserved"))
