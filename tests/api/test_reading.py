"""Whatever bytes arrive, a request is read whole and right, or refused."""

from contextlib import suppress
from dataclasses import replace

import betterproto2
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from tests.api.requests import VALID, each_kind, read, read_changed, trip_bytes
from travio_inventory.api.auth.off import ANYBODY
from travio_inventory.api.grpc import messages
from travio_inventory.api.grpc.descriptors import message_type, pool
from travio_inventory.api.grpc.protobuf import number, part, text
from travio_inventory.api.page_tokens import token_of
from travio_inventory.kernel.actor import Actor, service_of, user_anywhere
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.commands import (
    AvailabilityQuery,
    BlockSeatsCommand,
    ConfirmHoldCommand,
    ExtendHoldCommand,
    GiveBackCommand,
    HoldSeatsCommand,
    HoldsQuery,
    SeatMapQuery,
    SeatUpdate,
    WaitlistPlace,
    WaitsQuery,
)
from travio_inventory.seats.hold import Passenger
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.queries import ManifestQuery, OrderQuery, SeatQuery
from travio_inventory.seats.route import Segment
from travio_inventory.seats.trip import Ends, Trip, TripKey
from travio_inventory.wire.inventory import v1


def test_each_request_of_the_service_is_read() -> None:
    methods = pool().FindServiceByName("inventory.v1.InventoryService").methods
    assert {method.input_type.name for method in methods} == {kind.__name__ for kind in VALID}


@each_kind
def test_a_valid_request_is_read(kind: type[betterproto2.Message]) -> None:
    read_changed(kind)


@each_kind
@given(data=st.binary(max_size=200))
@pytest.mark.once
def test_random_bytes_are_read_or_refused(kind: type[betterproto2.Message], data: bytes) -> None:
    with suppress(DecodeError, InvalidRequest):
        read(kind, data)


@pytest.mark.once
@each_kind
@given(data=st.data())
def test_a_damaged_request_is_read_or_refused(kind: type[betterproto2.Message], data: st.DataObject) -> None:
    """Bytes are changed, removed and inserted; the end is cut off."""
    damaged = bytearray(bytes(VALID[kind][0]))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(damaged)))
        end = data.draw(st.integers(start, min(len(damaged), start + 4)))
        damaged[start:end] = data.draw(st.binary(max_size=4))
    with suppress(DecodeError, InvalidRequest):
        read(kind, bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))


@pytest.mark.once
@each_kind
@given(field=st.integers(1, 12), wire=st.integers(0, 7), payload=st.binary(max_size=12))
def test_a_field_of_another_type_is_read_or_refused(
    kind: type[betterproto2.Message], field: int, wire: int, payload: bytes
) -> None:
    """A string sent as a number, a number as bytes, a message as a string, groups, types that do not exist."""
    for value in (payload, bytes([len(payload)]) + payload):
        with suppress(DecodeError, InvalidRequest):
            read(kind, bytes(VALID[kind][0]) + bytes([field << 3 | wire]) + value)


def test_a_hold_is_read_with_every_field() -> None:
    command = HoldSeatsCommand(
        trip_id="T1",
        ends=Ends("A", "C", 0, None),
        seat_ids=("1A", "1B"),
        ttl_s=60,
        key="key",
        settles=True,
        session_id="session",
    )
    assert read_changed(v1.HoldSeatsRequest) == (Actor("org", "user"), command)
    asked = read_changed(v1.HoldSeatsRequest, idempotency_key="", from_segment_index=None, settle=False)
    assert asked == (Actor("org", "user"), replace(command, key=None, ends=Ends("A", "C"), settles=False))


def test_a_trip_is_read_with_segments_by_number_and_seats_by_place() -> None:
    actor, trip = messages.trip_asked(ANYBODY, message_type("InitializeTripInventoryRequest").FromString(trip_bytes()))
    assert isinstance(trip, Trip)
    assert (actor, trip.key) == (service_of("org"), TripKey("org", "T1"))
    assert trip.segments == (Segment("A", "B", 0, 10), Segment("B", "C", 20, 30))
    assert trip.seats == (
        Seat("1A", "1A", 1, 1, "first", "window"),
        Seat("1B", "", 1, 2, "", "", 5, is_accessible=True, has_power=True),
    )
    assert (trip.vehicle, trip.vehicle_type, trip.currency) == ("bus", "coach", "BDT")


