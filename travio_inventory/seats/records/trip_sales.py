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
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple, TypeAlias

from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    ABSENT,
    IndexEntry,
    Kind,
    Partition,
    Row,
    Rows,
    StoreUnavailable,
    Write,
)
from travio_inventory.protocol.hold_protocol import HoldProtocol
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.offer import Cancellation, Offer, SalesState, TripChange
from travio_inventory.seats.opening import Portions
from travio_inventory.seats.records import seat_rows, trip_rows
from travio_inventory.seats.records.departures import departing
from travio_inventory.seats.records.listed_trips import listed
from travio_inventory.seats.records.mass_release import announce, end_group
from travio_inventory.seats.records.openings import opening_entry
from travio_inventory.seats.records.trip_rows import FORGOTTEN_S, OPENED, TRIP, Stage, TripRow
from travio_inventory.seats.records.trip_seats import TripSeats, written
from travio_inventory.seats.records.visits import Visit, portions
from travio_inventory.seats.refusals import TripCancelled, TripChanged, TripNotFound, TripOpening
from travio_inventory.seats.trip import Journey, Trip, TripKey

TRIES_MAX = 16
GROUPS_AT_ONCE = 16

Change: TypeAlias = Callable[[TripRow], Row | None]
"""What becomes of a trip's row, None for nothing."""


class _Found(NamedTuple):
    """A trip's row."""

    key: TripKey
    row: TripRow


