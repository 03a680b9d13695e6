"""What is wrong with a request is refused, with every wrong field named."""

from typing import Any

import betterproto2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.requests import CHECK, SEATS, SEGMENTS, VALID, WITHOUT_CALLER, each_kind, faults, read_changed
from travio_inventory.kernel import limits
from travio_inventory.kernel.actor import Actor, service_of
from travio_inventory.kernel.checking import VIOLATIONS_MAX
from travio_inventory.kernel.ids import fault_of, join_ids, split_ids
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.refusals import InvalidSeats, InvalidTrip
from travio_inventory.wire.inventory import v1
from verification.kit.legal_ids import AWKWARD, legal_ids


@each_kind
def test_the_caller_is_always_named(kind: type[betterproto2.Message]) -> None:
    names = [name for name in ("organization_id", "user_id") if hasattr(VALID[kind][0], name)]
    if kind is v1.GetUserWaitlistRequest:  # the tenant may be left out, as it was before there was a field for it
        names.remove("organization_id")
    if kind in WITHOUT_CALLER:
        return
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
    """Each of these looks like another id, or like no id; this holds for optional ids too."""
    names = ["trip_id", "from_station_id", "to_station_id", "user_id", "organization_id", "idempotency_key"]
    assert sorted(faults(v1.HoldSeatsRequest, **dict.fromkeys(names, bad))) == sorted(names)
    assert faults(v1.JoinWaitlistRequest, seat_class=bad) == ["seat_class"]
    with pytest.raises(InvalidRequest, match=said) as refusal:
        read_changed(v1.ConfirmBookingRequest, order_id=bad)
    assert "\n" not in str(refusal.value)
    assert faults(v1.InitializeTripInventoryRequest, trip_id=bad) == ["trip_id"]


@pytest.mark.parametrize("bad", ["\ud800", "a\udcffb"])
def test_half_a_character_is_no_id(bad: str) -> None:
    """A command line argument can have one, a message cannot."""
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
        (
            v1.ConfirmBookingRequest,
            {"passengers": [v1.PassengerSeat(seat_id="1A")] * (limits.SEATS_PER_HOLD_MAX + 1)},
            "passengers",
        ),
        (
            v1.ConfirmBookingRequest,
            {"passengers": [v1.PassengerSeat(seat_id="1A", passenger_name=LONG_NAME)]},
            "passengers[0].passenger_name",
        ),
        (v1.JoinWaitlistRequest, {"requested_seats": 0}, "requested_seats"),
        (v1.JoinWaitlistRequest, {"requested_seats": limits.SEATS_PER_HOLD_MAX + 1}, "requested_seats"),
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
        (v1.InitializeTripInventoryRequest, {"segments": SEGMENTS * (limits.SEGMENTS_MAX // 2 + 1)}, "segments"),
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


@pytest.mark.parametrize("seat_ids", [[], ["1A"] * (limits.SEATS_PER_HOLD_MAX + 1)])
def test_none_or_too_many_seats_are_refused_as_seats(seat_ids: list[str]) -> None:
    with pytest.raises(InvalidSeats):
        read_changed(v1.HoldSeatsRequest, seat_ids=seat_ids)


def test_all_faults_are_reported_at_once_and_up_to_a_limit() -> None:
    named = faults(v1.HoldSeatsRequest, trip_id="", user_id=LONG, to_segment_index=limits.SEGMENTS_MAX)
    assert named == ["user_id", "trip_id", "to_segment_index"]
    updates = [v1.SeatUpdate()] * limits.UPDATES_MAX
    assert len(faults(v1.UpdateInventoryRequest, updates=tuple(updates))) == VIOLATIONS_MAX
