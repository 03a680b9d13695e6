"""Events and showtimes put on sale over HTTP: trips of one segment."""

from decimal import Decimal
from typing import Annotated, Final, TypeAlias

from pydantic import Field

from travio_inventory.api.events import MINOR_PER_MAJOR
from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.commands import trip_id
from travio_inventory.seats.opening import Opening
from travio_inventory.seats.refusals import TripNotFound
from travio_inventory.seats.trip import Trip
from travio_inventory.seats.use_cases import Inventory

Price: TypeAlias = Annotated[Decimal, Field(strict=False, ge=0, max_digits=13, decimal_places=2, examples=[125.5])]
"""In major units of a currency."""
SEATS_MAX: Final = 100_000
"""What is more is not read."""
AS_MUCH_AS: Final = 10
"""A seat becomes one of a trip in the time that so much else takes."""
Row: TypeAlias = Annotated[str | int, Field(examples=["A"])]


def minor(price: Decimal) -> int:
    """The price in minor units."""
    return int(price * MINOR_PER_MAJOR)


async def open_hall(inventory: Inventory, actor: Actor, trip: Trip) -> tuple[int, Opening]:
    """The status of the answer, 201 for a trip that was not there and 200 for the same again; and how far it is opened.
    Raises what OpenTrip raises.
    """
    try:
        await inventory.read_trips.opening(actor, trip_id(trip.key.trip))
        status = 200
    except TripNotFound:
        status = 201
    return status, await inventory.open_trip(actor, trip)
