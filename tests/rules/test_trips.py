"""Trips: their seats in order and in groups, their journeys, and what is wrong in a definition."""

from dataclasses import replace
from typing import Any

import pytest

from travio_inventory.kernel import limits
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.differences import differences
from travio_inventory.seats.layout import Seat, first_repeated
from travio_inventory.seats.refusals import SWAPPED, InvalidJourney, InvalidSeats, InvalidTrip, TripDefinedOtherwise
from travio_inventory.seats.route import Direction, Segment, StationName
from travio_inventory.seats.swapping import NewVehicle
from travio_inventory.seats.trip import (
    ALL_IN_ONE_GROUP,
    OUR_CHOICE,
    Ends,
    Journey,
    Trip,
    TripKey,
    read_definition,
)
from verification.kit.trips import a_trip, route, row_of

KEY = TripKey("org", "t")


def small(stops: str = "ABCD", seats: int = 5, per_group: int = 2, vehicle: str = "") -> Trip:
    return a_trip("t", organization="org", stops=stops, seats=row_of(seats), seats_per_group=per_group, vehicle=vehicle)


def violations(kind: type[InvalidRequest], **fields: Any) -> list[tuple[str, str]]:  # noqa: ANN401    # any field
    """The faults of a trip with these fields: field and text."""
    right: dict[str, Any] = {"key": KEY, "segments": route("ABC"), "seats": row_of(2), "seats_per_group": 2}
    with pytest.raises(InvalidRequest) as refused:
        Trip(**right | fields)
    assert type(refused.value) is kind
    return list(refused.value.violations)


def said(refused: pytest.ExceptionInfo[InvalidRequest]) -> tuple[str, str]:
    (violation,) = refused.value.violations
    return violation


# Seats and groups


def test_seats_are_in_layout_order_whatever_order_they_came_in() -> None:
    seats = Seat("z", "", 1, 2), Seat("y", "", 1, 2), Seat("x", "", 2, 1), Seat("w", "", 1, 3), Seat("v", "", 0, 9)
    assert [seat.id for seat in Trip(KEY, route("AB"), seats).seats] == ["v", "y", "z", "w", "x"]


def test_seats_are_cut_into_groups_in_layout_order() -> None:
    trip = small()
    assert trip.group_count == 3
    assert [trip.group_of(seat.id) for seat in trip.seats] == [0, 0, 1, 1, 2]
    assert [[seat.id for seat in trip.seats_in(group)] for group in range(3)] == [["A1", "A2"], ["A3", "A4"], ["A5"]]
    assert (small(seats=4).group_count, small(seats=1).group_count) == (2, 1)


def test_a_seat_is_found_by_its_id() -> None:
    trip = small()
    assert trip.seat("A3") is trip.seats[2]
    assert (trip.has_seat("A3"), trip.has_seat("A6")) == (True, False)
    for find in (trip.seat, trip.group_of):
        with pytest.raises(KeyError):
            find("A6")


@pytest.mark.parametrize(
    ("asked", "stops", "seats", "chosen"),
    [
        (7, "AB", 3, 7),
        (OUR_CHOICE, "AB", 3, 64),
        (ALL_IN_ONE_GROUP, "AB", 3, 3),
        (ALL_IN_ONE_GROUP, "AB", 1, 1),
        (ALL_IN_ONE_GROUP, "ABCDEFGHIJKLMNOPQRSTU", 300, 250),
    ],
)
def test_the_size_of_a_group_may_be_left_to_the_service(asked: int, stops: str, seats: int, chosen: int) -> None:
    trip = Trip(KEY, route(stops), row_of(seats), asked)
    assert (trip.seats_per_group, trip.seats_per_group_asked) == (chosen, asked)


def test_without_a_size_the_service_chooses_the_size_of_a_group() -> None:
    trip = Trip(KEY, route("AB"), row_of(1))
    assert trip.seats_per_group_asked == OUR_CHOICE
    assert (trip.vehicle, trip.vehicle_type, trip.currency) == ("", "", "")


def test_a_trip_equals_one_that_is_cut_differently_if_the_service_chose_the_cut() -> None:
    standing = small(per_group=2)
    assert small(per_group=2).asks_for(standing)
    assert not small(per_group=3).asks_for(standing)
    assert small(per_group=OUR_CHOICE).asks_for(standing)
    assert small(per_group=ALL_IN_ONE_GROUP).asks_for(standing)
    assert not small(per_group=OUR_CHOICE, vehicle="bus").asks_for(standing)


