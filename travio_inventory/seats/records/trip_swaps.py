"""Gives a trip another vehicle, with seat groups of its own, and moves what is held and booked there.

A seat's cells are in a partition that its place in the vehicle decides, and each process computes that place from the
definition that it knows. So the new vehicle gets new seat groups, behind those of the old one, and nothing of either
ever means the other:

    row open, period 1        old cells 1                    sold
    row swapping, 2           old cells 2                    nobody takes a seat: who knows period 1 is refused by cells
    row swapping, 2           old cells 2, new cells 3       the new vehicle has its cells
    row swapping, 3           old cells 2, new cells 3       definition of the new vehicle; holds are moved to it, each
                                                             by the step of a move, at the prices that it has
    row as before, 3          old cells 2, new cells 3       the new seats are sold; the old ones never again

A hold moves with all its seats or not at all. What has no seat in the new vehicle keeps the old ones: it is confirmed,
released, cancelled and moved as ever. Its home stays where it was, so old seat groups are the trip's as long as it is.

What breaks without it: were the old seat groups used again, a process that knows the trip from before would sell a seat
of the new vehicle at the place of an old one. Were the old cells not told, it would sell those. Were holds moved before
that, one more could come behind them.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from typing import TypeVar

from travio_inventory.kernel.actor import Actor, house_for, house_of
from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Kind, Row, StoreUnavailable
from travio_inventory.protocol.hold_protocol import HoldProtocol
from travio_inventory.protocol.refusals import HoldEnded, HoldNotFound
from travio_inventory.seats.events import EventType, VehicleSwapped
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.offer import Offer, SalesState, Swap
from travio_inventory.seats.records import cell_periods, seat_rows
from travio_inventory.seats.records.announcing import announce
from travio_inventory.seats.records.trip_changes import (
    Change,
    Found,
    TripChanges,
    once_begun,
    unchanged,
    unless_cancelled,
)
from travio_inventory.seats.records.trip_rows import SwapNote, TripRow
from travio_inventory.seats.records.visits import Visit
from travio_inventory.seats.refusals import SeatContended, SeatTaken, TripChanged
from travio_inventory.seats.swapping import NewVehicle, Places, Reseat, has_place
from travio_inventory.seats.trip import Trip, TripKey

T = TypeVar("T")

TRIES_MAX = 16
GROUPS_AT_ONCE = 16
HOLDS_AT_ONCE = 16


class TripSwaps:
    """Swaps vehicles. Whoever finds a swap that was begun goes on with it."""

    def __init__(self, holds: HoldProtocol[Hold], changes: TripChanges) -> None:
        self._holds = holds
        self._sender = holds.sender
        self._changes = changes

    async def swap(self, key: TripKey, vehicle: NewVehicle, *, version: int) -> Swap:
        """See TripSales. One that was begun before is completed first."""
        for _ in range(TRIES_MAX):
            found = await self.change_after(key, unless_cancelled(unchanged), but=vehicle.digest)
            if found.row.swapped.asked == vehicle.digest:
                with once_begun():
                    await self.finish(key)
                return await self.progress(key, vehicle)
            if version not in (0, found.row.version):
                raise TripChanged(found.row.version)
            trip = (await self._changes.offer(found)).trip
            new = await off_loop(len(vehicle.seats), vehicle.of, trip)
            note = SwapNote(vehicle.digest, vehicle.chosen, resumes=found.row.halt)
            begun: Row = {
                "halt": SalesState.SWAPPING.value,
                "period": found.row.period + 1,
                "next": await self._changes.prepare(new),
                "swap": note.text,
            }
            await self._changes.change(key, _if_still(found.row, begun))
        raise BackendUnavailable

    async def progress(self, key: TripKey, vehicle: NewVehicle) -> Swap:
        """See TripSales.swapped: the trip may be as it was because the swap is not begun."""
        found = await self._changes.change(key, unchanged)
        note = found.row.swapped
        if note.asked != vehicle.digest:
            raise OutcomeUnknown
        return Swap(await self._changes.offer(found), note.reached, note.moved, note.left)

    async def change_after(self, key: TripKey, change: Change, *, but: str = "") -> Found:
        """Change the trip's row once no swap is under way, but the one that was asked so: that is left alone."""

        def checked(row: TripRow) -> Row | None:
            return None if row.halt == SalesState.SWAPPING else change(row)

        for _ in range(TRIES_MAX):
            found = await self._changes.change(key, checked)
            if found.row.halt != SalesState.SWAPPING or found.row.swapped.asked == but:
                return found
            await self.finish(key)
        raise BackendUnavailable

    async def finish(self, key: TripKey) -> None:
        """Go on with the swap that is under way, if there is one, to its end."""
        for _ in range(TRIES_MAX):
            found = await self._changes.change(key, unchanged)
            if found.row.halt != SalesState.SWAPPING:
                return
            await (self._fit_out(found) if found.row.next else self._move_all(found))
        raise BackendUnavailable

    async def _fit_out(self, found: Found) -> None:
        """The old cells are sold no more, the new ones are there: then the trip is one with the new vehicle."""
        old = await self._changes.offer(found)
        await cell_periods.end_period(self._holds, old.trip, old.period)
        period = old.period + 1
        new = await self._changes.trip(found.key, found.row.next)
        offer = Offer(new, old.state, period, old.version, old.defined, old.opened_at_ms)
        await announce(self._sender, offer, EventType.VEHICLE_SWAPPED, lambda subject: _told(subject, new))
        await cell_periods.begin_period(self._sender.batches, new, period)
        await self._changes.redefine(found, old.trip, new, found.row.next, {"period": period, "next": ""})

    async def _move_all(self, found: Found) -> None:
        """Move what can be moved, some of the old seat groups after the others, and note how far that is."""
        offer = await self._changes.offer(found)
        places = Places(offer.trip, found.row.swapped.chosen)
        await off_loop(len(offer.trip.seats), places.prepare)
        while (note := found.row.swapped).reached < offer.trip.first_group:
            until = min(note.reached + GROUPS_AT_ONCE, offer.trip.first_group)
            done = await _all(self._move_group(offer, places, group) for group in range(note.reached, until))
            moved, left = (sum(counts) for counts in zip(*done, strict=True))
            further = note._replace(reached=until, moved=note.moved + moved, left=note.left + left)
            found = await self._changes.change(found.key, _noting(note, {"swap": further.text}))
            if found.row.halt != SalesState.SWAPPING:
                return
        over: Row = {"halt": note.resumes}
        await self._changes.change(found.key, _noting(note, over))

    async def _move_group(self, offer: Offer, places: Places, group: int) -> tuple[int, int]:
        """Move what has its home there; of the holds and bookings that live then, how many have seats of the present
        vehicle, and how many have none. Raises BackendUnavailable, OutcomeUnknown.
        """
        taken: set[str] = set()
        for _ in range(TRIES_MAX):
            live = await self._live(offer.trip, group)
            without = {hold_id: hold for hold_id, hold in live.items() if not has_place(offer.trip, hold)}
            steps = {
                hold_id: self._holds.move(_of(hold), hold_id, Reseat(offer.trip, places, offer.period))
                for hold_id, hold in without.items()
                if hold_id not in taken and places.of(hold).is_possible
            }
            if not steps:
                left = sum(bool(hold.holder) for hold in without.values())
                return sum(bool(hold.holder) for hold in live.values()) - left, left
            taken |= await _take(steps)
        raise BackendUnavailable

    async def _live(self, trip: Trip, group: int) -> Mapping[str, Hold]:
        """The live holds, bookings and blocks whose home is there. Raises BackendUnavailable."""
        partition = seat_rows.group_partition(trip.key, group)
        try:
            return {
                key.id: seat_rows.read_hold(trip.key.organization, key.id, row)
                async for key, row in Visit(self._sender.batches).rows(partition, Kind.HOLD)
                if row.get("status") in rows.LIVE
            }
        except StoreUnavailable:
            raise BackendUnavailable from None


