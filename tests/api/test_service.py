"""The whole service over a transport in memory: the answers and the refusals of each call."""

from dataclasses import replace
from datetime import datetime

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from grpclib.health.v1.health_grpc import HealthStub
from grpclib.health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpclib.reflection.v1.reflection_grpc import ServerReflectionStub
from grpclib.reflection.v1.reflection_pb2 import ServerReflectionRequest

from tests.api.serving import ALICE, BOB, check, refused, serving
from travio_inventory.api.auth.off import AuthenticationOff
from travio_inventory.api.grpc.service import LIVENESS, SERVICE, InventoryService, Refusals
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.app.service import open_inventory
from travio_inventory.client.messages import trip, trip_request
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.wire.inventory import v1
from verification.kit.in_process import settings_of
from verification.kit.trips import train

in_both_ways = pytest.mark.parametrize("refusals", ["status", "legacy"])


async def test_a_hold_is_kept_found_extended_and_booked() -> None:
    async with serving() as client:
        hold = await client.hold(ALICE, "1B 1A", key="key")
        assert (hold.success, hold.held_seat_ids, hold.failure_reason) == (True, ["1A", "1B"], "")
        assert await client.hold(ALICE, "1A 1B", key="key") == hold
        found = await client.find(ALICE, hold.hold_id)
        assert found is not None
        assert (found.status, found.expires_at) == (v1.HoldStatus.HELD, hold.expires_at)
        assert (found.from_station_id, found.to_station_id, found.to_segment_index) == ("A", "C", 1)
        longer = v1.ExtendHoldRequest(
            hold_id=hold.hold_id, user_id=ALICE, organization_id="org", hold_duration_seconds=900
        )
        assert (await client.stub.extend_hold(longer)).expires_at >= hold.expires_at + 299
        booking = await client.confirm(ALICE, hold.hold_id)
        assert (booking.success, booking.booking_id) == (True, hold.hold_id)
        assert [(seat.seat_id, seat.seat_number) for seat in booking.confirmed_seats] == [
            ("1A", "no A"),
            ("1B", "no B"),
        ]
        assert len({seat.ticket_id for seat in booking.confirmed_seats}) == 2
        assert await client.confirm(ALICE, hold.hold_id) == booking


async def test_a_booking_is_listed_and_cancelled() -> None:
    async with serving() as client:
        hold = await client.hold(ALICE, "1A")
        await client.confirm(ALICE, hold.hold_id)
        listed = await client.stub.list_holds(v1.ListHoldsRequest(user_id=ALICE, organization_id="org"))
        (booked,) = listed.holds
        assert (booked.status, booked.order_id, booked.booking_id) == (v1.HoldStatus.CONFIRMED, "order", hold.hold_id)
        cancel = v1.CancelBookingRequest(booking_id=booked.booking_id, user_id=ALICE, organization_id="org")
        assert await client.stub.cancel_booking(cancel) == v1.CancelBookingResponse(success=True, cancelled_count=1)
        assert (await client.hold(BOB, "1A")).success


async def test_holds_are_listed_page_by_page() -> None:
    async with serving() as client:
        held = [(await client.hold(ALICE, seat)).hold_id for seat in ("1A", "1B", "1C")]
        asked = v1.ListHoldsRequest(user_id=ALICE, organization_id="org", page_size=2)
        first = await client.stub.list_holds(asked)
        last = await client.stub.list_holds(replace(asked, page_token=first.next_page_token))
        assert (len(first.holds), len(last.holds), last.next_page_token) == (2, 1, "")
        assert {hold.hold_id for page in (first, last) for hold in page.holds} == set(held)


async def test_passengers_are_told_with_the_booking_to_its_holder() -> None:
    passengers = [v1.PassengerSeat(seat_id="1A", passenger_nid="7", passenger_name="Ada")]
    async with serving() as client:
        hold_id = (await client.hold(ALICE, "1A")).hold_id
        await client.stub.confirm_booking(
            v1.ConfirmBookingRequest(
                hold_id=hold_id, order_id="order", user_id=ALICE, organization_id="org", passengers=passengers
            )
        )
        found = await client.find(ALICE, hold_id)
        listed = await client.stub.list_holds(v1.ListHoldsRequest(user_id=ALICE, organization_id="org"))
        assert found is not None
        assert found.passengers == passengers
        assert listed.holds == [found]


