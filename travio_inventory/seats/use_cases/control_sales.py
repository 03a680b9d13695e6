"""Closes the sales of a trip and opens them again, freezes and unfreezes them."""

from collections.abc import Awaitable, Callable, Mapping

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.seats.commands import ControlSalesCommand, SalesAction
from travio_inventory.seats.offer import Offer
from travio_inventory.seats.sales_ports import TripSales
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.use_cases.step_runner import StepRunner
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog


class ControlSales:
    """What is held goes on: it is extended, confirmed and released as ever."""

    def __init__(self, trips: TripCatalog, sales: TripSales, steps: StepRunner) -> None:
        self._trips = trips
        self._steps = steps
        self._changes: Mapping[SalesAction, Callable[[TripKey], Awaitable[Offer]]] = {
            SalesAction.CLOSE: sales.close,
            SalesAction.REOPEN: sales.reopen,
            SalesAction.FREEZE: sales.freeze,
            SalesAction.UNFREEZE: sales.unfreeze,
        }

    async def __call__(self, actor: Actor, command: ControlSalesCommand) -> Offer:
        """The trip as it is offered then. Raises PermissionDenied, and what `TripSales` raises."""
        actor.needs(Scope.TRIPS_ADMIN)
        key = TripKey(actor.organization, command.trip_id)
        return await self._steps.run(self._change(key, SalesAction[command.action]))

    async def _change(self, key: TripKey, action: SalesAction) -> Offer:
        try:
            return await self._changes[action](key)
        finally:
            self._trips.forget(key)
