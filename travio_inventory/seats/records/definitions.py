"""The definitions of trips, and the seeding of their cells."""

from collections.abc import Sequence

from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Batches,
    IndexEntry,
    Kind,
    NotDone,
    Partition,
    Refused,
    RowKey,
    Rows,
    StoreUnavailable,
    Table,
    Unknown,
    Write,
)
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.open_trips import opened
from travio_inventory.seats.refusals import TripDefinedOtherwise
from travio_inventory.seats.trip import Journey, Trip, TripKey, read_definition

CELLS_PER_BATCH_MAX = 160
"""A prepared text of more rows costs a CQL server too much memory. Nothing that is stored depends on it."""
TRIES_MAX = 4

_DEFINITION = RowKey(Kind.TRIP, "")


class Definitions:
    """Implements `seats.ports.Trips` over conditional batches."""

    def __init__(self, batches: Batches, *, cells_per_batch_max: int = CELLS_PER_BATCH_MAX) -> None:
        self._batches = batches
        self._cells_per_batch_max = cells_per_batch_max

    async def define(self, trip: Trip) -> Trip:
        """See Trips."""
        row = await self._insert(
            _partition(trip.key), [Write(_DEFINITION, ABSENT, {"definition": trip.definition})], [opened(trip)]
        )
        standing = read_definition(rows.text(row[_DEFINITION], "definition")) if row else trip
        if not trip.asks_for(standing):
            raise TripDefinedOtherwise
        return standing

    async def seed(self, trip: Trip, group: int) -> None:
        """See Trips. A cell is only ever made where there is none, whoever made the others, and in what portions."""
        partition = seat_rows.group_partition(trip.key, group)
        cells = seat_rows.cell_keys((seat.id for seat in trip.seats_in(group)), Journey(0, len(trip.segments) - 1))
        for start in range(0, len(cells), self._cells_per_batch_max):
            missing = cells[start : start + self._cells_per_batch_max]
            while missing:
                standing = await self._insert(partition, [Write(cell, ABSENT, seat_rows.NEW_CELL) for cell in missing])
                missing = [cell for cell in missing if cell not in standing] if standing else []

    async def find(self, key: TripKey) -> Trip | None:
        """See Trips."""
        try:
            standing = await self._batches.get(_partition(key), [_DEFINITION])
        except StoreUnavailable:
            raise BackendUnavailable from None
        row = standing.get(_DEFINITION)
        return None if row is None else read_definition(rows.text(row, "definition"))

    async def _insert(self, partition: Partition, writes: Sequence[Write], entries: Sequence[IndexEntry] = ()) -> Rows:
        """Make rows where there are none, however often it takes to know; those that stood, none where all are new."""
        was_sent = False
        for _ in range(TRIES_MAX):
            match await self._batches.apply(partition, writes, entries):
                case Applied():
                    return {}
                case Refused(rows=standing):
                    return standing
                case Unknown():
                    was_sent = True
                case NotDone():
                    pass
        raise OutcomeUnknown if was_sent else BackendUnavailable


def _partition(key: TripKey) -> Partition:
    return Partition(Table.TRIPS, key.organization, key.trip)
