"""Reads the bookings of an order, whoever made them, for the organization."""

from collections.abc import Sequence
from typing import NamedTuple

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.ports import Orders
from travio_inventory.seats.queries import OrderQuery
from travio_inventory.seats.refusals import TripNotFound
from travio_inventory.seats.trip import Trip
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog


class OrderPage(NamedTuple):
    """Some of an order's bookings with their trips, and the position of the next page ("" if there is none)."""

    bookings: Sequence[tuple[Hold, Trip]]
    next: str


class ReadOrder:
    """The bookings of an order, from the store."""

    def __init__(self, trips: TripCatalog, orders: Orders) -> None:
        self._trips = trips
        self._orders = orders

    async def __call__(self, actor: Actor, query: OrderQuery) -> OrderPage:
        """A page, see `Orders.page`; without those of trips that are being forgotten. Raises PermissionDenied,
        BackendUnavailable.
        """
        actor.needs(Scope.BOOKINGS_READ)
        page = await self._orders.page(
            actor.organization, query.order_id, cancelled=query.include_cancelled, after=query.after, most=query.most
        )
        told = page.holds if query.with_national_ids else [hold.without_national_ids() for hold in page.holds]
        return OrderPage([each for hold in told if (each := await self._with_trip(hold)) is not None], page.next)

    async def _with_trip(self, hold: Hold) -> tuple[Hold, Trip] | None:
        try:
            return hold, await self._trips.of_hold(hold)
        except TripNotFound:
            return None
