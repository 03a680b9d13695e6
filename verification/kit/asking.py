"""Calls the inventory in few words: the house opens trips and sweeps, users hold seats and read maps."""

from collections.abc import Sequence

from travio_inventory.kernel.actor import Actor, house_of, service_of
from travio_inventory.seats.commands import ControlSalesCommand, HoldSeatsCommand, SalesAction, SeatMapQuery, trip_id
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.offer import Offer
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.trip import Ends, Trip, TripKey
from travio_inventory.seats.use_cases import Inventory


async def open_trip(inventory: Inventory, trip: Trip) -> None:
    """Open it for sale."""
    await inventory.open_trip(house_of(trip.key.organization), trip)


async def definition(inventory: Inventory, key: TripKey) -> Trip:
    """The trip as it was opened."""
    return (await inventory.read_trips.one(service_of(key.organization), trip_id(key.trip))).trip


async def control_sales(inventory: Inventory, key: TripKey, action: SalesAction) -> Offer:
    """Do that with the sales of the trip."""
    command = ControlSalesCommand(trip_id=key.trip, action=action.name)
    return await inventory.control_sales(house_of(key.organization), command)


async def seat_map(inventory: Inventory, key: TripKey, ends: Ends, section: str = "") -> SeatMap:
    """The seats for a journey, of one section or of all."""
    query = SeatMapQuery(trip_id=key.trip, ends=ends, section=section)
    return await inventory.read_seat_map(service_of(key.organization), query)


async def hold_seats(
    inventory: Inventory,
    actor: Actor,
    trip: str,
    ends: Ends,
    seats: Sequence[str],
    *,
    ttl_s: int = 0,
    key: str | None = None,
    settles: bool = False,
) -> Hold:
    """Hold every one of them, or none."""
    command = HoldSeatsCommand(trip_id=trip, ends=ends, seat_ids=tuple(seats), ttl_s=ttl_s, key=key, settles=settles)
    return await inventory.hold_seats(actor, command)