async def test_opening_a_trip_again_answers_the_same_and_another_definition_is_refused() -> None:
    async with serving() as client:
        assert await client.open() == v1.InitializeTripInventoryResponse(True, 2, 8)
        async with refused(Status.ALREADY_EXISTS, "this trip is already open"):
            await client.open("another bus")
        found = await client.stub.get_trip(v1.GetTripRequest(trip_id="T", organization_id="org"))
        assert (found.vehicle_id, found.seats_per_group) == ("bus", 64)
        assert found.segments[0] == v1.SegmentDefinition(0, "A", "B", 4_000_000_000)
        assert found.seat_config is not None
        assert [seat.seat_id for seat in found.seat_config.seats] == ["1A", "1B", "1C", "1D"]


async def test_a_train_comes_back_as_it_was_opened() -> None:
    async with serving() as client:
        opened = await client.stub.initialize_trip_inventory(trip_request(train()))
        assert opened == v1.InitializeTripInventoryResponse(True, 2, 16)
        assert trip(await client.stub.get_trip(v1.GetTripRequest(trip_id="train", organization_id="org"))) == train()


async def test_a_held_seat_is_refused_as_contention() -> None:
    async with serving() as client:
        await client.hold(ALICE, "1A", "A-B")
        for _ in range(2):
            with pytest.raises(GRPCError) as refusal:
                await client.hold(BOB, "1B 1A", "A-C")
            assert refusal.value.status is Status.FAILED_PRECONDITION
            assert (refusal.value.message or "").startswith("seat query contention - please retry")
        assert (await client.hold(BOB, "1B 1A", "B-C")).success


async def test_a_key_is_settled_by_the_store_within_limits() -> None:
    async with serving() as client:
        await client.hold(ALICE, "1A")
        for _ in range(5):
            with pytest.raises(GRPCError) as refusal:
                await client.hold(BOB, "1A", key="k", settle=True)
            assert refusal.value.status is Status.FAILED_PRECONDITION
        with pytest.raises(GRPCError) as refusal:
            await client.hold(BOB, "1A", key="k", settle=True)
        assert refusal.value.status is Status.RESOURCE_EXHAUSTED
        with pytest.raises(GRPCError, match="settle: needs an idempotency_key"):
            await client.hold(ALICE, "1B", settle=True)
        assert (await client.hold(ALICE, "1B", key="k", settle=True)).success, "the limit is each holder's own"


async def test_legacy_clients_are_told_of_a_taken_seat_in_an_ok_answer() -> None:
    async with serving("legacy") as client:
        await client.hold(ALICE, "1A")
        answers = [await client.hold(BOB, "1B 1A") for _ in range(2)]
        assert [(answer.success, answer.failed_seat_ids) for answer in answers] == [(False, ["1A"])] * 2
        assert {answer.failure_reason for answer in answers} == {"seat query contention - please retry"}


async def test_legacy_clients_are_told_of_a_sold_seat_in_an_ok_answer() -> None:
    async with serving("legacy") as client:
        await client.confirm(ALICE, (await client.hold(ALICE, "1A")).hold_id)
        answers = [await client.hold(BOB, "1B 1A") for _ in range(2)]
        assert {answer.failure_reason for answer in answers} == {"some seats not available"}


async def test_legacy_clients_are_told_of_a_limit_in_an_ok_answer() -> None:
    async with serving("legacy", holds_per_holder_max=1) as client:
        await client.hold(ALICE, "1A")
        answer = await client.hold(ALICE, "1B")
        assert answer == v1.HoldSeatsResponse(
            failed_seat_ids=["1B"], failure_reason="maximum concurrent holds exceeded"
        )


@in_both_ways
async def test_a_wrong_request_is_never_an_ok_answer(refusals: Refusals) -> None:
    async with serving(refusals) as client:
        async with refused(Status.INVALID_ARGUMENT, "seat_ids: this trip has no seat '9Z'"):
            await client.hold(ALICE, "9Z")
        async with refused(Status.INVALID_ARGUMENT, "user_id: must not be empty"):
            await client.hold("", "1A")
        async with refused(Status.INVALID_ARGUMENT, "hold_id: must not be empty"):
            await client.release(ALICE, "")


@in_both_ways
async def test_releasing_frees_seats_once_and_never_fails_for_a_hold_that_is_not_there(refusals: Refusals) -> None:
    async with serving(refusals) as client:
        hold = await client.hold(ALICE, "1A 1B")
        nothing = v1.ReleaseSeatsResponse(success=False, released_count=0)
        assert await client.release(BOB, hold.hold_id) == nothing
        assert await client.release(ALICE, "no such hold") == nothing
        assert await client.release(ALICE, hold.hold_id) == v1.ReleaseSeatsResponse(success=True, released_count=2)
        booked = await client.hold(BOB, "1A")
        await client.confirm(BOB, booked.hold_id)
        assert await client.release(BOB, booked.hold_id) == nothing


