"""What the house does with the sales of a trip as a whole."""

from travio_inventory.seats.commands import SalesAction
from travio_inventory.seats.offer import Offer
from travio_inventory.seats.trip import Trip
from travio_inventory.seats.use_cases import Inventory
from verification.kit import asking


class Life:
    """A trip whose sales are closed, opened again and frozen."""

    trip: Trip
    inventory: Inventory

    async def close(self) -> Offer:
        """Close the sales."""
        return await asking.control_sales(self.inventory, self.trip.key, SalesAction.CLOSE)

    async def reopen(self) -> Offer:
        """Open closed sales again."""
        return await asking.control_sales(self.inventory, self.trip.key, SalesAction.REOPEN)

    async def freeze(self) -> Offer:
        """Close the sales for every process."""
        return await asking.control_sales(self.inventory, self.trip.key, SalesAction.FREEZE)

    async def unfreeze(self) -> Offer:
        """End a freeze."""
        return await asking.control_sales(self.inventory, self.trip.key, SalesAction.UNFREEZE)
