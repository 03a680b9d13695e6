"""What the client sends and what it makes of the answers, RPC by RPC."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.client.service import ScriptedService
from travio_inventory.client import (
    AvailabilityQuestion,
    HoldStatus,
    InvalidRequest,
    InventoryClient,
    Journey,
    Passenger,
    Seat,
    SeatStatus,
    Section,
    Segment,
    SummaryLine,
    Trip,
    TripKey,
    Unblocked,
)
from travio_inventory.client.answers import SeatTaker
from travio_inventory.client.grpclib_internals import FRAME_BYTES_MAX
from travio_inventory.client.messages import large_number, number
from travio_inventory.wire.inventory import v1 as wire
from verification.kit.trips import train

EXPRESS = Trip(
    key=TripKey("o9", "express"),
    segments=(Segment("A", "B", 100, 200), Segment("B", "C", 210, 300)),
    seats=(
        Seat("s1", "1A", 1, 1, "first", "window", 9_900, is_accessible=True, has_power=True, is_exit_row=True),
        Seat("s2", "1B", 1, 2),
    ),
    seats_per_group=2,
    vehicle="v1",
    vehicle_type="coach",
    currency="BDT",
)


def cell(row: int, column: int) -> wire.SeatCell:
    """A seat that is held where row and column are equal."""
    is_held = row == column
    return wire.SeatCell(
        seat_id=f"asset-{row}-{column}",
        seat_number=f"{row}{column}",
        column=column,
        seat_type="window",
        seat_class="economy",
        status=SeatStatus.HELD if is_held else SeatStatus.AVAILABLE,
        price_paisa=120_000,
        has_power=True,
        hold_expires_at=1_900_000_000 if is_held else 0,
    )


async def test_a_trip_comes_back_as_it_was_opened(service: ScriptedService, inventory: InventoryClient) -> None:
    await inventory.open_trip(EXPRESS)
    assert await inventory.trip("express") == EXPRESS
    [opened] = service.seen(wire.InitializeTripInventoryRequest)
    assert opened.organization_id == "o9"
    assert [segment.segment_index for segment in opened.segments] == [0, 1]
    assert opened.seat_config is not None
    assert opened.seat_config.total_seats == 2


async def test_a_train_comes_back_with_its_cars(service: ScriptedService, inventory: InventoryClient) -> None:
    await inventory.open_trip(train())
    assert await inventory.trip("train") == train()
    assert [opened.time_zone for opened in service.seen(wire.InitializeTripInventoryRequest)] == ["Europe/Vienna"]


async def test_a_summary_tells_no_price_where_nothing_is_free(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    service.replies[wire.GetTripSummaryRequest] = wire.GetTripSummaryResponse(
        classes=[
            wire.ClassSummary("c1", "Car 1", "car", "first", free=2, held=1, largest_run=2, lowest_price_paisa=0),
            wire.ClassSummary(seat_class="second", booked=3, blocked=4),
        ],
        currency="EUR",
        to_segment_index=3,
    )
    summary = await inventory.trip_summary("t1", "A", "C", segments=Journey(0, 3), section="c1")
    assert summary.lines == (
        SummaryLine(Section("c1", "Car 1", "car"), "first", 2, 1, 0, 0, 2, 0),
        SummaryLine(None, "second", 0, 0, 3, 4, 0, None),
    )
    assert (summary.currency, summary.journey, summary.as_of) == ("EUR", (0, 3), None)
    [asked] = service.seen(wire.GetTripSummaryRequest)
    assert (asked.section_id, asked.from_segment_index, asked.to_segment_index) == ("c1", 0, 3)


async def test_a_map_of_1300_seats_arrives_whole(service: ScriptedService, inventory: InventoryClient) -> None:
    rows = [wire.SeatRow(row_number=row, seats=[cell(row, column) for column in range(10)]) for row in range(130)]
    legend = wire.SeatMapLegend(status_colors={"held": "#FFFF00"}, class_colors={"economy": "#112233"})
    service.replies[wire.GetSeatMapRequest] = wire.GetSeatMapResponse(
        vehicle_id="v1", vehicle_type="train", total_rows=130, total_columns=10, rows=rows, legend=legend
    )
    seat_map = await inventory.seat_map("t1", "A", "C", segments=Journey(2, 3))
    assert len(seat_map.seats) == 1_300
    assert (seat_map.vehicle, seat_map.vehicle_type) == ("v1", "train")
    assert (seat_map.rows, seat_map.columns) == (130, 10)
    assert seat_map.status_colors == {"held": "#FFFF00"}
    assert seat_map.class_colors == {"economy": "#112233"}
    seat, status, held_until = seat_map.seats[11]
    assert seat == Seat("asset-1-1", "11", 1, 1, "economy", "window", 120_000, has_power=True)
    assert status is SeatStatus.HELD
    assert held_until == datetime.fromtimestamp(1_900_000_000, UTC)
    assert seat_map.seats[12].status is SeatStatus.AVAILABLE
    assert seat_map.seats[12].held_until is None
    [asked] = service.seen(wire.GetSeatMapRequest)
    assert (asked.from_segment_index, asked.to_segment_index) == (2, 3)


async def test_the_service_may_send_a_map_in_one_frame(inventory: InventoryClient) -> None:
    await inventory.seat_map("t1", "A", "C")
    protocol = inventory.stub.channel._protocol
    assert protocol is not None
    assert protocol.connection._connection.max_inbound_frame_size == FRAME_BYTES_MAX


async def test_availability_is_asked_and_answered(service: ScriptedService, inventory: InventoryClient) -> None:
    seat = wire.SeatAvailability(
        seat_id="s1",
        seat_number="1A",
        seat_class="first",
        seat_type="window",
        status=SeatStatus.AVAILABLE,
    )
    service.replies[wire.CheckAvailabilityRequest] = wire.CheckAvailabilityResponse(
        is_available=True, available_seats=7, seats=[seat], price_paisa=500, checked_at=1_900_000_000
    )
    question = AvailabilityQuestion("t1", "A", "C", passengers=2, seat_class="first", segments=Journey(0, 1))
    answer = await inventory.check_availability(question)
    assert (answer.is_available, answer.free, answer.price_minor) == (True, 7, 500)
    assert answer.checked_at == datetime.fromtimestamp(1_900_000_000, UTC)
    [offered] = answer.seats
    assert (offered.id, offered.number, offered.seat_class, offered.seat_type) == ("s1", "1A", "first", "window")
    [asked] = service.seen(wire.CheckAvailabilityRequest)
    assert (asked.trip_id, asked.from_station_id, asked.to_station_id) == ("t1", "A", "C")
    assert (asked.passengers, asked.seat_class, asked.organization_id) == (2, "first", "default")
    assert (asked.from_segment_index, asked.to_segment_index) == (0, 1)


async def test_several_questions_are_answered_in_their_order(inventory: InventoryClient) -> None:
    questions = [AvailabilityQuestion("t1", "A", "C", passengers=passengers) for passengers in (3, 1, 2)]
    answers = await inventory.check_availabilities(questions)
    assert [answer.free for answer in answers] == [3, 1, 2]


async def test_a_hold_is_found_with_all_that_is_known_of_it(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    service.replies[wire.GetHoldRequest] = wire.GetHoldResponse(
        hold=wire.Hold(
            hold_id="h1",
            trip_id="t1",
            user_id="u1",
            status=HoldStatus.CONFIRMED,
            seat_ids=["1A", "1B"],
            from_station_id="A",
            to_station_id="C",
            from_segment_index=0,
            to_segment_index=1,
            created_at=1_900_000_000,
            order_id="o1",
            booking_id="b1",
            passengers=[wire.PassengerSeat(seat_id="1A", passenger_nid="7", passenger_name="Ada")],
            seat_prices_minor=[5, 7],
            price_minor=12,
            currency="BDT",
        )
    )
    hold = await inventory.find_hold("h1")
    assert (hold.id, hold.trip, hold.user, hold.status) == ("h1", "t1", "u1", HoldStatus.CONFIRMED)
    assert (hold.seats, hold.origin, hold.destination) == (("1A", "1B"), "A", "C")
    assert (hold.journey, hold.order, hold.booking) == (Journey(0, 1), "o1", "b1")
    assert hold.created_at == datetime.fromtimestamp(1_900_000_000, UTC)
    assert hold.expires_at is None
    assert hold.passengers == (Passenger("1A", "Ada", "7"),)
    assert (hold.prices, hold.price_minor, hold.currency) == ((5, 7), 12, "BDT")


async def test_holds_are_listed_for_a_trip(service: ScriptedService, inventory: InventoryClient) -> None:
    assert [hold.id for hold in await inventory.list_holds(trip="t1", include_ended=True)] == ["h1", "h2"]
    asked = service.seen(wire.ListHoldsRequest)
    assert {(page.user_id, page.trip_id, page.include_ended) for page in asked} == {("u1", "t1", True)}
    assert [page.page_token for page in asked] == ["", "behind h1"]
    service.replies[wire.ListHoldsRequest] = wire.ListHoldsResponse(holds=[wire.Hold(hold_id="h1"), wire.Hold()])
    assert [hold.id for hold in await inventory.list_holds(most=1)] == ["h1"]


async def test_a_manifest_is_read_page_by_page(service: ScriptedService, inventory: InventoryClient) -> None:
    listed = await inventory.manifest("t1", boarding="A", alighting="B", include_held=True, national_ids=True)
    assert [hold.id for hold in listed] == ["h1", "h2"]
    requests = service.seen(wire.GetManifestRequest)
    assert [page.page_token for page in requests] == ["", "behind h1"]
    first = wire.GetManifestRequest(
        trip_id="t1",
        organization_id="default",
        boarding_station_id="A",
        alighting_station_id="B",
        include_held=True,
        include_national_ids=True,
    )
    assert requests == [first, replace(first, page_token="behind h1")]  # noqa: S106 - a token of a page
    assert [hold.id for hold in await inventory.manifest("t1", most=1)] == ["h1"]


async def test_the_bookings_of_an_order_are_read_page_by_page(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    assert [hold.id for hold in await inventory.order_bookings("o1", include_cancelled=True)] == ["h1", "h2"]
    first = wire.GetOrderBookingsRequest(order_id="o1", organization_id="default", include_cancelled=True)
    asked = service.seen(wire.GetOrderBookingsRequest)
    assert asked == [first, replace(first, page_token="behind h1")]  # noqa: S106 - a token of a page
    assert [hold.id for hold in await inventory.order_bookings("o1", national_ids=True, most=1)] == ["h1"]
    assert service.seen(wire.GetOrderBookingsRequest)[-1].include_national_ids


async def test_a_seat_is_explained_in_the_order_of_time(service: ScriptedService, inventory: InventoryClient) -> None:
    found = await inventory.explain_seat("t1", "1A")
    assert [(trace.source, trace.hold) for trace in found.traces] == [("refusal", "h2"), ("hold", "h1")]
    assert found.traces[0].at == datetime.fromtimestamp(1.5, UTC)
    assert (found.traces[0].user, found.traces[0].journey) == ("bob", Journey(1, 2))
    assert found.traces[0].takers == (SeatTaker(1, "held", "h1", datetime.fromtimestamp(5, UTC)),)
    (cell,) = found.segments
    assert (cell.status, cell.hold, cell.since, cell.until) == ("held", "h1", datetime.fromtimestamp(1.001, UTC), None)
    assert found.left_out == "lost races"
    asked = service.seen(wire.ExplainSeatRequest)
    assert {(page.trip_id, page.organization_id, page.seat_id) for page in asked} == {("t1", "default", "1A")}
    assert [page.page_token for page in asked] == ["", "behind h1"]
    assert len((await inventory.explain_seat("t1", "1A", most=1)).traces) == 1


async def test_steps_are_taken_by_id(service: ScriptedService, inventory: InventoryClient) -> None:
    assert (await inventory.confirm("h1", "o1")).id == "h1"
    assert await inventory.release("h1") == 1
    assert (await inventory.extend("h1", 60)).tzinfo is UTC
    assert await inventory.cancel("b1") == 2
    assert [type(request) for request in service.requests] == [
        wire.ConfirmBookingRequest,
        wire.ReleaseSeatsRequest,
        wire.ExtendHoldRequest,
        wire.CancelBookingRequest,
    ]
    assert {request.user_id for request in service.requests} == {"u1"}


async def test_a_release_of_nothing_gives_nothing_back(service: ScriptedService, inventory: InventoryClient) -> None:
    service.replies[wire.ReleaseSeatsRequest] = wire.ReleaseSeatsResponse()
    assert await inventory.release("h1") == 0


async def test_seats_are_blocked_and_unblocked(service: ScriptedService, inventory: InventoryClient) -> None:
    assert await inventory.block_seats("t1", ["1A", "1B"], reason="broken") == 2
    service.replies[wire.UpdateInventoryRequest] = wire.UpdateInventoryResponse(
        success=True, updated_count=1, not_blocked_seat_ids=["1B"]
    )
    assert await inventory.unblock_seats("t1", ["1A", "1B"]) == Unblocked(1, ("1B",))
    blocked, unblocked = service.seen(wire.UpdateInventoryRequest)
    assert [(update.seat_id, update.new_status, update.reason) for update in blocked.updates] == [
        ("1A", SeatStatus.BLOCKED, "broken"),
        ("1B", SeatStatus.BLOCKED, "broken"),
    ]
    assert [(update.seat_id, update.new_status) for update in unblocked.updates] == [
        ("1A", SeatStatus.AVAILABLE),
        ("1B", SeatStatus.AVAILABLE),
    ]


async def test_a_user_gets_in_line_and_out_of_it(service: ScriptedService, inventory: InventoryClient) -> None:
    assert await inventory.join_waitlist("t1", seat_class="first", seats=2) == 3
    [entry] = await inventory.waitlist()
    await inventory.leave_waitlist("t1", seat_class="first")
    assert (entry.organization, entry.trip, entry.seats) == ("o1", "t1", 2)
    assert entry.joined_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    joined, listed, left = service.requests
    assert (joined.user_id, joined.seat_class, joined.requested_seats) == ("u1", "first", 2)
    assert (listed.user_id, listed.organization_id) == ("u1", "default")
    assert (left.user_id, left.trip_id, left.seat_class) == ("u1", "t1", "first")


@pytest.mark.parametrize("read", [number, large_number])
@pytest.mark.parametrize("said", [1.5, 2.0, "1", True, None, float("nan")])
def test_what_is_no_whole_number_is_refused_by_its_field(read: Callable[[str, Any], int], said: object) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read("quantity", said)
    assert refused.value.violations == (("quantity", f"must be a whole number, not {said!r}"),)


def test_a_number_of_another_library_is_the_number_that_it_is() -> None:
    class Five:
        """As those of arrays are."""

        def __index__(self) -> int:
            return 5

    five: Any = Five()
    assert type(large_number("quantity", five)) is int
    assert large_number("quantity", five) == 5