@pytest.mark.parametrize(("refusals", "status"), [("status", Status.NOT_FOUND), ("legacy", Status.FAILED_PRECONDITION)])
async def test_confirming_what_is_not_there_or_not_yours_is_refused(refusals: Refusals, status: Status) -> None:
    async with serving(refusals) as client:
        hold = await client.hold(ALICE, "1A")
        for hold_id in (hold.hold_id, "no such hold"):
            async with refused(status, "hold not found"):
                await client.confirm(BOB, hold_id)


async def test_a_map_is_right_for_its_journey_and_after_each_change() -> None:
    async with serving() as client:
        assert set((await client.map("A-C")).values()) == {v1.SeatStatus.AVAILABLE}
        hold = await client.hold(ALICE, "1A", "A-B")
        group = v1.SeatUpdate(seat_id="1D", new_status=v1.SeatStatus.BLOCKED, reason="broken")
        update = v1.UpdateInventoryRequest(trip_id="T", organization_id="org", updates=[group])
        assert await client.stub.update_inventory(update) == v1.UpdateInventoryResponse(success=True, updated_count=1)
        assert (await client.map("A-C"))["1A"] is v1.SeatStatus.HELD
        assert (await client.map("B-C"))["1A"] is v1.SeatStatus.AVAILABLE
        assert (await client.map("B-C"))["1D"] is v1.SeatStatus.BLOCKED
        await client.confirm(ALICE, hold.hold_id)
        assert (await client.map("A-C"))["1A"] is v1.SeatStatus.BOOKED


async def test_availability_says_whether_a_party_fits_and_what_it_pays() -> None:
    async with serving() as client:
        await client.hold(ALICE, "1A", "A-B")
        fits, too_many = await client.check(2), await client.check(4)
        assert (fits.is_available, fits.available_seats, fits.price_paisa) == (True, 3, 200 + 300)
        assert (too_many.is_available, too_many.available_seats) == (False, 3)
        batch = await client.stub.batch_check_availability(
            v1.BatchCheckRequest(requests=[check(4, "A-C"), check(4, "B-C")])
        )
        assert [result.is_available for result in batch.results] == [False, True]


async def test_no_party_fits_on_a_trip_that_is_not_sold() -> None:
    async with serving() as client:
        close = v1.ControlSalesRequest(trip_id="T", organization_id="org", action=v1.SalesAction.CLOSE)
        await client.stub.control_sales(close)
        closed = await client.check(1)
        assert (closed.is_available, closed.available_seats) == (False, 4)


async def test_whoever_joins_a_waiting_list_is_told_their_place() -> None:
    async with serving() as client:
        for place, user in enumerate([ALICE, BOB], start=1):
            join = v1.JoinWaitlistRequest(trip_id="T", user_id=user, requested_seats=2, organization_id="org")
            joined = await client.stub.join_waitlist(join)
            assert joined == v1.JoinWaitlistResponse(True, f"you are number {place}", place)
        (entry,) = (await client.stub.get_user_waitlist(v1.GetUserWaitlistRequest(user_id=BOB))).entries
        assert (entry.trip_id, entry.organization_id, entry.requested_seats) == ("T", "org", 2)
        assert datetime.fromisoformat(entry.created_at).tzinfo is not None
        leave = v1.LeaveWaitlistRequest(trip_id="T", user_id=BOB, organization_id="org")
        assert (await client.stub.leave_waitlist(leave)).success
        async with refused(Status.NOT_FOUND, "not on this waiting list"):
            await client.stub.leave_waitlist(leave)


async def test_what_is_served_is_what_the_contract_names() -> None:
    async with open_inventory(settings_of()) as inventory:
        feeds = Feeds(inventory.follow_maps, MapSignals(), SystemClock())
        service = InventoryService(
            inventory, feeds, authentication=AuthenticationOff(), refusals="status", clock=SystemClock()
        )
        types = {path: handler.reply_type for path, handler in v1.InventoryServiceBase().__mapping__().items()}
        assert {path: handler.reply_type for path, handler in service.__mapping__().items()} == types


async def test_health_and_reflection_are_served() -> None:
    async with serving() as client:
        for name in ("", SERVICE, LIVENESS):
            health = await HealthStub(client.channel).Check(HealthCheckRequest(service=name))
            assert health.status == HealthCheckResponse.SERVING
        asked = [
            ServerReflectionRequest(list_services="*"),
            ServerReflectionRequest(file_containing_symbol=SERVICE),
            ServerReflectionRequest(file_containing_symbol="grpc.health.v1.Health"),
        ]
        listed, *files = await ServerReflectionStub(client.channel).ServerReflectionInfo(asked)
        named = {service.name for service in listed.list_services_response.service}
        assert {SERVICE, "grpc.health.v1.Health"} <= named
        assert all(answer.HasField("file_descriptor_response") for answer in files)
