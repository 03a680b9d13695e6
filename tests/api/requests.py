"""One valid request of each kind, and what is read from it after changes."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import betterproto2
import pytest

from travio_inventory.api.auth.identity import Identity
from travio_inventory.api.auth.off import ANYBODY
from travio_inventory.api.grpc import change_messages, event_messages, life_messages, messages, plan_messages
from travio_inventory.api.grpc.descriptors import message_type
from travio_inventory.api.page_tokens import token_of
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.refusals import HoldNotFound
from travio_inventory.wire.inventory import v1

CHECK = v1.CheckAvailabilityRequest(
    trip_id="T1", from_station_id="A", to_station_id="C", passengers=2, seat_class="first", organization_id="org"
)
SEGMENTS = [
    v1.SegmentDefinition(segment_index=1, from_station_id="B", to_station_id="C", departure_time=20, arrival_time=30),
    v1.SegmentDefinition(segment_index=0, from_station_id="A", to_station_id="B", departure_time=0, arrival_time=10),
]
SEATS = [
    v1.SeatDefinition(seat_id="1A", seat_number="1A", row=1, column=1, seat_type="window", seat_class="first"),
    v1.SeatDefinition(seat_id="1B", row=1, column=2, price_paisa=5, is_accessible=True, has_power=True),
]
CLOSE = v1.SalesAction.CLOSE
RESERVATION = f"event-7~0~{0:032}"


def event(read: Callable[[Identity, Any], object]) -> Callable[[Identity, Any], object]:
    """Read it as a service does that is set to an organization."""
    return lambda caller, message: read(caller.placed_in("org"), message)


def reserved(read: Callable[[Any], object]) -> Callable[[Identity, Any], object]:
    """Read it; None if it names what no reservation can be called."""

    def read_or_not(_caller: Identity, message: Any) -> object:  # noqa: ANN401 - messages have their fields at run time
        with suppress(HoldNotFound):
            return read(message)
        return None

    return read_or_not


VALID: Mapping[type[betterproto2.Message], tuple[betterproto2.Message, Callable[[Identity, Any], object]]] = {
    type(message): (message, read)
    for message, read in [
        (CHECK, messages.check_asked),
        (v1.BatchCheckRequest(requests=[CHECK, CHECK]), messages.checks_asked),
        (
            v1.HoldSeatsRequest(
                trip_id="T1",
                from_station_id="A",
                to_station_id="C",
                seat_ids=["1A", "1B"],
                user_id="user",
                session_id="session",
                hold_duration_seconds=60,
                organization_id="org",
                idempotency_key="key",
                from_segment_index=0,
                settle=True,
            ),
            messages.hold_asked,
        ),
        (v1.ReleaseSeatsRequest(hold_id="H", user_id="user", organization_id="org"), change_messages.release_asked),
        (
            v1.ConfirmBookingRequest(
                hold_id="H",
                order_id="order",
                user_id="user",
                passengers=[v1.PassengerSeat(seat_id="1A", passenger_nid="1", passenger_name="Ada")],
                organization_id="org",
            ),
            messages.confirm_asked,
        ),
        (
            v1.GetSeatMapRequest(
                trip_id="T1", from_station_id="A", to_station_id="C", organization_id="org", to_segment_index=1
            ),
            messages.map_asked,
        ),
        (
            v1.WatchSeatMapRequest(
                trip_id="T1",
                from_station_id="A",
                to_station_id="C",
                organization_id="org",
                from_segment_index=0,
                to_segment_index=1,
                section_id="car",
                position="0a1b-7",
            ),
            messages.watch_asked,
        ),
        (
            v1.GetTripSummaryRequest(
                trip_id="T1", from_station_id="A", to_station_id="C", organization_id="org", section_id="car"
            ),
            messages.map_asked,
        ),
        (
            v1.InitializeTripInventoryRequest(
                trip_id="T1",
                organization_id="org",
                vehicle_id="bus",
                segments=SEGMENTS,
                seat_config=v1.SeatConfiguration(total_seats=2, seats=SEATS),
                currency="BDT",
                vehicle_type="coach",
            ),
            messages.trip_asked,
        ),
        (
            v1.UpdateInventoryRequest(
                trip_id="T1",
                organization_id="org",
                updates=[
                    v1.SeatUpdate(seat_id="1A", new_status=v1.SeatStatus.BLOCKED, reason="broken"),
                    v1.SeatUpdate(seat_id="1B", new_status=v1.SeatStatus.AVAILABLE),
                ],
            ),
            messages.update_asked,
        ),
        (
            v1.JoinWaitlistRequest(trip_id="T1", user_id="user", requested_seats=2, organization_id="org"),
            messages.join_asked,
        ),
        (v1.GetUserWaitlistRequest(user_id="user"), messages.waitlist_asked),
        (v1.GetHoldRequest(hold_id="H", user_id="user", organization_id="org"), messages.hold_named),
        (v1.ListHoldsRequest(user_id="user", organization_id="org", include_ended=True), messages.holds_asked),
        (
            v1.ExtendHoldRequest(hold_id="H", user_id="user", organization_id="org", hold_duration_seconds=-1),
            messages.extend_asked,
        ),
        (v1.CancelBookingRequest(booking_id="H", user_id="user", organization_id="org"), change_messages.cancel_asked),
        (
            v1.MoveHoldRequest(
                hold_id="H",
                user_id="user",
                organization_id="org",
                moves=[v1.SeatMove(from_seat_id="1A", to_seat_id="1B")],
                from_station_id="A",
                to_station_id="C",
                expected_version=3,
            ),
            change_messages.move_asked,
        ),
        (
            v1.ErasePassengersRequest(booking_id="H", user_id="user", organization_id="org"),
            change_messages.booking_named,
        ),
        (v1.LeaveWaitlistRequest(trip_id="T1", user_id="user", organization_id="org"), messages.leave_asked),
        (
            v1.ControlSalesRequest(trip_id="T1", organization_id="org", action=CLOSE),
            life_messages.sales_asked,
        ),
        (
            v1.ChangeTripRequest(
                trip_id="T1",
                organization_id="org",
                class_prices={"first": 5},
                seat_prices={"1A": 7},
                times=[v1.SegmentTimes(segment_index=1, departure_time=20, arrival_time=30)],
                version=3,
            ),
            life_messages.change_asked,
        ),
        (v1.CancelTripRequest(trip_id="T1", organization_id="org"), messages.trip_named),
        (
            v1.SwapVehicleRequest(
                trip_id="T1",
                organization_id="org",
                vehicle_id="bus-2",
                vehicle_type="bus",
                seat_config=v1.SeatConfiguration(seats=SEATS),
                seats_per_group=4,
                seat_mapping={"1A": "1B"},
                version=3,
            ),
            life_messages.swap_asked,
        ),
        (
            v1.ListTripsRequest(organization_id="org", departs_from=5, departs_before=9, page_size=2),
            life_messages.trips_asked,
        ),
        (v1.ListDeedsRequest(organization_id="org", month="2027-06", page_size=2), life_messages.deeds_asked),
        (v1.GetTripRequest(trip_id="T1", organization_id="org"), messages.trip_named),
        (
            v1.ListTripSeatsRequest(trip_id="T1", organization_id="org", page_token=token_of("2")),
            plan_messages.seats_asked,
        ),
        (
            v1.PutSeatPlanRequest(
                plan_id="P",
                organization_id="org",
                revision="r",
                part_count=1,
                part=v1.SeatConfiguration(seats=[v1.SeatDefinition(seat_id="1A")]),
            ),
            plan_messages.part_put,
        ),
        (v1.ListSeatPlansRequest(organization_id="org"), plan_messages.organization_named),
        (v1.DeleteSeatPlanRequest(plan_id="P", organization_id="org"), plan_messages.plan_named),
        (
            v1.GetManifestRequest(
                trip_id="T1",
                organization_id="org",
                boarding_station_id="A",
                alighting_station_id="C",
                include_held=True,
                include_national_ids=True,
                page_size=7,
                page_token=token_of("3 1"),
            ),
            messages.manifest_asked,
        ),
        (
            v1.GetOrderBookingsRequest(
                order_id="o1",
                organization_id="org",
                include_cancelled=True,
                include_national_ids=True,
                page_size=7,
                page_token=token_of("x"),
            ),
            messages.order_asked,
        ),
        (
            v1.ExplainSeatRequest(trip_id="T1", organization_id="org", seat_id="1A", page_token=token_of("3 x y")),
            messages.seat_asked,
        ),
        (v1.GetAvailableSeatsRequest(event_id=7), event(event_messages.event_named)),
        (
            v1.ReserveSeatsRequest(event_id=7, seat_numbers=["1A", "1B"], user_id="user"),
            event(event_messages.reserve_asked),
        ),
        (v1.GetReservationRequest(reservation_id=RESERVATION), reserved(event_messages.reservation_named)),
        (
            v1.ConfirmReservationsRequest(reservation_ids=[RESERVATION], booking_id="order", user_id="user"),
            reserved(event_messages.confirm_asked),
        ),
        (
            v1.CancelReservationsRequest(reservation_ids=[RESERVATION], user_id="user"),
            reserved(event_messages.cancel_asked),
        ),
        (v1.HealthCheckRequest(), lambda _caller, _message: None),
    ]
}
WITHOUT_CALLER = {
    v1.GetAvailableSeatsRequest,
    v1.GetReservationRequest,
    v1.ConfirmReservationsRequest,
    v1.CancelReservationsRequest,
    v1.HealthCheckRequest,
}
"""Requests about events may name nobody: then the caller's organization counts, and who has the reservation."""
each_kind = pytest.mark.parametrize("kind", VALID, ids=lambda kind: kind.__name__)


def read(kind: type[betterproto2.Message], data: bytes) -> object:
    """The bytes as a use case would get them. Raises DecodeError, InvalidRequest."""
    return VALID[kind][1](ANYBODY, message_type(kind.__name__).FromString(data))


def read_changed(kind: type[betterproto2.Message], **changes: object) -> object:
    """The valid message of the kind with some fields changed, as a use case would get it."""
    message = kind.FromString(bytes(VALID[kind][0]))
    for name, value in changes.items():
        setattr(message, name, value)
    return read(kind, bytes(message))


def faults(kind: type[betterproto2.Message], **changes: object) -> list[str]:
    """The fields for which the changed message is refused."""
    with pytest.raises(InvalidRequest) as refused:
        read_changed(kind, **changes)
    return [violation.field for violation in refused.value.violations]


def trip_bytes() -> bytes:
    return bytes(VALID[v1.InitializeTripInventoryRequest][0])
