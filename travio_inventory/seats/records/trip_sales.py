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

What took cells in time and did not commit is fenced when they are told (`cell_periods`): a home need not have one.

What breaks without it: a process that knows the trip from before sells a seat after the freeze was answered. With a
mark on free cells alone, it sells what is released meanwhile. Were only some of the cells told, it sells the others.
"""

import asyncio

from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import Row
from travio_inventory.protocol.hold_protocol import HoldProtocol
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.offer import Cancellation, Offer, SalesState, Swap, TripChange
from travio_inventory.seats.records import cell_periods
from travio_inventory.seats.records.mass_release import announce_cancelled, end_group
from travio_inventory.seats.records.trip_changes import (
    Change,
    Found,
    TripChanges,
    once_begun,
    unchanged,
    unless_cancelled,
)
from travio_inventory.seats.records.trip_rows import TripRow
from travio_inventory.seats.records.trip_swaps import TripSwaps
from travio_inventory.seats.refusals import TripChanged
from travio_inventory.seats.swapping import NewVehicle
from travio_inventory.seats.trip import Trip, TripKey

TRIES_MAX = 16
GROUPS_AT_ONCE = 16


class TripSales:
    """Implements `seats.sales_ports.TripSales` over conditional batches. Whoever repeats a call goes on with it."""

    def __init__(self, holds: HoldProtocol[Hold], changes: TripChanges, swaps: TripSwaps) -> None:
        self._holds = holds
        self._sender = holds.sender
        self._changes = changes
        self._swaps = swaps

    async def close(self, key: TripKey) -> Offer:
        """See TripSales."""
        closed: Row = {"sales": SalesState.CLOSED.value}
        return await self._changed(key, unless_cancelled(lambda row: None if row.sales else closed))

    async def reopen(self, key: TripKey) -> Offer:
        """See TripSales."""
        opened: Row = {"sales": ""}
        return await self._changed(key, unless_cancelled(lambda row: opened if row.sales else None))

    async def freeze(self, key: TripKey) -> Offer:
        """See TripSales."""
        found = await self._swaps.change_after(key, unless_cancelled(_freeze))
        with once_begun():
            return await self._end_freezing(found)

    async def unfreeze(self, key: TripKey) -> Offer:
        """See TripSales. A freeze that was begun is completed first: all cells must be of one period."""
        await self._end_freezing(await self._swaps.change_after(key, unless_cancelled(unchanged)))
        sold: Row = {"halt": ""}
        return await self._changed(key, lambda row: sold if row.halt == SalesState.FROZEN else None)

    async def cancel(self, key: TripKey) -> Cancellation:
        """See TripSales."""
        now_ms = self._sender.clock.now_ms()
        found = await self._swaps.change_after(key, lambda row: _cancel(row, now_ms))
        with once_begun():
            return await self._end_cancelling(found)

    async def _end_cancelling(self, found: Found) -> Cancellation:
        offer = await self._changes.offer(found)
        if found.row.halt == SalesState.CANCELLING:
            await announce_cancelled(self._sender, offer)
            await cell_periods.end_period(self._holds, offer.trip, offer.period)
            found = await self._end_holds(found, offer.trip)
            over: Row = {"halt": SalesState.CANCELLED.value}
            change = self._changes.change(found.key, lambda row: over if row.halt == SalesState.CANCELLING else None)
            found = await change
        row = found.row
        return Cancellation(row.offer(offer.trip), row.released, row.cancelled, row.reached)

    async def go_on(self, key: TripKey) -> None:
        """See TripSales."""
        found = await self._changes.change(key, unchanged)
        if found.row.halt == SalesState.FREEZING:
            await self.freeze(key)
        if found.row.halt == SalesState.CANCELLING:
            await self.cancel(key)
        if found.row.halt == SalesState.SWAPPING:
            await self._swaps.finish(key)

    async def swap(self, key: TripKey, vehicle: NewVehicle, *, version: int) -> Swap:
        """See TripSales. A freeze that was begun is completed first."""
        await self._end_freezing(await self._changes.change(key, unless_cancelled(unchanged)))
        return await self._swaps.swap(key, vehicle, version=version)

    async def swapped(self, key: TripKey, vehicle: NewVehicle) -> Swap:
        """See TripSales."""
        return await self._swaps.progress(key, vehicle)

    async def change(self, key: TripKey, change: TripChange, *, version: int) -> Offer:
        """See TripSales. What is so already needs no version: it may be this call that was repeated."""
        for _ in range(TRIES_MAX):
            found = await self._swaps.change_after(key, unless_cancelled(unchanged))
            trip = (await self._changes.offer(found)).trip
            new = await off_loop(len(trip.seats), change.of, trip)
            if new == trip:
                return found.row.offer(trip)
            if version not in (0, found.row.version):
                raise TripChanged(found.row.version)
            if await self._changes.redefine(found, trip, new, await self._changes.prepare(new)):
                return await self._changed(key, unchanged)
        raise BackendUnavailable

    async def _changed(self, key: TripKey, change: Change) -> Offer:
        return await self._changes.offer(await self._changes.change(key, change))

    async def _end_freezing(self, found: Found) -> Offer:
        offer = await self._changes.offer(found)
        if found.row.halt != SalesState.FREEZING:
            return offer
        await cell_periods.end_period(self._holds, offer.trip, offer.period)
        frozen: Row = {"halt": SalesState.FROZEN.value}

        def change(row: TripRow) -> Row | None:
            is_it_still = (row.opened_at_ms, row.period) == (found.row.opened_at_ms, found.row.period)
            return frozen if is_it_still and row.halt == SalesState.FREEZING else None

        return await self._changed(found.key, change)

    async def _end_holds(self, found: Found, trip: Trip) -> Found:
        """Release and cancel what there is, some seat groups after the others, and note how far that is."""
        while (reached := found.row.reached) < trip.group_count:
            until = min(reached + GROUPS_AT_ONCE, trip.group_count)
            since_ms = found.row.halted_at_ms
            ends = [end_group(self._holds, trip.key, group, since_ms) for group in range(reached, until)]
            ended = await asyncio.gather(*ends, return_exceptions=True)
            for failed in ended:
                if isinstance(failed, BaseException):
                    raise failed
            counts = [each for each in ended if not isinstance(each, BaseException)]
            note: Row = {
                "reached": until,
                "released": found.row.released + sum(released for released, _ in counts),
                "cancelled": found.row.cancelled + sum(cancelled for _, cancelled in counts),
            }
            found = await self._changes.change(trip.key, _noting(reached, note))
        return found


def _freeze(row: TripRow) -> Row | None:
    """The change that begins a freeze."""
    return None if row.halt else {"halt": SalesState.FREEZING.value, "period": row.period + 1}


def _cancel(row: TripRow, now_ms: int) -> Row | None:
    """The change that begins a cancellation."""
    if row.state in (SalesState.CANCELLING, SalesState.CANCELLED):
        return None
    return {"halt": SalesState.CANCELLING.value, "period": row.period + 1, "halted_at_ms": now_ms}


def _noting(reached: int, note: Row) -> Change:
    """Unless another process has come further."""
    return lambda row: note if row.halt == SalesState.CANCELLING and row.reached == reached else None
