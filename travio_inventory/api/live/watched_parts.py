"""What a watcher names of a trip: a journey and a section of it, or nothing for all of the route."""

from typing import NamedTuple

from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.commands import SeatMapQuery, trip_id
from travio_inventory.seats.trip import Ends
from travio_inventory.seats.use_cases import Inventory


class WatchedPart(NamedTuple):
    """A part of a trip; without ends all of its route."""

    trip: str
    ends: Ends
    section: str = ""


async def query_of(inventory: Inventory, actor: Actor, part: WatchedPart) -> SeatMapQuery:
    """What is to be watched. Raises InvalidRequest, TripNotFound, TripOpening, BackendUnavailable."""
    ends = part.ends
    if not (ends.origin or ends.destination):
        trip = (await inventory.read_trips.one(actor, trip_id(part.trip))).trip
        ends = Ends(trip.stops[0], trip.stops[-1], 0, len(trip.segments) - 1)
    return SeatMapQuery(trip_id=part.trip, ends=ends, section=part.section)