class TripSales:
    """Implements `seats.ports.TripSales` over conditional batches. Whoever repeats a call goes on with it."""

    def __init__(self, holds: HoldProtocol[Hold], parts: Portions) -> None:
        self._holds = holds
        self._sender = holds.sender
        self._batches = holds.sender.batches
        self._seats = TripSeats(self._batches)
        self._parts = parts

    async def close(self, key: TripKey) -> Offer:
        """See TripSales."""
        closed: Row = {"sales": SalesState.CLOSED.value}
        return await self._offer(await self._change(key, _unless_cancelled(lambda row: None if row.sales else closed)))

    async def reopen(self, key: TripKey) -> Offer:
        """See TripSales."""
        opened: Row = {"sales": ""}
        return await self._offer(await self._change(key, _unless_cancelled(lambda row: opened if row.sales else None)))

    async def freeze(self, key: TripKey) -> Offer:
        """See TripSales."""
        return await self._end_freezing(await self._change(key, _unless_cancelled(_freeze)))

    async def unfreeze(self, key: TripKey) -> Offer:
        """See TripSales. A freeze that was begun is completed first: all cells must be of one period."""
        await self._end_freezing(await self._change(key, _unless_cancelled(lambda _: None)))
        sold: Row = {"halt": ""}
        return await self._offer(await self._change(key, lambda row: sold if row.halt == SalesState.FROZEN else None))

    async def cancel(self, key: TripKey) -> Cancellation:
        """See TripSales."""
        now_ms = self._sender.clock.now_ms()
        found = await self._change(key, lambda row: _cancel(row, now_ms))
        offer = await self._offer(found)
        if found.row.halt == SalesState.CANCELLING:
            await announce(self._sender, offer)
            await self._tell_cells(offer)
            found = await self._end_holds(found, offer.trip)
            over: Row = {"halt": SalesState.CANCELLED.value}
            found = await self._change(key, lambda row: over if row.halt == SalesState.CANCELLING else None)
        row = found.row
        return Cancellation(row.offer(offer.trip), row.released, row.cancelled, row.reached)

    async def go_on(self, key: TripKey) -> None:
        """See TripSales."""
        found = await self._change(key, lambda _: None)
        if found.row.halt == SalesState.FREEZING:
            await self.freeze(key)
        if found.row.halt == SalesState.CANCELLING:
            await self.cancel(key)

    async def change(self, key: TripKey, change: TripChange, *, version: int) -> Offer:
        """See TripSales. What is so already needs no version: it may be this call that was repeated."""
        for _ in range(TRIES_MAX):
            found = await self._change(key, _unless_cancelled(lambda _: None))
            trip = (await self._offer(found)).trip
            new = await off_loop(len(trip.seats), change.of, trip)
            if new == trip:
                return found.row.offer(trip)
            if version not in (0, found.row.version):
                raise TripChanged(found.row.version)
            if await self._redefine(found, trip, new):
                return await self._offer(await self._change(key, lambda _: None))
        raise BackendUnavailable

    async def _redefine(self, found: _Found, trip: Trip, new: Trip) -> bool:
        """Write the definition, if nothing of the row has changed, and list the trip where it belongs then."""
        row, visit = found.row, Visit(self._batches)
        text = await off_loop(len(new.seats), written, new, self._parts)
        await self._seats.put(new.key, text.parts)
        if text.parts and not await self._seats.keep(new.key, text.definition, send_by=visit.send_by):
            raise BackendUnavailable
        entries = _listings(new, row.opened_at_ms)
        version = row.version + 1
        values: Row = {
            "definition": text.definition, "about": trip_rows.about(new), "version": version, "defined": version,
        }  # fmt: skip
        if not await visit.write(trip_rows.partition(new.key), [Write(TRIP, row.seen, values)], entries):
            return False
        left = [entry for entry in _listings(trip, row.opened_at_ms) if entry not in entries]
        ended = [entry._replace(keep_s=FORGOTTEN_S) for entry in left]
        await visit.write(trip_rows.partition(new.key), (), [*entries, *ended])
        return True

    async def _end_freezing(self, found: _Found) -> Offer:
        offer = await self._offer(found)
        if found.row.halt != SalesState.FREEZING:
            return offer
        await self._tell_cells(offer)
        frozen: Row = {"halt": SalesState.FROZEN.value}

        def change(row: TripRow) -> Row | None:
            is_it_still = (row.opened_at_ms, row.period) == (found.row.opened_at_ms, found.row.period)
            return frozen if is_it_still and row.halt == SalesState.FREEZING else None

        return await self._offer(await self._change(found.key, change))

    async def _end_holds(self, found: _Found, trip: Trip) -> _Found:
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
            found = await self._change(trip.key, _noting(reached, note))
        return found

    async def _tell_cells(self, offer: Offer) -> None:
        """Return when every cell is of the offer's period. Raises BackendUnavailable, OutcomeUnknown."""
        visit, at_once = Visit(self._batches), asyncio.Semaphore(GROUPS_AT_ONCE)

        async def tell(group: int) -> None:
            async with at_once:
                await _tell_group(visit, offer.trip, group, offer.period)

        told = [tell(group) for group in range(offer.trip.group_count)]
        for failed in await asyncio.gather(*told, return_exceptions=True):
            if failed is not None:
                raise failed

    async def _change(self, key: TripKey, change: Change) -> _Found:
        """Write what `change` makes of the trip's row; the row as it is then. What begins something that may be cut
        short is listed, so that others go on with it.

        Raises TripNotFound, TripOpening, TripCancelled, BackendUnavailable, OutcomeUnknown.
        """
        visit, partition = Visit(self._batches), trip_rows.partition(key)
        for _ in range(TRIES_MAX):
            row = await self._read(partition)
            if (values := change(row)) is None:
                return _Found(key, row)
            values = {**values, "version": row.version + 1}
            new = row.changed(values)
            entries = [opening_entry(key, row.opened_at_ms)] if new.is_being_halted else []
            if await visit.write(partition, [Write(TRIP, row.seen, values)], entries):
                return _Found(key, new)
        raise BackendUnavailable

    async def _offer(self, found: _Found) -> Offer:
        trip = await self._seats.read(found.key, found.row.definition)
        if trip is None:
            raise BackendUnavailable  # it is being forgotten at this moment
        return found.row.offer(trip)

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


def _unless_cancelled(change: Change) -> Change:
    def checked(row: TripRow) -> Row | None:
        if row.state in (SalesState.CANCELLING, SalesState.CANCELLED):
            raise TripCancelled
        return change(row)

    return checked


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


def _listings(trip: Trip, opened_at_ms: int) -> Sequence[IndexEntry]:
    return [listed(trip, opened_at_ms), departing(trip, opened_at_ms)]


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
