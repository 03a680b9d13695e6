"""Reads the bookings of a trip in the order of their seats, page by page and each at a bounded cost.

The cells of a seat group name every booking that has a seat there, since a hold has its cells before it is committed;
the home row of each says what it is. A booking is listed with the seat group of its first seat; those that have
no place in the present vehicle come first, since former vehicles have the first seat groups. No row of an ended hold
is read, however many there are.
"""

import asyncio
from collections.abc import Callable
from operator import itemgetter
from typing import Final

from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Batches, Kind, Rows, StoreUnavailable
from travio_inventory.protocol.hold import read_title
from travio_inventory.seats.hold import Hold, HoldPage
from travio_inventory.seats.queries import SeatPlace
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.home_rows import home_rows
from travio_inventory.seats.refusals import TripOpening
from travio_inventory.seats.trip import Trip

GROUPS_MAX: Final = 64
"""So many seat groups a page looks at, whatever of them is listed."""
GROUPS_AT_ONCE: Final = 8
SEATS_MAX: Final = 1_000
"""So many seats a page tells of, unless one hold has more: clients accept a reply of 4 MiB."""


class Manifests:
    """Implements `seats.ports.Manifests` over conditional batches."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    async def page(
        self,
        trip: Trip,
        wanted: Callable[[Hold], bool],
        *,
        after: SeatPlace,
        most: int,
        without_place: bool = False,
    ) -> HoldPage:
        """See Manifests."""
        first = trip.group_at(after.position)
        end = trip.first_group if without_place else trip.group_count
        groups = range(first, end)[:GROUPS_MAX]
        found: list[Hold] = []
        last, seats = after, 0
        for start in range(0, len(groups), GROUPS_AT_ONCE):
            for place, hold in await self._listed(trip, groups[start : start + GROUPS_AT_ONCE]):
                if place > after and wanted(hold):
                    if found and (len(found) == most or seats + len(hold.seats) > SEATS_MAX):
                        return HoldPage(found, str(last))
                    found.append(hold)
                    seats += len(hold.seats)
                    last = place
        if groups.stop >= end:
            return HoldPage(found, "")
        return HoldPage(found, str(SeatPlace(trip.place_of(groups.stop, trip.seats_in(groups.stop)[0].id), -1)))

    async def _listed(self, trip: Trip, groups: range) -> list[tuple[SeatPlace, Hold]]:
        """What is held or booked whose first seat is in one of these seat groups, in the order of seats."""
        try:
            read = await asyncio.gather(*(self._owners(trip, group) for group in groups))
        except StoreUnavailable:
            raise BackendUnavailable from None
        found = [
            (_place(trip, hold), hold)
            for group, holds in zip(groups, read, strict=True)
            for hold in holds
            if min(hold.groups) == group
        ]
        return sorted(found, key=itemgetter(0))

    async def _owners(self, trip: Trip, group: int) -> list[Hold]:
        """What is held or booked that has a seat in the seat group. Raises TripOpening, StoreUnavailable."""
        cells = await self._batches.read(seat_rows.group_partition(trip.key, group), Kind.CELL)
        check_made(trip, group, cells)
        owners = {rows.text(cell, "owner") for cell in cells.values() if cell.get("status") != "blocked"} - {""}
        owners = {read_title(owner).hold_id for owner in owners}
        homes = await home_rows(self._batches, trip.key.organization, owners)
        return [
            seat_rows.read_hold(trip.key.organization, hold_id, row)
            for hold_id, row in homes.items()
            if row.get("status") in rows.LIVE and row.get("holder")
        ]


def check_made(trip: Trip, group: int, cells: Rows) -> None:
    """Raises TripOpening unless all cells of the seat group are there and on sale."""
    is_on_sale = all(cell.get("status") not in seat_rows.OFF_SALE for cell in cells.values())
    if not (is_on_sale and seat_rows.are_made(cells, trip.seats_in(group), len(trip.segments))):
        raise TripOpening


def _place(trip: Trip, hold: Hold) -> SeatPlace:
    return SeatPlace(min(map(trip.place_of, hold.groups, hold.seats)), hold.journey.first)
