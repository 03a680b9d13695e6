"""The life of a trip over a channel: sales are closed, frozen and open again, and refused in the service's words."""

from dataclasses import replace
from typing import Any

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from tests.api.serving import Client, serving
from travio_inventory.wire.inventory import v1
from travio_inventory.wire.inventory.v1 import SalesAction, TripState


async def control(client: Client, action: SalesAction) -> TripState:
    request = v1.ControlSalesRequest(trip_id="T", organization_id="org", action=action)
    return (await client.stub.control_sales(request)).state


async def test_sales_are_closed_and_frozen_and_open_again() -> None:
    async with serving() as client:
        for action, state in (
            (SalesAction.CLOSE, TripState.CLOSED),
            (SalesAction.FREEZE, TripState.FROZEN),
            (SalesAction.REOPEN, TripState.FROZEN),
        ):
            assert await control(client, action) is state
            with pytest.raises(GRPCError) as refused:
                await client.hold("u1", "1A")
            assert refused.value.status is Status.FAILED_PRECONDITION
            assert f"sales of this trip are {(state.name or '').lower()}" in str(refused.value.message)
        assert await control(client, SalesAction.UNFREEZE) is TripState.OPEN
        await client.hold("u1", "1A")
        found = await client.stub.get_trip(v1.GetTripRequest(trip_id="T", organization_id="org"))
        assert (found.state, found.version > 3, found.opened_at > 0) == (TripState.OPEN, True, True)


@pytest.mark.parametrize("action", [0, 99])
async def test_an_action_that_is_not_known_is_refused(action: int) -> None:
    async with serving() as client:
        with pytest.raises(GRPCError) as refused:
            await control(client, SalesAction(action))
        assert refused.value.status is Status.INVALID_ARGUMENT
        assert "action: must be one of CLOSE, REOPEN, FREEZE, UNFREEZE" in str(refused.value.message)


async def test_prices_and_times_are_changed_for_the_version_that_was_seen() -> None:
    async with serving() as client:
        asked = v1.ChangeTripRequest(
            trip_id="T",
            organization_id="org",
            seat_prices={"1A": 900},
            times=[v1.SegmentTimes(segment_index=1, departure_time=4_000_000_100)],
            version=1,
        )
        assert (await client.stub.change_trip(asked)).version == 2
        assert (await client.hold("u1", "1A")).price_minor == 900
        found = await client.stub.get_trip(v1.GetTripRequest(trip_id="T", organization_id="org"))
        assert found.segments[1].departure_time == 4_000_000_100
        with pytest.raises(GRPCError) as refused:
            await client.stub.change_trip(replace(asked, seat_prices={"1A": 901}))
        assert refused.value.status is Status.FAILED_PRECONDITION


async def test_wrong_times_are_named_as_they_were_asked_for() -> None:
    async with serving() as client:
        for times, said in (
            ([(0, 9), (1, 5)], "times[1].arrival_time: the arrival at 'C' is before the arrival at 'B'"),
            ([(1, -5)], "times[0].arrival_time: must be 0 to"),
            ([(7, 5)], "times[0].segment_index: there is no segment 7"),
        ):
            asked = v1.ChangeTripRequest(
                trip_id="T",
                organization_id="org",
                times=[v1.SegmentTimes(segment_index=at, arrival_time=arrives) for at, arrives in times],
            )
            with pytest.raises(GRPCError) as refused:
                await client.stub.change_trip(asked)
            assert refused.value.status is Status.INVALID_ARGUMENT
            assert said in str(refused.value.message)


async def test_nobody_waits_for_a_trip_that_is_cancelled() -> None:
    async with serving() as client:
        place = v1.JoinWaitlistRequest(trip_id="T", organization_id="org", user_id="u1", requested_seats=1)
        await control(client, SalesAction.CLOSE)
        assert (await client.stub.join_waitlist(place)).success
        await client.stub.cancel_trip(v1.CancelTripRequest(trip_id="T", organization_id="org"))
        with pytest.raises(GRPCError) as refused:
            await client.stub.join_waitlist(place)
        assert refused.value.status is Status.FAILED_PRECONDITION
        assert "the trip is cancelled" in str(refused.value.message)
        left = v1.LeaveWaitlistRequest(trip_id="T", organization_id="org", user_id="u1")
        assert (await client.stub.leave_waitlist(left)).success