@pytest.mark.parametrize(("sent", "kept"), [(0, 64), (-1, 2), (1, 1), (5_000, 5_000)])
def test_seats_per_group_has_a_default_and_all_in_one(sent: int, kept: int) -> None:
    message = v1.InitializeTripInventoryRequest.FromString(trip_bytes())
    message.seats_per_group = sent
    _, trip = messages.trip_asked(ANYBODY, message_type("InitializeTripInventoryRequest").FromString(bytes(message)))
    assert trip.seats_per_group == kept


def test_a_confirm_and_an_update_are_read_with_every_field() -> None:
    asked = read_changed(v1.ConfirmBookingRequest)
    passengers = (Passenger("1A", "Ada", "1"),)
    command = ConfirmHoldCommand(hold_id="H", order_id="order", passengers=passengers)
    assert asked == (Actor("org", "user"), command)
    updates = [SeatUpdate("1A", is_blocked=True, reason="broken"), SeatUpdate("1B", is_blocked=False)]
    update = BlockSeatsCommand(trip_id="T1", updates=tuple(updates))
    assert read_changed(v1.UpdateInventoryRequest) == (service_of("org"), update)
    assert (update.blocked, update.unblocked) == ({"1A": "broken"}, ("1B",))


def test_the_other_requests_are_read_with_every_field() -> None:
    user, service = Actor("org", "user"), service_of("org")
    check = service, AvailabilityQuery(trip_id="T1", ends=Ends("A", "C"), passengers=2, seat_class="first")
    assert read_changed(v1.CheckAvailabilityRequest) == check
    assert read_changed(v1.BatchCheckRequest) == [check, check]
    seats = SeatMapQuery(trip_id="T1", ends=Ends("A", "C", None, 1))
    assert read_changed(v1.GetSeatMapRequest) == (service, seats)
    assert read_changed(v1.ReleaseSeatsRequest, seat_ids=["1A"]) == (
        user, GiveBackCommand(hold_id="H", seat_ids=("1A",)),
    )  # fmt: skip
    assert read_changed(v1.ListHoldsRequest) == (user, HoldsQuery(include_ended=True))
    manifest = ManifestQuery(
        trip_id="T1",
        boarding="A",
        alighting="C",
        include_held=True,
        with_national_ids=True,
        after="3 1",
        page_size=7,
    )
    order = OrderQuery(order_id="o1", include_cancelled=True, with_national_ids=True, after="x", page_size=7)
    assert read_changed(v1.GetOrderBookingsRequest) == (service, order)
    seat = SeatQuery(trip_id="T1", seat_id="1A", after="3 x y")
    assert read_changed(v1.ExplainSeatRequest) == (service, seat)
    assert read_changed(v1.GetManifestRequest) == (service, manifest)
    assert read_changed(v1.ExtendHoldRequest) == (user, ExtendHoldCommand(hold_id="H", ttl_s=-1))
    cancel = GiveBackCommand(hold_id="H", seat_ids=("1A",), field="booking_id")
    assert read_changed(v1.CancelBookingRequest, seat_ids=["1A"]) == (user, cancel)
    assert read_changed(v1.JoinWaitlistRequest) == (user, WaitlistPlace(trip_id="T1", seats=2))
    place = WaitlistPlace(trip_id="T1", seat_class="x")
    assert read_changed(v1.LeaveWaitlistRequest, seat_class="x") == (user, place)
    assert read_changed(v1.GetUserWaitlistRequest) == (user_anywhere("user"), WaitsQuery())
    named = {"organization_id": "org", "page_size": 7, "page_token": token_of("behind")}
    waits = WaitsQuery(after="behind", page_size=7)
    assert read_changed(v1.GetUserWaitlistRequest, **named) == (user, waits)
    assert read_changed(v1.GetTripRequest) == (service, "T1")


def test_text_that_is_no_utf8_is_no_message() -> None:
    """One of them is a lone surrogate, which no id can have."""
    for bad in (b"\xff", b"\xed\xa0\x80", b"\xc0\x80"):
        with pytest.raises(DecodeError):
            read(v1.GetUserWaitlistRequest, part(1, bad))


def test_a_text_longer_than_the_message_is_no_message() -> None:
    with pytest.raises(DecodeError):
        read(v1.GetUserWaitlistRequest, text(1, "user")[:-1])


def test_unknown_fields_are_ignored() -> None:
    """As a newer client would send them."""
    newer = bytes(VALID[v1.GetTripRequest][0]) + text(99, "x") + number(98, 1)
    assert read(v1.GetTripRequest, newer) == (service_of("org"), "T1")
