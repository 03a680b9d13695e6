"""The movements of a day: an index names where some may have been made on it, and their rows say whether they were.

An entry names a run of versions of a place, so that a busy one is named once for many movements.
"""

from collections.abc import AsyncIterator, Container, Sequence
from datetime import UTC, date, datetime
from typing import Final

from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Batches, Index, Kind, Partition, StoreUnavailable, Table
from travio_inventory.protocol.index_entries import Repeated
from travio_inventory.stock.movement import Movement
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.warehouse import SHARDS_MAX

PAGE: Final = 1_000
RUN: Final = 64
"""Versions of a place that are named together: so many rows are read at most for one movement."""
NAMED_S: Final = stock_rows.MOVEMENTS_KEPT_S + 86_400
"""Longer than any movement, which may be made some minutes after its run was named."""


def day_of(at_ms: int) -> date:
    """The day of that moment, in UTC."""
    return datetime.fromtimestamp(at_ms // 1_000, UTC).date()


def listed(at: Partition, movement: Movement) -> Repeated:
    """Where the movement is found by its day."""
    return listed_at(at, movement.version, movement.created_at_ms)


def listed_at(at: Partition, version: int, at_ms: int) -> Repeated:
    """The same of the one that leads to that version."""
    run = stock_rows.movement_key(version - version % RUN).id
    named = rows.SEPARATOR.join((at.name, str(at.number), run))
    return Repeated(Index.STOCK, _bucket(at.organization, day_of(at_ms)), named, NAMED_S)


class MovementDays:
    """The movements of every organization by day."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    async def of(
        self, organization: str, day: date, *, warehouses: Container[int]
    ) -> AsyncIterator[tuple[int, Movement]]:
        """The movements of a day in the warehouses of these numbers, with the number. Raises BackendUnavailable."""
        after, before = "", ("", 0, 0)
        try:
            while named := await self._batches.read_index(
                Index.STOCK, _bucket(organization, day), after=after, most=PAGE
            ):
                for run in dict.fromkeys(map(_read, named)):
                    if run != before and run[1] // SHARDS_MAX in warehouses:
                        for movement in await self._in(organization, *run):
                            if day_of(movement.created_at_ms) == day and not movement.is_internal:
                                yield run[1] // SHARDS_MAX, movement
                    before = run
                after = named[-1]
        except StoreUnavailable:
            raise BackendUnavailable from None

    async def _in(self, organization: str, sku: str, number: int, first: int) -> Sequence[Movement]:
        """Those that led to the versions of a run, of which there may be fewer."""
        start, end = (stock_rows.movement_key(version).id for version in (first, first + RUN))
        at = Partition(Table.STOCK, organization, sku, number)
        found = await self._batches.read(at, Kind.MOVEMENT, start=start, end=end)
        return [stock_rows.read_movement("", key, row) for key, row in found.items()]


def _bucket(organization: str, day: date) -> str:
    return rows.SEPARATOR.join((organization, "day", day.isoformat()))


def _read(named: str) -> tuple[str, int, int]:
    """The run that is named: before there were runs each version was, one of it."""
    sku, number, version = named.rsplit(rows.SEPARATOR, 2)
    return sku, int(number), int(version) // RUN * RUN