def test_a_trip_knows_its_classes() -> None:
    seats = (Seat("a", "", 0, 0, "first"), Seat("b", "", 0, 1, "second"), Seat("c", "", 0, 2))
    assert Trip(KEY, route("AB"), seats).seat_classes == {"first", "second", ""}


def test_a_definition_is_read_as_it_was_written() -> None:
    seats = (Seat("a", "1", 2, 3, "first", "window", 4, True, False, True), Seat("b", "2", 2, 4))
    trip = Trip(KEY, (Segment("A", "B", 1, 2),), seats, 2, "v", "bus", "EUR")
    assert read_definition(trip.definition) == trip
    assert trip.definition == (
        '{"organization":"org","trip":"t","segments":[["A","B",1,2]],'
        '"seats":[["a","1",2,3,"first","window",4,true,false,true],["b","2",2,4,"","",0,false,false,false]],'
        '"seats_per_group":2,"vehicle":"v","vehicle_type":"bus","currency":"EUR"}'
    )


def test_an_existing_definition_is_read_whatever_the_limits_are_now() -> None:
    trip = small(seats=2)
    wrong = trip.definition.replace('"B"', '""')
    assert read_definition(wrong).stops == ("A", "", "C", "D")
    apart = trip.definition.replace('["B","C"', '["X","C"')
    assert read_definition(apart).segments[1] == Segment("X", "C")


# What may be requested


def test_requested_seats_come_in_layout_order() -> None:
    assert small().in_layout_order(["A5", "A1", "A3"]) == ("A1", "A3", "A5")
    assert small().in_layout_order(["A2"]) == ("A2",)
    ten = [f"A{number}" for number in range(1, 11)]
    assert small(seats=11).in_layout_order(ten) == tuple(ten)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["A1", "A9", "A8"], "this trip has no seat 'A9'"),
        (["A2", "A1", "A2"], "seat 'A2' is named twice"),
    ],
)
def test_seats_that_cannot_be_requested_are_named(asked: list[str], words: str) -> None:
    with pytest.raises(InvalidSeats) as refused:
        small().in_layout_order(asked)
    assert said(refused) == ("seat_ids", words)


def test_the_first_that_comes_twice_is_found() -> None:
    assert first_repeated("abcb") == "b"
    assert first_repeated("cbbc") == "c"
    assert first_repeated("aaa") == "a"
    assert first_repeated("abc") is None


@pytest.mark.parametrize(
    ("ends", "journey"),
    [
        (Ends("A", "B"), (0, 0)),
        (Ends("A", "D"), (0, 2)),
        (Ends("C", "D"), (2, 2)),
        (Ends("A", "D", 0, 2), (0, 2)),
    ],
)
def test_a_journey_is_the_segments_between_two_stations(ends: Ends, journey: tuple[int, int]) -> None:
    trip = small()
    assert trip.stops == ("A", "B", "C", "D")
    assert trip.journey(ends) == Journey(*journey)
    assert trip.journey(ends) is trip.journey(ends)  # found once
    assert list(Journey(*journey).segments) == list(range(journey[0], journey[1] + 1))


@pytest.mark.parametrize(
    ("ends", "field", "words"),
    [
        (Ends("X", "B"), "from_station_id", "no journey of this trip begins at 'X'"),
        (Ends("D", "B"), "from_station_id", "no journey of this trip begins at 'D'"),
        (Ends("A", "X"), "to_station_id", "no journey of this trip ends at 'X'"),
        (Ends("A", "A"), "to_station_id", "no journey of this trip ends at 'A'"),
        (Ends("A", "B", 1), "from_segment_index", "segment 1 of this trip does not begin at 'A'"),
        (Ends("A", "B", 0, 1), "to_segment_index", "segment 1 of this trip does not end at 'B'"),
        (Ends("C", "B"), "to_station_id", "'B' does not come after 'C' on this trip"),
    ],
)
def test_a_journey_that_the_trip_does_not_make_is_refused(ends: Ends, field: str, words: str) -> None:
    with pytest.raises(InvalidJourney) as refused:
        small().journey(ends)
    assert said(refused) == (field, words)


# What is wrong in a definition