def _of(hold: Hold) -> Actor:
    """Whose it is; the house's what it blocks."""
    return house_for(hold.organization, hold.holder) if hold.holder else house_of(hold.organization)


async def _take(steps: Mapping[str, Awaitable[object]]) -> set[str]:
    """Take all steps; which of them others are in the way of for good. Raises BackendUnavailable, OutcomeUnknown."""
    at_once = asyncio.Semaphore(HOLDS_AT_ONCE)
    taken: set[str] = set()

    async def take(hold_id: str, step: Awaitable[object]) -> None:
        async with at_once:
            try:
                await step
            except SeatTaken:
                taken.add(hold_id)
            except (HoldEnded, HoldNotFound, SeatContended):
                return  # what is to be done then, the next look tells

    await _all(take(hold_id, step) for hold_id, step in steps.items())
    return taken


async def _all(steps: Iterable[Awaitable[T]]) -> list[T]:
    """What all of them return; none is left running where one fails."""
    done = await asyncio.gather(*steps, return_exceptions=True)
    for failed in done:
        if isinstance(failed, BaseException):
            raise failed
    return [each for each in done if not isinstance(each, BaseException)]


def _told(subject: str, trip: Trip) -> VehicleSwapped:
    return VehicleSwapped(subject, trip.key.trip, trip.vehicle, trip.vehicle_type, len(trip.seats))


def _if_still(seen: TripRow, values: Row) -> Change:
    """Unless something of the row has changed."""
    return lambda row: values if row == seen else None


def _noting(seen: SwapNote, values: Row) -> Change:
    """Unless another process has come further."""
    return lambda row: values if row.halt == SalesState.SWAPPING and row.swapped == seen else None
