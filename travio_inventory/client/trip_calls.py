"""The calls of a client about the life of a trip: lists, sales, changes, and its cancellation."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from travio_inventory.client.answers import LeftHold, ListedTrip, TripCancellation, TripSale, VehicleSwap
from travio_inventory.client.connection import Connection
from travio_inventory.client.holds import Account
from travio_inventory.client.messages import hold_record, moment, moment_or_none, seat_config
from travio_inventory.seats.commands import SalesAction
from travio_inventory.seats.opening import Opening
from travio_inventory.seats.trip import Trip
from travio_inventory.wire.inventory import v1 as wire


class TripCalls:
    """What an `InventoryClient` asks of trips; it raises what that does."""

    _connection: Connection
    _account: Account

    async def control_sales(self, trip: str, action: SalesAction) -> TripSale:
        """Close the sales of a trip (other processes do within seconds), reopen them, freeze them (for every process
        from the answer on) or unfreeze them; what is held goes on. A repeated call has the same answer. Raises
        TripNotFound, TripCancelled. Waits up to 60 s where no deadline is set.
        """
        request = wire.ControlSalesRequest(
            trip_id=trip, organization_id=self._account.organization, action=wire.SalesAction[action.name]
        )
        reply = await self._connection.write(self._connection.stub.control_sales, request, whole_trip=True)
        return TripSale(wire.TripState(reply.state), reply.version)

    async def trip_sale(self, trip: str) -> TripSale:
        """Whether the trip is sold. Raises TripNotFound."""
        request = wire.GetTripRequest(trip_id=trip, organization_id=self._account.organization)
        reply = await self._connection.read_large("GetTrip", request, wire.GetTripResponse)
        return TripSale(wire.TripState(reply.state), reply.version)

    async def change_trip(
        self,
        trip: str,
        *,
        class_prices: Mapping[str, int] | None = None,
        seat_prices: Mapping[str, int] | None = None,
        times: Mapping[int, tuple[int, int]] | None = None,
        version: int = 0,
    ) -> int:
        """Change prices, in minor units, of classes and of single seats, and the times of segments, in Unix seconds;
        what is held keeps its price. With `version` only if the trip is of that version. Returns the version that it is
        of then. Raises TripNotFound, TripCancelled, TripChanged, InvalidTrip, InvalidRequest.
        """
        request = wire.ChangeTripRequest(
            trip_id=trip,
            organization_id=self._account.organization,
            class_prices=dict(class_prices or {}),
            seat_prices=dict(seat_prices or {}),
            times=[
                wire.SegmentTimes(segment_index=at, departure_time=departs_at_s, arrival_time=arrives_at_s)
                for at, (departs_at_s, arrives_at_s) in (times or {}).items()
            ],
            version=version,
        )
        return (await self._connection.write(self._connection.stub.change_trip, request)).version

    async def cancel_trip(self, trip: str) -> TripCancellation:
        """Freeze the trip for good, release its holds and cancel its bookings; what the house blocked stays. A call
        that ends as OutcomeUnknown goes on in the service: a repeated call waits for it, and has the same answer.
        Raises TripNotFound. Waits up to 60 s where no deadline is set.
        """
        request = wire.CancelTripRequest(trip_id=trip, organization_id=self._account.organization)
        reply = await self._connection.write(self._connection.stub.cancel_trip, request, whole_trip=True)
        sale = TripSale(wire.TripState(reply.state), reply.version)
        return TripCancellation(sale, reply.released_holds, reply.cancelled_bookings)

    async def swap_vehicle(
        self,
        trip: str,
        layout: Trip | None = None,
        *,
        seat_plan: str = "",
        seats: Mapping[str, str] | None = None,
        version: int = 0,
    ) -> VehicleSwap:
        """Give the trip the seats, sections and vehicle of `layout`, or those of a stored plan, and move what is held
        and booked to them: each to the seat that stands for its own, which `seats` may say, else by id, or by section,
        row, number and class. What has none keeps its old seats, which are not sold any more. Repeat the call until
        `is_over`; the service goes on by itself. With `version` only if the trip is of that version. Raises
        TripNotFound, TripCancelled, TripChanged, SeatPlanNotFound, InvalidTrip, InvalidRequest. Waits up to 60 s where
        no deadline is set.
        """
        request = wire.SwapVehicleRequest(
            trip_id=trip,
            organization_id=self._account.organization,
            vehicle_id=layout.vehicle if layout else "",
            vehicle_type=layout.vehicle_type if layout else "",
            seat_config=seat_config(layout, layout.seats) if layout and not seat_plan else None,
            seats_per_group=layout.seats_per_group_asked if layout else 0,
            seat_plan=seat_plan,
            seat_mapping=dict(seats or {}),
            version=version,
        )
        reply = await self._connection.write(self._connection.stub.swap_vehicle, request, whole_trip=True)
        return VehicleSwap(
            sale=TripSale(wire.TripState(reply.state), reply.version),
            is_over=reply.done,
            groups_done=reply.groups_done,
            groups=reply.groups_total,
            moved=reply.moved,
            left=reply.left,
            left_holds=tuple(
                LeftHold(hold_record(each.hold), dict(each.reasons)) for each in reply.left_holds if each.hold
            ),
        )

    async def list_trips(
        self, departs_from: datetime | None = None, departs_before: datetime | None = None, *, most: int = 10_000
    ) -> tuple[ListedTrip, ...]:
        """The organization's trips that depart from then on and before, in this order; without both those that have no
        times. At most so many, read page by page. Raises InvalidRequest.
        """
        request = wire.ListTripsRequest(
            organization_id=self._account.organization,
            departs_from=int(departs_from.timestamp()) if departs_from else 0,
            departs_before=int(departs_before.timestamp()) if departs_before else 0,
        )
        found: list[ListedTrip] = []
        while True:
            reply = await self._connection.read(self._connection.stub.list_trips, request)
            found += map(_listed, reply.trips)
            if len(found) >= most or not reply.next_page_token:
                return tuple(found[:most])
            request = replace(request, page_token=reply.next_page_token)


def _listed(line: wire.ListedTrip) -> ListedTrip:
    return ListedTrip(
        trip=line.trip_id,
        sale=TripSale(wire.TripState(line.state), line.version),
        opened_at=moment(line.opened_at),
        origin=line.from_station_id,
        destination=line.to_station_id,
        departs_at=moment_or_none(line.departure_time),
        arrives_at=moment_or_none(line.arrival_time),
        seats=line.seat_count,
        opening=Opening(line.opening.cells_done, line.opening.cells_total) if line.opening else None,
    )
