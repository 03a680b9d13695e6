"""Changes the prices and the times of a trip; what is held keeps its price."""

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.seats.commands import ChangeTripCommand
from travio_inventory.seats.offer import Offer
from travio_inventory.seats.sales_ports import TripSales
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.use_cases.step_runner import StepRunner
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog


class ChangeTrip:
    """Other processes go by it within the bound on their knowledge of trips."""

    def __init__(self, trips: TripCatalog, sales: TripSales, steps: StepRunner) -> None:
        self._trips = trips
        self._sales = sales
        self._steps = steps

    async def __call__(self, actor: Actor, command: ChangeTripCommand) -> Offer:
        """The trip as it is offered then. Raises PermissionDenied, and what `TripSales.change` raises."""
        actor.needs(Scope.TRIPS_ADMIN)
        return await self._steps.run(self._change(TripKey(actor.organization, command.trip_id), command))

    async def _change(self, key: TripKey, command: ChangeTripCommand) -> Offer:
        try:
            return await self._sales.change(key, command.change, version=command.version)
        finally:
            self._trips.forget(key)
