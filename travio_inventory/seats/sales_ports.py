"""What the use cases need of whatever changes the sale of a trip and its vehicle."""

from typing import Protocol

from travio_inventory.seats.offer import Cancellation, Offer, Swap, TripChange
from travio_inventory.seats.swapping import NewVehicle
from travio_inventory.seats.trip import TripKey


class TripSales(Protocol):
    """Changes whether a trip is sold. Every method raises TripNotFound, TripOpening, TripCancelled,
    BackendUnavailable, OutcomeUnknown; a repeated call goes on where the last one stopped, and has the same answer.
    """

    async def close(self, key: TripKey) -> Offer:
        """Close the sales: each process goes by it once it has read the trip again."""
        ...

    async def reopen(self, key: TripKey) -> Offer:
        """Open closed sales again. What is frozen stays so."""
        ...

    async def freeze(self, key: TripKey) -> Offer:
        """Close the sales for every process, whatever it knows of the trip: from the answer on nothing new is held."""
        ...

    async def unfreeze(self, key: TripKey) -> Offer:
        """End a freeze: sales are open again unless they were closed."""
        ...

    async def cancel(self, key: TripKey) -> Cancellation:
        """Freeze it for good, release its holds and cancel its bookings; what the house blocked stays."""
        ...

    async def swap(self, key: TripKey, vehicle: NewVehicle, *, version: int) -> Swap:
        """Give the trip that vehicle, if it is of that version (0: of any), and move what is held and booked to it;
        nobody holds a seat meanwhile. What the last swap was asked needs no version. Raises TripChanged, InvalidTrip.
        """
        ...

    async def swapped(self, key: TripKey, vehicle: NewVehicle) -> Swap:
        """How far the swap is. Raises OutcomeUnknown also while it is not begun."""
        ...

    async def go_on(self, key: TripKey) -> None:
        """Go on with a freeze, a swap or a cancellation that was begun, if there is one."""
        ...

    async def change(self, key: TripKey, change: TripChange, *, version: int) -> Offer:
        """Change prices and times, if the trip is of that version (0: of any). Raises TripChanged, InvalidTrip."""
        ...
