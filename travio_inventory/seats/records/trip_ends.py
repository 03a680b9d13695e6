"""Finds trips that ended long ago, and brings each a step nearer to being forgotten."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from random import Random

from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Batches, Kind, Partition, Row, StoreUnavailable, Write
from travio_inventory.seats.ports import EndedTrip, ListedTrip, TripArchive
from travio_inventory.seats.records import seat_rows, trip_rows
from travio_inventory.seats.records.closing import Closing
from travio_inventory.seats.records.departures import departing
from travio_inventory.seats.records.ended_lists import close_lists, forget_lists
from travio_inventory.seats.records.forgetting import forget_seats
from travio_inventory.seats.records.listed_trips import EVERY_MS, TripRound, entry_of
from travio_inventory.seats.records.listed_trips import listed as listed_as
from travio_inventory.seats.records.trip_rows import FORGOTTEN_S, OPENED, TRIP, Stage, TripRow
from travio_inventory.seats.records.trip_seats import TripSeats, forgotten_parts
from travio_inventory.seats.records.visits import Visit
from travio_inventory.seats.trip import Trip

TRIPS_AT_ONCE = 16
"""How many trips are visited in one round."""


class TripEnds:
    """Implements `seats.ports.TripEnds` over conditional batches. Several processes may do it at once.

    on sale --due--> closing --nothing can change, archived--> closed --nothing else is left--> forgotten --> no row
    """

    def __init__(
        self,
        batches: Batches,
        clock: Clock,
        *,
        sweep: Callable[[Partition], Awaitable[None]],
        archive: TripArchive | None,
        kept_s: int,
        random: Random,
        every_ms: int = EVERY_MS,
    ) -> None:
        self._batches = batches
        self._seats = TripSeats(batches)
        self._clock = clock
        self._closing = Closing(sweep)
        self._archive = archive
        self._kept_s = kept_s
        self._round = TripRound(batches, clock, self._due, name="forgetting", random=random, every_ms=every_ms)

    async def due(self) -> list[ListedTrip]:
        """See TripEnds."""
        try:
            return await self._round.next(TRIPS_AT_ONCE)
        except StoreUnavailable:
            raise BackendUnavailable from None

    async def visit(self, listed: ListedTrip) -> bool:
        """See TripEnds."""
        visit = Visit(self._batches)
        partition = trip_rows.partition(listed.key)
        try:
            standing = (await self._batches.get(partition, [TRIP])).get(TRIP)
            row = TripRow.read(standing) if standing is not None else None
            if row is None or row.opened_at_ms != listed.opened_at_ms:
                await visit.write(partition, (), [entry_of(listed, keep_s=FORGOTTEN_S)])
            elif row.stage is not Stage.FORGOTTEN and not row.is_being_swapped:
                return await self._visit_row(visit, listed, row)
        except StoreUnavailable:
            raise BackendUnavailable from None
        return False

    async def _visit_row(self, visit: Visit, listed: ListedTrip, row: TripRow) -> bool:
        trip = await self._seats.read(listed.key, row.definition)
        if trip is None:  # it was never opened so far that it has cells
            return await self._forget_row(visit, listed, row)
        if row.stage in OPENED and (listed_now := listed_as(trip, row.opened_at_ms)) != entry_of(listed):
            await visit.write(  # its times were changed, and whoever did that did not come so far
                trip_rows.partition(listed.key), (), [listed_now, entry_of(listed, keep_s=FORGOTTEN_S)]
            )
        elif row.stage not in OPENED or await self._is_over(listed, trip):
            return await self._bring_on(visit, listed, row, trip)
        return False

    async def _bring_on(self, visit: Visit, listed: ListedTrip, row: TripRow, trip: Trip) -> bool:
        """As far as it can be brought now; whether it is forgotten."""
        stage = row.stage
        if stage in OPENED and await self._move(visit, listed, stage, Stage.CLOSING):
            stage = Stage.CLOSING
        if stage is Stage.CLOSING and await self._is_closed(visit, listed, trip):
            if not await self._move(visit, listed, stage, Stage.CLOSED):
                return False
            stage = Stage.CLOSED
        if stage is Stage.CLOSED:
            are_seats_gone = await forget_seats(visit, trip)
            if await forget_lists(visit, trip) and are_seats_gone:
                await self._seats.forget_left(visit, trip.key, row.definition)
                return await self._forget_row(visit, listed, row._replace(stage=stage), trip)
        return False

    async def _is_closed(self, visit: Visit, listed: ListedTrip, trip: Trip) -> bool:
        """Close what can be closed; whether nothing of the trip can change any more, and it is archived."""
        await self._closing.close(visit, trip)
        are_lists_closed = await close_lists(visit, trip)
        holds = await self._closing.closed_holds(visit, trip)
        if holds is None or not are_lists_closed:
            return False
        if self._archive is None:
            return True
        ended = EndedTrip(trip, listed.opened_at_ms, self._clock.now_ms(), holds)
        if not await self._is_at(listed, Stage.CLOSING):
            return False  # another process has begun to forget what this one read
        await self._archive.keep(ended)
        return True

    async def _move(self, visit: Visit, listed: ListedTrip, stage: Stage, to: Stage) -> bool:
        """Take the trip's row from one stage to the next, unless another process has done so."""
        seen: Row = {"opened_at_ms": listed.opened_at_ms, "stage": stage.value or None}
        return await visit.write(trip_rows.partition(listed.key), [Write(TRIP, seen, {"stage": to.value})])

    async def _forget_row(self, visit: Visit, listed: ListedTrip, row: TripRow, trip: Trip | None = None) -> bool:
        """Give the trip's rows an end: while its own stands, the id stands for no other trip."""
        seen: Row = {"opened_at_ms": listed.opened_at_ms, "stage": row.stage.value or None}
        if row.stage is Stage.OPENING:
            seen = {**seen, "seeded": None}
        values: Row = {"opened_at_ms": listed.opened_at_ms, "stage": Stage.FORGOTTEN.value}
        writes = [Write(TRIP, seen, values, FORGOTTEN_S), *forgotten_parts(row.definition)]
        entries = [] if trip is None else [departing(trip, listed.opened_at_ms, keep_s=FORGOTTEN_S)]
        return await visit.write(trip_rows.partition(listed.key), writes, entries)

    async def _is_at(self, listed: ListedTrip, stage: Stage) -> bool:
        standing = (await self._batches.get(trip_rows.partition(listed.key), [TRIP])).get(TRIP)
        row = TripRow.read(standing) if standing is not None else None
        return row is not None and (row.opened_at_ms, row.stage) == (listed.opened_at_ms, stage)

    def _due(self, trips: Iterable[ListedTrip], now_s: int) -> Iterator[ListedTrip]:
        """Those that may be over for long enough, as far as the list tells."""
        for listed in trips:
            if max(listed.ends_s, listed.opened_at_ms // 1_000) + self._kept_s <= now_s:
                yield listed

    async def _is_over(self, listed: ListedTrip, trip: Trip) -> bool:
        """Whether a trip without times was not sold from for long enough either."""
        if listed.ends_s:
            return True
        since_ms = self._clock.now_ms() - self._kept_s * 1_000
        return not await self._was_sold_from(trip, since_ms)

    async def _was_sold_from(self, trip: Trip, since_ms: int) -> bool:
        for group in range(trip.group_count):
            cells = await self._batches.read(seat_rows.group_partition(trip.key, group), Kind.CELL)
            if any(rows.number(cell, "since_ms") > since_ms for cell in cells.values()):
                return True
        return False
