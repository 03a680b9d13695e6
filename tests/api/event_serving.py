"""The calls about events over gRPC: a service with an event open, and a client of it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from grpclib.client import Channel
from grpclib.health.check import ServiceStatus
from grpclib.testing import ChannelFor

from travio_inventory.api.auth.off import AuthenticationOff
from travio_inventory.api.auth.port import Authentication
from travio_inventory.api.events import ReservationRef
from travio_inventory.api.grpc.event_methods import EventMethods
from travio_inventory.api.grpc.refusals import SerializedDetails
from travio_inventory.api.grpc.service import InventoryService, Refusals, services
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.api.reservations import Reservations
from travio_inventory.api.seat_versions import SeatVersions
from travio_inventory.app.service import open_inventory
from travio_inventory.grpc_server.codec import PassThroughCodec
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.wire.inventory import v1
from verification.kit.in_process import settings_of

ALICE, BOB = "alice", "bob"
EVENT = 7
HALL = [
    v1.SeatDefinition(
        seat_id="A1", row=1, column=1, seat_class="VIP", price_paisa=12_550, section_id="stalls", row_label="A"
    ),
    v1.SeatDefinition(seat_id="A2", row=1, column=2, price_paisa=9_999, section_id="stalls", row_label="A"),
    v1.SeatDefinition(seat_id="B1", row=2, column=1, seat_class="PREMIUM", price_paisa=100, section_id="stalls"),
]


class Client:
    """Calls about one event, as callers of the event system do."""

    def __init__(self, channel: Channel) -> None:
        self.stub = v1.InventoryServiceStub(channel)

    async def open(self, trip: str = f"event-{EVENT}", organization: str = "default") -> None:
        hall = v1.SeatConfiguration(seats=HALL, sections=[v1.SectionDefinition(section_id="stalls")])
        request = v1.InitializeTripInventoryRequest(
            trip_id=trip,
            organization_id=organization,
            segments=[v1.SegmentDefinition(segment_index=0, from_station_id="start", to_station_id="end")],
            seat_config=hall,
        )
        await self.stub.initialize_trip_inventory(request)

    async def free(self, event: int = EVENT) -> Sequence[v1.Seat]:
        return (await self.stub.get_available_seats(v1.GetAvailableSeatsRequest(event_id=event))).seats

    async def reserve(self, seats: str, user: str = ALICE) -> v1.Reservation:
        request = v1.ReserveSeatsRequest(event_id=EVENT, seat_numbers=seats.split(), user_id=user)
        made = (await self.stub.reserve_seats(request)).reservation
        assert made is not None
        return made

    async def find(self, reservation_id: str) -> v1.Reservation:
        found = await self.stub.get_reservation(v1.GetReservationRequest(reservation_id=reservation_id))
        assert found.reservation is not None
        return found.reservation

    async def confirm(self, *ids: str, booking: str = "b1", user: str = ALICE) -> Sequence[v1.Reservation]:
        request = v1.ConfirmReservationsRequest(reservation_ids=list(ids), booking_id=booking, user_id=user)
        return (await self.stub.confirm_reservations(request)).reservations

    async def cancel(self, *ids: str, user: str = ALICE) -> Sequence[v1.Reservation]:
        request = v1.CancelReservationsRequest(reservation_ids=list(ids), user_id=user)
        return (await self.stub.cancel_reservations(request)).reservations


@asynccontextmanager
async def serving(
    refusals: Refusals = "status",
    *,
    authentication: Authentication | None = None,
    readiness: ServiceStatus | None = None,
    organization: str = "default",
    hold_ttl_seconds: int = 600,
    background: str = "on",
) -> AsyncIterator[Client]:
    """A service with the event open."""
    async with open_inventory(settings_of(hold_ttl_seconds=hold_ttl_seconds, background=background)) as inventory:
        reservations = Reservations(inventory, SeatVersions(SystemClock()), SystemClock())
        events = EventMethods(reservations, organization=organization, readiness=readiness)
        service = InventoryService(
            inventory,
            Feeds(inventory.follow_maps, MapSignals(), SystemClock()),
            events,
            authentication=authentication or AuthenticationOff(),
            refusals=refusals,
            clock=SystemClock(),
        )
        handlers = services(service, readiness=readiness)
        served = ChannelFor(handlers, codec=PassThroughCodec(), status_details_codec=SerializedDetails())
        async with served as channel:
            client = Client(channel)
            if authentication is None:
                await client.open(organization=organization)
            yield client


def of_seat(reservation: v1.Reservation, seat: str) -> str:
    """The id of the reservation of one seat of it, as POST /api/inventory/reservations names it."""
    return str(ReservationRef(reservation.reservation_id, seat))


def told(reservations: Sequence[v1.Reservation]) -> list[tuple[str, str]]:
    return [(each.status, " ".join(seat.seat_number for seat in each.seats)) for each in reservations]
