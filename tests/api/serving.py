"""The service over a transport in memory with a trip open, and a client that calls it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from grpclib.testing import ChannelFor

from travio_inventory.api.auth.off import AuthenticationOff
from travio_inventory.api.grpc.refusals import SerializedDetails
from travio_inventory.api.grpc.service import InventoryService, Refusals, services
from travio_inventory.api.live.feed import FeedRules
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.app.service import open_inventory
from travio_inventory.grpc_server.codec import PassThroughCodec
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.wire.inventory import v1
from verification.kit.in_process import settings_of

ALICE, BOB = "alice", "bob"


class Client:
    """Calls the service about one trip, A-B-C with the seats 1A to 1D, for one organization."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.stub = v1.InventoryServiceStub(channel)

    async def open(self, vehicle: str = "bus") -> v1.InitializeTripInventoryResponse:
        segments = [
            v1.SegmentDefinition(segment_index=0, from_station_id="A", to_station_id="B", departure_time=4_000_000_000),
            v1.SegmentDefinition(segment_index=1, from_station_id="B", to_station_id="C"),
        ]
        seats = [
            v1.SeatDefinition(seat_id=f"1{letter}", seat_number=f"no {letter}", row=1, column=at, price_paisa=at * 100)
            for at, letter in enumerate("ABCD", start=1)
        ]
        request = v1.InitializeTripInventoryRequest(
            trip_id="T",
            organization_id="org",
            vehicle_id=vehicle,
            segments=segments,
            seat_config=v1.SeatConfiguration(seats=seats),
            currency="BDT",
        )
        return await self.stub.initialize_trip_inventory(request)

    async def hold(
        self, user: str, seats: str, journey: str = "A-C", key: str = "", *, settle: bool = False
    ) -> v1.HoldSeatsResponse:
        origin, destination = journey.split("-")
        request = v1.HoldSeatsRequest(
            trip_id="T",
            from_station_id=origin,
            to_station_id=destination,
            seat_ids=seats.split(),
            user_id=user,
            organization_id="org",
            idempotency_key=key,
            settle=settle,
        )
        return await self.stub.hold_seats(request)

    async def confirm(self, user: str, hold_id: str) -> v1.ConfirmBookingResponse:
        request = v1.ConfirmBookingRequest(hold_id=hold_id, order_id="order", user_id=user, organization_id="org")
        return await self.stub.confirm_booking(request)

    async def release(self, user: str, hold_id: str) -> v1.ReleaseSeatsResponse:
        request = v1.ReleaseSeatsRequest(hold_id=hold_id, user_id=user, organization_id="org")
        return await self.stub.release_seats(request)

    async def find(self, user: str, hold_id: str) -> v1.Hold | None:
        request = v1.GetHoldRequest(hold_id=hold_id, user_id=user, organization_id="org")
        return (await self.stub.get_hold(request)).hold

    async def check(self, passengers: int = 1, journey: str = "A-C") -> v1.CheckAvailabilityResponse:
        return await self.stub.check_availability(check(passengers, journey))

    async def map(self, journey: str) -> dict[str, v1.SeatStatus]:
        origin, destination = journey.split("-")
        request = v1.GetSeatMapRequest(
            trip_id="T", from_station_id=origin, to_station_id=destination, organization_id="org"
        )
        drawn = await self.stub.get_seat_map(request)
        return {cell.seat_id: cell.status for row in drawn.rows for cell in row.seats}


def check(passengers: int, journey: str) -> v1.CheckAvailabilityRequest:
    origin, destination = journey.split("-")
    return v1.CheckAvailabilityRequest(
        trip_id="T",
        from_station_id=origin,
        to_station_id=destination,
        passengers=passengers,
        organization_id="org",
    )


@asynccontextmanager
async def serving(refusals: Refusals = "status", holds_per_holder_max: int = 0) -> AsyncIterator[Client]:
    """A service with the trip open."""
    signals = MapSignals()
    async with open_inventory(settings_of(holds_per_holder_max=holds_per_holder_max), signals=signals) as inventory:
        feeds = Feeds(inventory.follow_maps, signals, SystemClock(), FeedRules(look_again_s=0.02, heartbeat_s=0.1))
        service = InventoryService(
            inventory, feeds, authentication=AuthenticationOff(), refusals=refusals, clock=SystemClock()
        )
        served = ChannelFor(services(service), codec=PassThroughCodec(), status_details_codec=SerializedDetails())
        async with served as channel:
            client = Client(channel)
            await client.open()
            yield client
        await feeds.close()


@asynccontextmanager
async def refused(status: Status, message: str) -> AsyncIterator[None]:
    """The block is refused with that status, and a message that begins so."""
    with pytest.raises(GRPCError) as refusal:
        yield
    assert (refusal.value.status, (refusal.value.message or "")[: len(message)]) == (status, message)


async def test_the_price_of_a_hold_is_told_with_it_and_with_its_booking() -> None:
    """Seat 1A costs 100, 1B 200."""
    async with serving() as client:
        held = await client.hold(ALICE, "1A 1B")
        assert (held.seat_prices_minor, held.price_minor, held.currency) == ([100, 200], 300, "BDT")
        booked = await client.confirm(ALICE, held.hold_id)
        assert (booked.price_minor, booked.currency) == (300, "BDT")
        assert [seat.price_minor for seat in booked.confirmed_seats] == [100, 200]
        found = await client.find(ALICE, held.hold_id)
        assert found is not None
        assert (found.seat_prices_minor, found.price_minor, found.currency) == ([100, 200], 300, "BDT")