EMPTY = "must not be empty"
ENDS = "must not begin or end with white space"
CONTROL = "must not have control characters"
TOO_LONG = "must have at most 128 bytes"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"key": TripKey("", "t")}, [("organization_id", EMPTY)]),
        ({"key": TripKey("org", " t")}, [("trip_id", ENDS)]),
        (
            {"segments": (Segment(" A", "B "), Segment("B ", "C"))},
            [
                ("segments[0].from_station_id", ENDS),
                ("segments[0].to_station_id", ENDS),
                ("segments[1].from_station_id", ENDS),
            ],
        ),
        (
            {"segments": (Segment("A", "B", -1, 253_402_300_800),)},
            [
                ("segments[0].departure_time", "must be 0 to 253402300799, not -1"),
                ("segments[0].arrival_time", "must be 0 to 253402300799, not 253402300800"),
            ],
        ),
        ({"segments": ()}, [("segments", "must have 1 to 512 items, not 0")]),
        ({"segments": route("AB" * 257)}, [("segments", "must have 1 to 512 items, not 513")]),
        ({"seats": ()}, [("seat_config.seats", "must have 1 to 100000 seats, not 0")]),
        ({"seats": row_of(1) * 100_001}, [("seat_config.seats", "must have 1 to 100000 seats, not 100001")]),
        (
            {"seats": (Seat("b", "", 0, 0), Seat("", "\n", -1, 100_001, " x", "\n", -1))},
            [
                ("seat_config.seats[1].seat_id", EMPTY),
                ("seat_config.seats[1].seat_number", CONTROL),
                ("seat_config.seats[1].row", "must be 0 to 100000, not -1"),
                ("seat_config.seats[1].column", "must be 0 to 100000, not 100001"),
                ("seat_config.seats[1].seat_class", ENDS),
                ("seat_config.seats[1].seat_type", CONTROL),
                ("seat_config.seats[1].price_paisa", "must be 0 to 1000000000000, not -1"),
            ],
        ),
        (
            {"seats": (Seat("b", "", 100_001, -1, "", "", 10**12 + 1),)},
            [
                ("seat_config.seats[0].row", "must be 0 to 100000, not 100001"),
                ("seat_config.seats[0].column", "must be 0 to 100000, not -1"),
                ("seat_config.seats[0].price_paisa", "must be 0 to 1000000000000, not 1000000000001"),
            ],
        ),
        ({"seats_per_group": -2}, [("seats_per_group", "must be -1 to 100000, not -2")]),
        ({"seats_per_group": 100_001}, [("seats_per_group", "must be -1 to 100000, not 100001")]),
        ({"currency": "eur"}, [("currency", "must be three capital letters (ISO 4217) or empty")]),
        ({"currency": "EURO"}, [("currency", "must be three capital letters (ISO 4217) or empty")]),
        ({"vehicle": "\n", "vehicle_type": "x" * 129}, [("vehicle_id", CONTROL), ("vehicle_type", TOO_LONG)]),
        (
            {"station_names": (StationName("A", "x" * 257), StationName("B", "x" * 256))},
            [("station_names[A]", "must have at most 256 bytes")],
        ),
        (
            {"station_names": (StationName("A", "x"),) * 514},
            [("station_names", "must have 0 to 513 items, not 514")],
        ),
    ],
)
def test_every_field_that_is_wrong_is_named(fields: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert violations(InvalidRequest, **fields) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"seats": (*row_of(3), Seat("A3", "", 9, 0), Seat("A3", "", 9, 1), Seat("A1", "", 9, 2))},
            [("seat_config.seats", "seat 'A3' is defined twice")],
        ),
        ({"segments": route("ABB")}, [("segments[1]", "starts and ends at the same station")]),
        (
            {"segments": (Segment("A", "B"), Segment("C", "D"), Segment("D", "E"), Segment("F", "G"))},
            [
                ("segments[1].from_station_id", "is not where the segment before ends"),
                ("segments[3].from_station_id", "is not where the segment before ends"),
            ],
        ),
        (
            {"seats": row_of(2_502), "seats_per_group": 2_501},
            [("seats_per_group", "must be at most 2500: a seat group has at most 5000 cells (seats x segments)")],
        ),
        (
            {"segments": route("AB" * 256 + "A"), "seats": row_of(3_907)},
            [("seat_config", "seats times segments is 2000384; at most 2000000 cells a trip")],
        ),
    ],
)
def test_what_is_inconsistent_is_named(fields: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert violations(InvalidTrip, **fields) == expected


def test_all_faults_are_named_at_once() -> None:
    wrong = violations(
        InvalidRequest, key=TripKey("", ""), segments=(), seats=(), seats_per_group=-7, currency="x", vehicle="\n"
    )
    assert [field for field, _ in wrong] == [
        "organization_id", "trip_id", "segments", "seat_config.seats", "seats_per_group", "currency", "vehicle_id",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        {"segments": route("AB" * 256 + "A"), "seats": row_of(1)},
        {"segments": route("AB"), "seats": row_of(5_000), "seats_per_group": 5_000},
        {"seats_per_group": 100_000},
        {"currency": "EUR", "vehicle": "v", "vehicle_type": "x" * 128},
        {"segments": (Segment("A", "B", 253_402_300_799, 253_402_300_799),)},
        {"seats": (Seat("a", "", 100_000, 100_000, "", "", 10**12), Seat("b", "", 0, 0))},
        {"seats_per_group": 1},
        {"station_names": tuple(StationName(station, station) for station in "ABC")},
    ],
)
def test_the_largest_and_the_smallest_are_right(fields: dict[str, Any]) -> None:
    right: dict[str, Any] = {"key": KEY, "segments": route("ABC"), "seats": row_of(2), "seats_per_group": 2}
    assert Trip(**right | fields).key == KEY


