"""What the house does with the sales of a trip as a whole."""

from collections.abc import Mapping
from dataclasses import replace

from travio_inventory.kernel.actor import Actor, house_of
from travio_inventory.seats.commands import ChangeTripCommand, SalesAction, SwapVehicleCommand, trip_id
from travio_inventory.seats.hold import HoldPage
from travio_inventory.seats.offer import Cancellation, Offer, SalesState, TripChange, TripLine
from travio_inventory.seats.queries import ManifestQuery, TripsQuery
from travio_inventory.seats.swapping import NewVehicle
from travio_inventory.seats.trip import Trip
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.seats.use_cases.swap_vehicle import SwapReport
from verification.kit import asking


class Life:
    """A trip whose sales are closed, opened again and frozen."""

    trip: Trip
    inventory: Inventory

    async def state(self) -> SalesState:
        """Whether it is sold."""
        return (await self.inventory.read_trips.one(self._house, trip_id(self.trip.key.trip))).state

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

    async def cancel_trip(self) -> Cancellation:
        """Cancel it, with all that is held and booked."""
        return await self.inventory.cancel_trip(self._house, trip_id(self.trip.key.trip))

    async def swap(
        self, *, seats: Trip | None = None, chosen: Mapping[str, str] | None = None, version: int = 0
    ) -> SwapReport:
        """Give it the vehicle that another trip has, by default its own."""
        plan = seats or self.trip
        vehicle = NewVehicle(plan.seats, plan.seats_per_group, chosen=chosen or {})
        command = SwapVehicleCommand(trip_id=self.trip.key.trip, vehicle=vehicle, version=version)
        report = await self.inventory.swap_vehicle(self._house, command)
        self.trip = report.swap.offer.trip
        return report

    async def change(
        self,
        *,
        classes: Mapping[str, int] | None = None,
        seats: Mapping[str, int] | None = None,
        times: Mapping[int, tuple[int, int]] | None = None,
        version: int = 0,
    ) -> Offer:
        """Change prices and times."""
        change = TripChange(classes or {}, seats or {}, times or {})
        command = ChangeTripCommand(trip_id=self.trip.key.trip, change=change, version=version)
        return await self.inventory.change_trip(self._house, command)

    async def manifest(
        self, *, include_held: bool = False, without_place: bool = False, after: str = "", most: int = 0
    ) -> HoldPage:
        """A page of the trip's bookings."""
        query = ManifestQuery(
            trip_id=self.trip.key.trip,
            include_held=include_held,
            only_without_place=without_place,
            after=after,
            page_size=most,
        )
        return (await self.inventory.read_manifest(self._house, query)).page

    async def listed(self, departs_from_s: int = 0, departs_before_s: int = 0, *, page_size: int = 0) -> list[TripLine]:
        """The trips of the organization that depart then, page after page."""
        query = TripsQuery(departs_from_s=departs_from_s, departs_before_s=departs_before_s, page_size=page_size)
        lines: list[TripLine] = []
        while True:
            page = await self.inventory.list_trips(self._house, query)
            lines += page.lines
            if not page.next:
                return lines
            query = replace(query, after=page.next)

    @property
    def _house(self) -> Actor:
        return house_of(self.trip.key.organization)