async def test_trips_are_listed_and_a_cancelled_one_says_so() -> None:
    async with serving() as client:
        hold = await client.hold("u1", "1A")
        await client.confirm("u1", hold.hold_id)
        await client.hold("u1", "1B")
        cancelled = await client.stub.cancel_trip(v1.CancelTripRequest(trip_id="T", organization_id="org"))
        assert (cancelled.released_holds, cancelled.cancelled_bookings) == (1, 1)
        assert cancelled.state is TripState.CANCELLED
        asked = v1.ListTripsRequest(organization_id="org", departs_from=3_999_999_999, departs_before=4_000_000_001)
        (line,) = (await client.stub.list_trips(asked)).trips
        assert (line.trip_id, line.state, line.seat_count) == ("T", TripState.CANCELLED, 4)
        assert (await client.stub.list_trips(v1.ListTripsRequest(organization_id="org"))).trips == []


def swap_to(*seats: str) -> v1.SwapVehicleRequest:
    """A vehicle of these seats, all in one row."""
    config = v1.SeatConfiguration(
        seats=[
            v1.SeatDefinition(seat_id=seat, seat_number=seat, row=1, column=at, seat_class="s", price_paisa=5)
            for at, seat in enumerate(seats)
        ]
    )
    return v1.SwapVehicleRequest(trip_id="T", organization_id="org", vehicle_id="bus-2", seat_config=config)


async def test_a_vehicle_is_swapped_and_who_has_no_seat_there_is_named() -> None:
    async with serving() as client:
        stays, leaves = await client.hold("u1", "1A"), await client.hold("u2", "1B")
        done = await client.stub.swap_vehicle(replace(swap_to("X1", "X2"), seat_mapping={"1A": "X2"}))
        assert (done.done, done.state, done.moved, done.left) == (True, TripState.OPEN, 1, 1)
        (left,) = done.left_holds
        assert left.hold is not None
        assert (left.hold.hold_id, left.hold.without_place) == (leaves.hold_id, True)
        assert left.reasons == {"1B": "not there"}
        asked = v1.GetHoldRequest(hold_id=stays.hold_id, user_id="u1", organization_id="org")
        found = (await client.stub.get_hold(asked)).hold
        assert found is not None
        assert (found.seat_ids, found.price_minor, found.without_place) == (["X2"], stays.price_minor, False)
        with pytest.raises(GRPCError) as refused:
            await client.stub.swap_vehicle(replace(swap_to("X1"), version=1))
        assert refused.value.status is Status.FAILED_PRECONDITION
        with pytest.raises(GRPCError) as refused:
            await client.stub.swap_vehicle(swap_to("X1", "X1"))
        assert refused.value.status is Status.INVALID_ARGUMENT
        with pytest.raises(GRPCError) as refused:
            await client.stub.swap_vehicle(replace(swap_to(), seat_plan="none"))
        assert refused.value.status is Status.NOT_FOUND


async def test_seats_of_a_former_vehicle_are_named_by_its_sections() -> None:
    async with serving() as client:
        train = swap_to("1A", "1B")
        assert train.seat_config is not None
        train.seat_config.sections = [v1.SectionDefinition(section_id="car", label="Car 7")]
        for seat in train.seat_config.seats:
            seat.section_id, seat.seat_class = "car", ""
        assert (await client.stub.swap_vehicle(train)).done
        hold = await client.hold("u1", "1A")
        assert (await client.stub.swap_vehicle(swap_to("X1"))).left == 1
        found = await client.find("u1", hold.hold_id)
        assert found is not None
        assert (found.without_place, found.seat_labels) == (True, ["Car 7, seat 1A"])


@pytest.mark.parametrize("action", [SalesAction.CLOSE, SalesAction.FREEZE])
async def test_nothing_is_shown_as_free_while_nothing_can_be_bought(action: SalesAction) -> None:
    async with serving() as client:
        await client.hold("u1", "1A")
        state = await control(client, action)
        names: dict[str, Any] = {
            "trip_id": "T", "organization_id": "org", "from_station_id": "A", "to_station_id": "B"
        }  # fmt: skip
        seat_map = await client.stub.get_seat_map(v1.GetSeatMapRequest(**names))
        shown = {cell.seat_id: cell.status for row in seat_map.rows for cell in row.seats}
        assert shown.pop("1A") is v1.SeatStatus.HELD
        assert set(shown.values()) == {v1.SeatStatus.BLOCKED}
        summary = await client.stub.get_trip_summary(v1.GetTripSummaryRequest(**names))
        assert [(each.free, each.largest_run) for each in summary.classes] == [(0, 0)] * len(summary.classes)
        available = await client.stub.check_availability(v1.CheckAvailabilityRequest(**names, passengers=1))
        assert not available.is_available
        assert seat_map.state is summary.state is available.state is state
        reopened = {SalesAction.CLOSE: SalesAction.REOPEN, SalesAction.FREEZE: SalesAction.UNFREEZE}[action]
        await control(client, reopened)
        available = await client.stub.check_availability(v1.CheckAvailabilityRequest(**names, passengers=1))
        assert (available.state, available.available_seats) == (TripState.OPEN, len(shown))