def test_as_many_seats_and_cells_as_there_may_be_are_right() -> None:
    trip = Trip(KEY, route("AB" * 10 + "A"), row_of(100_000), 250)
    assert len(trip.segments) * len(trip.seats) == limits.CELLS_MAX


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([(1, 2), (2, 2), (5, 9)], []),
        ([(0, 2), (0, 0), (2, 0)], []),
        ([(5, 4)], [("segments[0].arrival_time", "the arrival at 'B' is before the departure from 'A'")]),
        ([(1, 5), (4, 9)], [("segments[1].departure_time", "the departure from 'B' is before the arrival at 'B'")]),
        ([(9, 0), (0, 8)], [("segments[1].arrival_time", "the arrival at 'C' is before the departure from 'A'")]),
        (
            [(5, 4), (4, 3)],
            [
                ("segments[0].arrival_time", "the arrival at 'B' is before the departure from 'A'"),
                ("segments[1].arrival_time", "the arrival at 'C' is before the departure from 'B'"),
            ],
        ),
    ],
)
def test_no_known_time_is_before_a_known_one(times: list[tuple[int, int]], expected: list[tuple[str, str]]) -> None:
    stops = "ABCD"
    segments = tuple(Segment(stops[at], stops[at + 1], *one) for at, one in enumerate(times))
    if expected:
        assert violations(InvalidTrip, segments=segments) == expected
    else:
        assert Trip(KEY, segments, row_of(1)).segments == segments


def test_what_differs_is_named() -> None:
    standing = small(per_group=2)
    first, *others = standing.seats
    dearer = replace(standing, seats=(replace(first, price_minor=first.price_minor + 1), *others))
    later = replace(standing.segments[0], departs_at_s=5, arrives_at_s=6)
    assert differences(dearer, standing) == ("prices",)
    assert differences(replace(standing, segments=(later, *standing.segments[1:])), standing) == ("times",)
    assert differences(replace(standing, seats=(first,), vehicle="bus"), standing) == ("seats", "vehicle")
    assert differences(replace(standing, seats=(replace(first, number="x"), *others)), standing) == ("seats",)
    assert differences(replace(standing, segments=(Segment("X", "Y"),)), standing)[0] == "stops"
    assert differences(small(per_group=3), standing) == ("seats per group",)
    assert differences(small(per_group=2), standing) == ()


def test_a_trip_that_got_another_vehicle_since_differs_by_that_alone() -> None:
    opened, bus = small(per_group=2), small(seats=9)
    standing = NewVehicle(bus.seats, 3, "bus", "double").of(small(per_group=2, vehicle="car"))
    cheaper = replace(opened, seats=tuple(replace(seat, price_minor=1) for seat in opened.seats))
    for asked in (opened, cheaper):
        assert differences(asked, standing) == (SWAPPED,)
    later = replace(opened.segments[0], departs_at_s=5, arrives_at_s=6)
    assert differences(replace(opened, segments=(later, *opened.segments[1:])), standing) == ("times", SWAPPED)
    assert differences(small(seats=4), standing)[0] == "seats"
    for was_changed in (False, True):
        refusal = TripDefinedOtherwise(["times", SWAPPED], was_changed=was_changed)
        assert refusal.is_later_change is was_changed


def test_directions_differ_and_a_size_that_was_left_to_the_service_does_not() -> None:
    one = small()
    turned = tuple(replace(segment, direction=Direction.LAST_ROW_AHEAD) for segment in one.segments)
    assert differences(replace(one, segments=turned), one) == ("directions",)
    assert differences(replace(one, seats_per_group=OUR_CHOICE), one) == ()
    assert differences(replace(one, seats_per_group=3), one) == ("seats per group",)
