"""The definitions of trips, and the seeding of their cells."""

from collections.abc import Sequence

from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol.batches import (
    ABSENT,
    ANY_TIME,
    Applied,
    Batches,
    IndexEntry,
    NotDone,
    Partition,
    Refused,
    Rows,
    StoreUnavailable,
    Unknown,
    Write,
)
from travio_inventory.seats.records import seat_rows, trip_rows
from travio_inventory.seats.records.listed_trips import listed
from travio_inventory.seats.records.trip_rows import SEEDED_WITHIN_S, TRIP, Stage, TripRow
from travio_inventory.seats.refusals import TripBeingForgotten, TripDefinedOtherwise
from travio_inventory.seats.trip import Journey, Trip, TripKey

CELLS_PER_BATCH_MAX = 160
"""A prepared text of more rows costs a CQL server too much memory. Nothing that is stored depends on it."""
TRIES_MAX = 4


class Definitions:
    """Implements `seats.ports.Trips` over conditional batches."""

    def __init__(self, batches: Batches, clock: Clock, *, cells_per_batch_max: int = CELLS_PER_BATCH_MAX) -> None:
        self._batches = batches
        self._clock = clock
        self._cells_per_batch_max = cells_per_batch_max

    async def define(self, trip: Trip) -> Trip:
        """See Trips. Only a trip that is new is listed: by its life, so that no other life's listing is meant."""
        standing = await self._read(trip.key) or await self._begin(trip)
        if standing.stage is not Stage.ON_SALE:
            raise TripBeingForgotten
        if not trip.asks_for(standing.trip):
            raise TripDefinedOtherwise
        return standing.trip

    async def _begin(self, trip: Trip) -> TripRow:
        """The row that stands after an attempt to make it."""
        new = TripRow(trip.definition, self._clock.now_ms(), Stage.ON_SALE)
        write = Write(TRIP, ABSENT, {"definition": new.definition, "opened_at_ms": new.opened_at_ms})
        found = await self._insert(trip_rows.partition(trip.key), [write], [listed(trip, new.opened_at_ms)])
        return TripRow.read(found[TRIP]) if found else new

    async def seed(self, trip: Trip, group: int, *, since_s: float) -> None:
        """See Trips. A cell is only ever made where there is none, whoever made the others, and in what portions."""
        partition = seat_rows.group_partition(trip.key, group)
        cells = seat_rows.cell_keys((seat.id for seat in trip.seats_in(group)), Journey(0, len(trip.segments) - 1))
        for start in range(0, len(cells), self._cells_per_batch_max):
            missing = cells[start : start + self._cells_per_batch_max]
            while missing:
                writes = [Write(cell, ABSENT, seat_rows.NEW_CELL) for cell in missing]
                standing = await self._insert(partition, writes, send_by=since_s + SEEDED_WITHIN_S)
                missing = [cell for cell in missing if cell not in standing] if standing else []

    async def find(self, key: TripKey) -> Trip | None:
        """See Trips."""
        row = await self._read(key)
        return row.trip if row is not None and row.stage is Stage.ON_SALE else None

    async def _read(self, key: TripKey) -> TripRow | None:
        try:
            standing = await self._batches.get(trip_rows.partition(key), [TRIP])
        except StoreUnavailable:
            raise BackendUnavailable from None
        return TripRow.read(standing[TRIP]) if TRIP in standing else None

    async def _insert(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Rows:
        """Make rows where there are none, however often it takes to know; those that stood, none where all are new."""
        was_sent = False
        for _ in range(TRIES_MAX):
            match await self._batches.apply(partition, writes, entries, send_by=send_by):
                case Applied():
                    return {}
                case Refused(rows=standing):
                    return standing
                case Unknown():
                    was_sent = True
                case NotDone():
                    pass
        raise OutcomeUnknown if was_sent else BackendUnavailable
