"""The movements of a day: an index names those that may have been made on it, and their rows say whether they were."""

from collections.abc import AsyncIterator, Container, Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Final

from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Batches, Index, IndexEntry, Kind, Partition, StoreUnavailable, Table
from travio_inventory.stock.movement import Movement
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.warehouse import SHARDS_MAX

PAGE: Final = 1_000


def day_of(at_ms: int) -> date:
    """The day of that moment, in UTC."""
    return datetime.fromtimestamp(at_ms // 1_000, UTC).date()


def listed(at: Partition, movement: Movement) -> IndexEntry:
    """Where the movement is found by its day."""
    return listed_at(at, stock_rows.movement_key(movement.version).id, movement.created_at_ms)


def listed_at(at: Partition, movement: str, at_ms: int) -> IndexEntry:
    """The same of the row with that id."""
    named = rows.SEPARATOR.join((at.name, str(at.number), movement))
    bucket = _bucket(at.organization, day_of(at_ms))
    return IndexEntry(Index.STOCK, bucket, named, stock_rows.MOVEMENTS_KEPT_S)


class MovementDays:
    """The movements of every organization by day."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    async def of(
        self, organization: str, day: date, *, warehouses: Container[int]
    ) -> AsyncIterator[tuple[int, Movement]]:
        """The movements of a day in the warehouses of these numbers, with the number. Raises BackendUnavailable."""
        after = ""
        try:
            while named := await self._batches.read_index(
                Index.STOCK, _bucket(organization, day), after=after, most=PAGE
            ):
                for place, versions in groupby(map(_read, named), key=lambda each: each[:2]):
                    if place[1] // SHARDS_MAX in warehouses:
                        at = Partition(Table.STOCK, organization, *place)
                        for movement in await self._between(at, [each[2] for each in versions]):
                            if day_of(movement.created_at_ms) == day and not movement.is_internal:
                                yield place[1] // SHARDS_MAX, movement
                after = named[-1]
        except StoreUnavailable:
            raise BackendUnavailable from None

    async def _between(self, at: Partition, versions: Sequence[str]) -> Sequence[Movement]:
        """Those that led to these versions, of which there may be fewer."""
        wanted = set(versions)
        end = stock_rows.movement_key(int(versions[-1]) + 1).id
        found = await self._batches.read(at, Kind.MOVEMENT, start=versions[0], end=end)
        return [stock_rows.read_movement("", key, row) for key, row in found.items() if key.id in wanted]


def _bucket(organization: str, day: date) -> str:
    return rows.SEPARATOR.join((organization, "day", day.isoformat()))


def _read(named: str) -> tuple[str, int, str]:
    sku, number, version = named.rsplit(rows.SEPARATOR, 2)
    return sku, int(number), version
