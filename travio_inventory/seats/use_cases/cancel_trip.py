"""Cancels a trip: it is sold no more, its holds are released and its bookings cancelled."""

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.seats.commands import TripId
from travio_inventory.seats.offer import Cancellation
from travio_inventory.seats.sales_ports import TripSales
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.use_cases.step_runner import StepRunner
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog


class CancelTrip:
    """A repeated cancel goes on with the first one, or reports it."""

    def __init__(self, trips: TripCatalog, sales: TripSales, steps: StepRunner) -> None:
        self._trips = trips
        self._sales = sales
        self._steps = steps

    async def __call__(self, actor: Actor, trip_id: TripId) -> Cancellation:
        """What was released and cancelled. Raises PermissionDenied, and what `TripSales.cancel` raises."""
        actor.needs(Scope.TRIPS_ADMIN)
        return await self._steps.run(self._cancel(TripKey(actor.organization, trip_id)))

    async def _cancel(self, key: TripKey) -> Cancellation:
        try:
            return await self._sales.cancel(key)
        finally:
            self._trips.forget(key)
