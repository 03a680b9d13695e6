"""The definitions of trips, and the seeding of their cells."""

import asyncio
from collections.abc import Sequence

from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import ABSENT, Batches, StoreUnavailable, Write
from travio_inventory.protocol.until_known import until_known
from travio_inventory.seats.differences import differences
from travio_inventory.seats.offer import Offer
from travio_inventory.seats.opening import Opening, Portions
from travio_inventory.seats.records import seat_rows, trip_rows
from travio_inventory.seats.records.departures import departing
from travio_inventory.seats.records.listed_trips import listed
from travio_inventory.seats.records.openings import opening_entry
from travio_inventory.seats.records.trip_rows import OPENED, SEEDED_WITHIN_S, TRIP, Stage, TripRow
from travio_inventory.seats.records.trip_seats import TripSeats, Written, opening_of, written
from travio_inventory.seats.refusals import TripBeingForgotten, TripDefinedOtherwise, TripOpening
from travio_inventory.seats.trip import Journey, Trip, TripKey

PORTIONS = Portions()
CELLS_PER_BATCH_MAX = 160
"""A prepared text of more rows costs a CQL server too much memory. Nothing that is stored depends on it."""


class Definitions:
    """Implements `seats.ports.Trips` over conditional batches."""

    def __init__(
        self,
        batches: Batches,
        clock: Clock,
        *,
        portions: Portions = PORTIONS,
        cells_per_batch_max: int = CELLS_PER_BATCH_MAX,
    ) -> None:
        self._batches = batches
        self._clock = clock
        self._seats = TripSeats(batches)
        self._portions = portions
        self._cells_per_batch_max = cells_per_batch_max

    async def define(self, trip: Trip) -> tuple[Trip, Opening]:
        """See Trips. Only a trip that is new is listed: by its life, so that no other life's listing is meant."""
        send_by = asyncio.get_running_loop().time() + SEEDED_WITHIN_S
        row, new = await self._read(trip.key), await off_loop(len(trip.seats), written, trip, self._portions)
        if row is None or row.stage is Stage.OPENING:
            await self._seats.put(trip.key, new.parts)
            row = row or await self._begin(trip, new, send_by=send_by)
        if row.stage not in OPENED:
            raise TripBeingForgotten
        standing = trip if row.definition == new.definition else await self._standing(trip, row)
        if row.stage is Stage.OPENING:
            await until_known(
                self._batches, trip_rows.partition(trip.key), [], [opening_entry(trip.key, row.opened_at_ms)]
            )
        return standing, opening_of(row)

    async def _standing(self, trip: Trip, row: TripRow) -> Trip:
        """The trip as it is stored, if that is what this one asks for. Raises TripDefinedOtherwise."""
        standing = await self._seats.read(trip.key, row.definition)
        if standing is None:
            raise TripDefinedOtherwise
        if not await off_loop(len(trip.seats), trip.asks_for, standing):
            found = await off_loop(len(trip.seats), differences, trip, standing)
            raise TripDefinedOtherwise(found, was_changed=row.defined > 1)
        return standing

    async def _begin(self, trip: Trip, new: Written, *, send_by: float) -> TripRow:
        """The row that stands after an attempt to make it."""
        stage = Stage.OPENING if self._portions.is_opened_later(trip) else Stage.ON_SALE
        row = TripRow(new.definition, self._clock.now_ms(), stage, about=trip_rows.about(trip))
        entries = [listed(trip, row.opened_at_ms), departing(trip, row.opened_at_ms)]
        if stage is Stage.OPENING:
            entries.append(opening_entry(trip.key, row.opened_at_ms))
        partition, write = trip_rows.partition(trip.key), Write(TRIP, ABSENT, row.first)
        found = await until_known(self._batches, partition, [write], entries, send_by=send_by)
        return TripRow.read(found[TRIP]) if found else row

    async def seed(self, trip: Trip, group: int, *, since_s: float) -> None:
        """See Trips. A cell is only ever made where there is none, whoever made the others, and in what portions."""
        partition = seat_rows.group_partition(trip.key, group)
        cells = seat_rows.cell_keys((seat.id for seat in trip.seats_in(group)), Journey(0, len(trip.segments) - 1))
        for start in range(0, len(cells), self._cells_per_batch_max):
            missing = cells[start : start + self._cells_per_batch_max]
            while missing:
                writes: Sequence[Write] = [Write(cell, ABSENT, seat_rows.NEW_CELL) for cell in missing]
                send_by = since_s + SEEDED_WITHIN_S
                standing = await until_known(self._batches, partition, writes, send_by=send_by)
                missing = [cell for cell in missing if cell not in standing] if standing else []

    async def find(self, key: TripKey, known: Offer | None = None) -> Offer | None:
        """See Trips."""
        row = await self._read(key)
        if row is None or row.stage not in OPENED:
            return None
        if row.stage is Stage.OPENING:
            raise TripOpening
        if known is not None and (row.opened_at_ms, row.defined) == (known.opened_at_ms, known.defined):
            return row.offer(known.trip)
        trip = await self._seats.read(key, row.definition)
        if trip is None:
            raise BackendUnavailable  # it is being forgotten at this moment
        return row.offer(trip)

    async def opening(self, key: TripKey) -> Opening | None:
        """See Trips."""
        row = await self._read(key)
        return opening_of(row) if row is not None and row.stage in OPENED else None

    async def _read(self, key: TripKey) -> TripRow | None:
        try:
            standing = await self._batches.get(trip_rows.partition(key), [TRIP])
        except StoreUnavailable:
            raise BackendUnavailable from None
        return TripRow.read(standing[TRIP]) if TRIP in standing else None
