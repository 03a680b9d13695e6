"""Whatever bytes arrive, a request is read whole and right, or refused with every wrong field named."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import betterproto2
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.api.grpc import messages
from travio_inventory.api.grpc.decoding import token_of
from travio_inventory.api.grpc.descriptors import message_type, pool
from travio_inventory.api.grpc.protobuf import number, part, text
from travio_inventory.kernel import limits
from travio_inventory.kernel.actor import Actor, service_of, user_anywhere
from travio_inventory.kernel.checking import VIOLATIONS_MAX
from travio_inventory.kernel.ids import fault_of, join_ids, split_ids
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.commands import (
    AvailabilityQuery,
    BlockSeatsCommand,
    ConfirmHoldCommand,
    ExtendHoldCommand,
    HoldSeatsCommand,
    HoldsQuery,
    SeatMapQuery,
    SeatUpdate,
    WaitlistPlace,
    WaitsQuery,
)
from travio_inventory.seats.hold import Passenger
from travio_inventory.seats.refusals import InvalidSeats, InvalidTrip
from travio_inventory.seats.trip import Ends, Seat, Segment, TripKey
from travio_inventory.wire.inventory import v1
from verification.kit.legal_ids import AWKWARD, legal_ids

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
VALID: Mapping[type[betterproto2.Message], tuple[betterproto2.Message, Callable[[Any], object]]] = {
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
        (v1.ReleaseSeatsRequest(hold_id="H", user_id="user", organization_id="org"), messages.hold_named),
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
        (v1.CancelBookingRequest(booking_id="H", user_id="user", organization_id="org"), messages.booking_named),
        (v1.LeaveWaitlistRequest(trip_id="T1", user_id="user", organization_id="org"), messages.leave_asked),
        (v1.GetTripRequest(trip_id="T1", organization_id="org"), messages.trip_named),
    ]
}
each_kind = pytest.mark.parametrize("kind", VALID, ids=lambda kind: kind.__name__)


def read(kind: type[betterproto2.Message], data: bytes) -> object:
    """The bytes as a use case would get them. Raises DecodeError, InvalidRequest."""
    return VALID[kind][1](message_type(kind.__name__).FromString(data))


def read_changed(kind: type[betterproto2.Message], **changes: object) -> object:
    """The valid message of the kind with some fields set otherwise, as a use case would get it."""
    message = kind.FromString(bytes(VALID[kind][0]))
    for name, value in changes.items():
        setattr(message, name, value)
    return read(kind, bytes(message))


def faults(kind: type[betterproto2.Message], **changes: object) -> list[str]:
    """The fields for which the changed message is refused."""
    with pytest.raises(InvalidRequest) as refused:
        read_changed(kind, **changes)
    return [violation.field for violation in refused.value.violations]


def test_each_request_of_the_service_is_read() -> None:
    methods = pool().FindServiceByName("inventory.v1.InventoryService").methods
    assert {method.input_type.name for method in methods} == {kind.__name__ for kind in VALID}


@each_kind
def test_a_valid_request_is_read(kind: type[betterproto2.Message]) -> None:
    read_changed(kind)


@each_kind
@given(data=st.binary(max_size=200))
def test_random_bytes_are_read_or_refused(kind: type[betterproto2.Message], data: bytes) -> None:
    with suppress(DecodeError, InvalidRequest):
        read(kind, data)


@each_kind
@given(data=st.data())
def test_a_damaged_request_is_read_or_refused(kind: type[betterproto2.Message], data: st.DataObject) -> None:
    """Bytes are changed, cut out, put in; the end is cut off."""
    damaged = bytearray(bytes(VALID[kind][0]))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(damaged)))
        end = data.draw(st.integers(start, min(len(damaged), start + 4)))
        damaged[start:end] = data.draw(st.binary(max_size=4))
    with suppress(DecodeError, InvalidRequest):
        read(kind, bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))


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
    actor, trip = messages.trip_asked(message_type("InitializeTripInventoryRequest").FromString(trip_bytes()))
    assert (actor, trip.key) == (service_of("org"), TripKey("org", "T1"))
    assert trip.segments == (Segment("A", "B", 0, 10), Segment("B", "C", 20, 30))
    assert trip.seats == (
        Seat("1A", "1A", 1, 1, "first", "window"),
        Seat("1B", "", 1, 2, "", "", 5, is_accessible=True, has_power=True),
    )
    assert (trip.vehicle, trip.vehicle_type, trip.currency) == ("bus", "coach", "BDT")


def trip_bytes() -> bytes:
    return bytes(VALID[v1.InitializeTripInventoryRequest][0])


@pytest.mark.parametrize(("sent", "kept"), [(0, 16), (-1, 2), (1, 1), (5_000, 5_000)])
def test_seats_per_block_has_a_default_and_all_in_one(sent: int, kept: int) -> None:
    message = v1.InitializeTripInventoryRequest.FromString(trip_bytes())
    message.seats_per_group = sent
    _, trip = messages.trip_asked(message_type("InitializeTripInventoryRequest").FromString(bytes(message)))
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
    assert read_changed(v1.ReleaseSeatsRequest) == (user, "H")
    assert read_changed(v1.ListHoldsRequest) == (user, HoldsQuery(include_ended=True))
    assert read_changed(v1.ExtendHoldRequest) == (user, ExtendHoldCommand(hold_id="H", ttl_s=-1))
    assert read_changed(v1.CancelBookingRequest) == (user, "H")
    assert read_changed(v1.JoinWaitlistRequest) == (user, WaitlistPlace(trip_id="T1", seats=2))
    place = WaitlistPlace(trip_id="T1", seat_class="x")
    assert read_changed(v1.LeaveWaitlistRequest, seat_class="x") == (user, place)
    assert read_changed(v1.GetUserWaitlistRequest) == (user_anywhere("user"), WaitsQuery())
    named = {"organization_id": "org", "page_size": 7, "page_token": token_of("behind")}
    waits = WaitsQuery(after="behind", page_size=7)
    assert read_changed(v1.GetUserWaitlistRequest, **named) == (user, waits)
    assert read_changed(v1.GetTripRequest) == (service, "T1")


@each_kind
def test_who_asks_is_always_named(kind: type[betterproto2.Message]) -> None:
    names = [name for name in ("organization_id", "user_id") if hasattr(VALID[kind][0], name)]
    if kind is v1.GetUserWaitlistRequest:  # the tenant may be left out, as it was before there was a field for it
        names.remove("organization_id")
    if kind is v1.BatchCheckRequest:
        assert faults(kind, requests=[v1.CheckAvailabilityRequest(trip_id="T1")])[0] == "requests[0].organization_id"
    else:
        assert names
        assert sorted(faults(kind, **dict.fromkeys(names, ""))) == sorted(names)


LONG = "x" * (limits.ID_BYTES_MAX + 1)
LONG_NAME = "x" * (limits.NAME_BYTES_MAX + 1)


@pytest.mark.parametrize("bad", [LONG, "\N{GREEK SMALL LETTER ALPHA}" * 65, "a\nb", "\x00", "a\x7f", "a\x85"])
def test_an_id_is_short_and_without_control_characters(bad: str) -> None:
    names = ["trip_id", "from_station_id", "to_station_id", "user_id", "session_id", "organization_id"]
    assert sorted(faults(v1.HoldSeatsRequest, **dict.fromkeys(names, bad))) == sorted(names)
    assert faults(v1.HoldSeatsRequest, seat_ids=["1A", bad], idempotency_key=bad) == ["seat_ids[1]", "idempotency_key"]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (" ", "white space"),
        ("\N{NO-BREAK SPACE}", "white space"),
        (" 1A", "white space"),
        ("1A\N{IDEOGRAPHIC SPACE}", "white space"),
        ("e\N{COMBINING ACUTE ACCENT}", "composed form"),
        ("\N{ANGSTROM SIGN}", "composed form"),
        ("\N{ZERO WIDTH SPACE}", "invisible"),
        ("\N{ZERO WIDTH NO-BREAK SPACE}1A", "invisible"),
        ("1A\N{RIGHT-TO-LEFT OVERRIDE}", "invisible"),
        ("1\N{LINE SEPARATOR}A", "invisible"),
    ],
)
def test_no_two_ids_look_the_same(bad: str, said: str) -> None:
    """Each of these looks like another id, or like none; that goes for optional ones too."""
    names = ["trip_id", "from_station_id", "to_station_id", "user_id", "organization_id", "idempotency_key"]
    assert sorted(faults(v1.HoldSeatsRequest, **dict.fromkeys(names, bad))) == sorted(names)
    assert faults(v1.JoinWaitlistRequest, seat_class=bad) == ["seat_class"]
    with pytest.raises(InvalidRequest, match=said) as refusal:
        read_changed(v1.ConfirmBookingRequest, order_id=bad)
    assert "\n" not in str(refusal.value)
    assert faults(v1.InitializeTripInventoryRequest, trip_id=bad) == ["trip_id"]


@pytest.mark.parametrize("bad", ["\ud800", "a\udcffb"])
def test_half_a_sign_is_no_id(bad: str) -> None:
    """As an argument of a command line can have one; no message can."""
    assert "invisible" in fault_of(bad)


@given(legal_ids)
def test_a_legal_id_is_read_as_it_was_sent(good: str) -> None:
    assert read_changed(v1.GetTripRequest, trip_id=good) == (service_of("org"), good)


@given(st.lists(legal_ids, max_size=10))
def test_ids_in_one_text_come_apart_again(ids: list[str]) -> None:
    assert split_ids(join_ids(ids)) == ids


@pytest.mark.parametrize(
    "good", ["x" * limits.ID_BYTES_MAX, "\N{GREEK SMALL LETTER ALPHA}" * 64, "a b~c/d:e", *AWKWARD]
)
def test_any_other_text_is_an_id(good: str) -> None:
    assert read_changed(v1.GetTripRequest, trip_id=good) == (service_of("org"), good)


def test_the_longest_hold_id_is_accepted() -> None:
    hold_id = f"{'x' * limits.ID_BYTES_MAX}~999999~{'0' * 32}~late"
    assert read_changed(v1.GetHoldRequest, hold_id=hold_id) == (Actor("org", "user"), hold_id)
    assert faults(v1.GetHoldRequest, hold_id=hold_id + "x") == ["hold_id"]


@pytest.mark.parametrize(
    ("kind", "changes", "field"),
    [
        (v1.CheckAvailabilityRequest, {"passengers": -1}, "passengers"),
        (v1.CheckAvailabilityRequest, {"passengers": limits.SEATS_MAX + 1}, "passengers"),
        (v1.CheckAvailabilityRequest, {"from_segment_index": -1}, "from_segment_index"),
        (v1.GetSeatMapRequest, {"to_segment_index": limits.SEGMENTS_MAX}, "to_segment_index"),
        (v1.BatchCheckRequest, {"requests": [CHECK] * (limits.CHECKS_PER_BATCH_MAX + 1)}, "requests"),
        (v1.ConfirmBookingRequest, {"order_id": ""}, "order_id"),
        (v1.ConfirmBookingRequest, {"passengers": [v1.PassengerSeat()]}, "passengers[0].seat_id"),
        (v1.ConfirmBookingRequest, {"passengers": [v1.PassengerSeat(seat_id="1A")] * 11}, "passengers"),
        (
            v1.ConfirmBookingRequest,
            {"passengers": [v1.PassengerSeat(seat_id="1A", passenger_name=LONG_NAME)]},
            "passengers[0].passenger_name",
        ),
        (v1.JoinWaitlistRequest, {"requested_seats": 0}, "requested_seats"),
        (v1.JoinWaitlistRequest, {"requested_seats": 11}, "requested_seats"),
        (v1.UpdateInventoryRequest, {"updates": [v1.SeatUpdate(seat_id="1A")]}, "updates[0].new_status"),
        (
            v1.UpdateInventoryRequest,
            {"updates": [v1.SeatUpdate(seat_id="1A", new_status=v1.SeatStatus.HELD)]},
            "updates[0].new_status",
        ),
        (
            v1.UpdateInventoryRequest,
            {"updates": [v1.SeatUpdate(seat_id="1A", new_status=v1.SeatStatus(77))]},
            "updates[0].new_status",
        ),
        (v1.InitializeTripInventoryRequest, {"segments": []}, "segments"),
        (v1.InitializeTripInventoryRequest, {"segments": SEGMENTS * 33}, "segments"),
        (v1.InitializeTripInventoryRequest, {"segments": SEGMENTS[:1]}, "segments[0].segment_index"),
        (v1.InitializeTripInventoryRequest, {"segments": SEGMENTS[:1] * 2}, "segments[1].segment_index"),
        (v1.InitializeTripInventoryRequest, {"seat_config": None}, "seat_config.seats"),
        (v1.InitializeTripInventoryRequest, {"seats_per_group": -2}, "seats_per_group"),
        (v1.InitializeTripInventoryRequest, {"currency": "Taka"}, "currency"),
    ],
)
def test_a_field_out_of_its_range_is_named(
    kind: type[betterproto2.Message], changes: dict[str, object], field: str
) -> None:
    assert faults(kind, **changes) == [field]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"departure_time": -1}, "departure_time"),
        ({"arrival_time": limits.TIME_S_MAX + 1}, "arrival_time"),
        ({"to_station_id": ""}, "to_station_id"),
    ],
)
def test_a_wrong_segment_is_named(changes: dict[str, Any], field: str) -> None:
    good: dict[str, Any] = {"segment_index": 0, "from_station_id": "A", "to_station_id": "B"}
    segments = [v1.SegmentDefinition(**(good | changes))]
    assert faults(v1.InitializeTripInventoryRequest, segments=segments) == [f"segments[0].{field}"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"seat_id": ""}, "seat_id"),
        ({"row": -1}, "row"),
        ({"column": limits.ROW_MAX + 1}, "column"),
        ({"price_paisa": -1}, "price_paisa"),
        ({"price_paisa": limits.PRICE_MINOR_MAX + 1}, "price_paisa"),
        ({"seat_number": LONG}, "seat_number"),
        ({"seat_class": "\n"}, "seat_class"),
    ],
)
def test_a_wrong_seat_is_named(changes: dict[str, Any], field: str) -> None:
    seats = [v1.SeatDefinition(**({"seat_id": "1A"} | changes))]
    config = v1.SeatConfiguration(seats=seats)
    assert faults(v1.InitializeTripInventoryRequest, seat_config=config) == [f"seat_config.seats[0].{field}"]


def test_the_announced_number_of_seats_must_be_right_unless_it_is_left_out() -> None:
    wrong = v1.SeatConfiguration(total_seats=3, seats=SEATS)
    assert faults(v1.InitializeTripInventoryRequest, seat_config=wrong) == ["seat_config.total_seats"]
    read_changed(v1.InitializeTripInventoryRequest, seat_config=v1.SeatConfiguration(seats=SEATS))


def test_fields_that_are_right_one_by_one_can_still_make_no_trip() -> None:
    with pytest.raises(InvalidTrip):
        read_changed(v1.InitializeTripInventoryRequest, seat_config=v1.SeatConfiguration(seats=SEATS[:1] * 2))


@pytest.mark.parametrize("seat_ids", [[], ["1A"] * 11])
def test_none_or_too_many_seats_are_refused_as_seats(seat_ids: list[str]) -> None:
    with pytest.raises(InvalidSeats):
        read_changed(v1.HoldSeatsRequest, seat_ids=seat_ids)


def test_all_that_is_wrong_is_said_at_once_and_not_without_end() -> None:
    named = faults(v1.HoldSeatsRequest, trip_id="", user_id=LONG, to_segment_index=99)
    assert named == ["user_id", "trip_id", "to_segment_index"]
    updates = [v1.SeatUpdate()] * limits.SEATS_MAX
    assert len(faults(v1.UpdateInventoryRequest, updates=tuple(updates))) == VIOLATIONS_MAX


def test_text_that_is_no_utf8_is_no_message() -> None:
    """A lone surrogate among them: no id can have one."""
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
