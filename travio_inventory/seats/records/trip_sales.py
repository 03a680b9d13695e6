"""Changes whether a trip is sold: closed and opened again by its row alone, frozen by its cells as well.

A process goes by what it last read of a trip, and that may be old. So a freeze tells every cell: the trip's row gets
the next period of its sale, then each cell does, whoever has it. A claim takes a cell only IF it is available in the
period that the claimant knows, so one that knows an older period is refused by the cell, and reads the trip again:

    row open, period 1     cells 1 1 1      claims of period 1 are taken
    row freezing, 2        cells 2 1 1      nobody who reads the row claims; who does not is refused by more and more
    row frozen, 2          cells 2 2 2      nobody claims anything; what is held goes on, and what it gives back is of 2
    row open, 2            cells 2 2 2      claims of period 2 are taken, those of period 1 never again

So an end of the freeze is a change of the row, and gives back nothing that the house, or anybody else, has. Periods
only grow and each batch names the period that it saw, so a late copy of one changes nothing.

What breaks without it: a process that knows the trip from before sells a seat after the freeze was answered. With a
mark on free cells alone, it sells what is released meanwhile. Were only some of the cells told, it sells the others.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import ABSENT, Batches, Kind, Partition, Row, Rows, StoreUnavailable, Write
from travio_inventory.seats.offer import Offer, SalesState
from travio_inventory.seats.records import seat_rows, trip_rows
from travio_inventory.seats.records.trip_rows import OPENED, TRIP, Stage, TripRow
from travio_inventory.seats.records.trip_seats import TripSeats
from travio_inventory.seats.records.visits import Visit, portions
from travio_inventory.seats.refusals import TripCancelled, TripNotFound, TripOpening
from travio_inventory.seats.trip import Journey, Trip, TripKey

TRIES_MAX = 16
GROUPS_AT_ONCE = 16


class TripSales:
    """Implements `seats.ports.TripSales` over conditional batches. Whoever repeats a call goes on with it."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._seats = TripSeats(batches)

    async def close(self, key: TripKey) -> Offer:
        """See TripSales."""
        return await self._change(key, lambda row: None if row.sales else {"sales": SalesState.CLOSED.value})

    async def reopen(self, key: TripKey) -> Offer:
        """See TripSales."""
        return await self._change(key, lambda row: {"sales": ""} if row.sales else None)

    async def freeze(self, key: TripKey) -> Offer:
        """See TripSales."""
        begun = await self._change(key, _freeze)
        if begun.state is SalesState.FREEZING:
            return await self._end_freezing(begun)
        return begun

    async def unfreeze(self, key: TripKey) -> Offer:
        """See TripSales. A freeze that was begun is completed first: all cells must be of one period."""
        offer = await self._change(key, lambda _: None)
        if offer.state is SalesState.FREEZING:
            await self._end_freezing(offer)
        return await self._change(key, lambda row: {"halt": ""} if row.halt == SalesState.FROZEN else None)

    async def _end_freezing(self, offer: Offer) -> Offer:
        await self.tell_cells(offer)
        frozen: Row = {"halt": SalesState.FROZEN.value}
        return await self._change(
            offer.trip.key, lambda row: frozen if row.halt == SalesState.FREEZING and _is_in(offer, row) else None
        )

    async def tell_cells(self, offer: Offer) -> None:
        """Return when every cell is of the offer's period. Raises BackendUnavailable, OutcomeUnknown."""
        visit, at_once = Visit(self._batches), asyncio.Semaphore(GROUPS_AT_ONCE)

        async def tell(group: int) -> None:
            async with at_once:
                await _tell_group(visit, offer.trip, group, offer.period)

        told = [tell(group) for group in range(offer.trip.group_count)]
        for failed in await asyncio.gather(*told, return_exceptions=True):
            if failed is not None:
                raise failed

    async def _change(self, key: TripKey, change: Callable[[TripRow], Row | None]) -> Offer:
        """Write what `change` makes of the trip's row, None for nothing; the trip as it is offered then.

        Raises TripNotFound, TripOpening, TripCancelled, BackendUnavailable, OutcomeUnknown.
        """
        visit, partition = Visit(self._batches), trip_rows.partition(key)
        for _ in range(TRIES_MAX):
            row = await self._read(partition)
            if (values := change(row)) is not None:
                values = {**values, "version": row.version + 1}
                if not await visit.write(partition, [Write(TRIP, row.seen, values)]):
                    continue
                row = row.changed(values)
            trip = await self._seats.read(key, row.definition)
            if trip is None:
                raise BackendUnavailable  # it is being forgotten at this moment
            return row.offer(trip)
        raise BackendUnavailable

    async def _read(self, partition: Partition) -> TripRow:
        try:
            standing = (await self._batches.get(partition, [TRIP])).get(TRIP)
        except StoreUnavailable:
            raise BackendUnavailable from None
        row = TripRow.read(standing) if standing is not None else None
        if row is None or row.stage not in OPENED:
            raise TripNotFound
        if row.stage is Stage.OPENING:
            raise TripOpening
        return row


def _freeze(row: TripRow) -> Row | None:
    """The change that begins a freeze."""
    if row.state in (SalesState.CANCELLING, SalesState.CANCELLED):
        raise TripCancelled
    return None if row.halt else {"halt": SalesState.FREEZING.value, "period": row.period + 1}


def _is_in(offer: Offer, row: TripRow) -> bool:
    """Whether it is the same period of the same life still."""
    return (row.opened_at_ms, row.period) == (offer.opened_at_ms, offer.period)


async def _tell_group(visit: Visit, trip: Trip, group: int, period: int) -> None:
    """Bring the seat group's cells into the period, those too that are not made yet; none that is in a later one."""
    partition = seat_rows.group_partition(trip.key, group)
    for _ in range(TRIES_MAX):
        with suppress(StoreUnavailable, BackendUnavailable, OutcomeUnknown):
            writes = _behind(trip, group, await visit.batches.read(partition, Kind.CELL), period)
            if not writes:
                return
            for portion in portions(writes):
                if not await visit.write(partition, portion):
                    for write in portion:  # some have changed since: the others first, those when they are read again
                        await visit.write(partition, [write])
    raise BackendUnavailable


def _behind(trip: Trip, group: int, standing: Rows, period: int) -> list[Write]:
    """What brings each cell of the seat group into the period that is not."""
    cells = seat_rows.cell_keys((seat.id for seat in trip.seats_in(group)), Journey(0, len(trip.segments) - 1))
    values: Row = {"period": period}
    missing = [Write(cell, ABSENT, {**seat_rows.NEW_CELL, **values}) for cell in cells if cell not in standing]
    return missing + [
        Write(cell, {"status": row.get("status"), "period": row.get("period")}, values)
        for cell, row in standing.items()
        if rows.number(row, "period") < period and row.get("status") not in seat_rows.OFF_SALE
    ]
