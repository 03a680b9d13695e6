"""Where the seats of a trip are: in which section, place and seat group; and what its definition says."""

import json
from dataclasses import replace

import pytest

from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.definition import write_each
from travio_inventory.seats.former import FormerVehicle
from travio_inventory.seats.layout import Feature, Section
from travio_inventory.seats.refusals import InvalidTrip
from travio_inventory.seats.route import Segment, StationName
from travio_inventory.seats.trip import OUR_CHOICE, Trip, TripKey, read_definition
from verification.kit.trips import row_of, train

TRAIN = train()
"""Cars c10 and c9, four seats each, three in a seat group."""
SEATS = [seat.id for seat in TRAIN.seats]
PLAIN = Trip(
    TripKey("org", "t"), (Segment("A", "B", 1, 2),), row_of(2), vehicle="v", vehicle_type="bus", currency="EUR"
)


def test_a_section_has_its_places_and_one_without_seats_has_none() -> None:
    empty = replace(TRAIN, sections=(*TRAIN.sections, Section("c11")))
    assert [empty.places_in(section) for section in ("", "c10", "c9", "c11")] == [
        range(8), range(4), range(4, 8), range(0),
    ]  # fmt: skip
    with pytest.raises(InvalidRequest) as refused:
        TRAIN.places_in("c11")
    assert [*refused.value.violations] == [("section_id", "this trip has no section 'c11'")]


def test_a_section_that_is_named_by_its_label_is_told_with_its_id() -> None:
    labelled = replace(TRAIN, sections=(Section("c10", "Car 10"), Section("c9", "Car 9")))
    with pytest.raises(InvalidRequest, match="has no section 'Car 9' by its id: 'Car 9' is the label of 'c9'"):
        labelled.places_in("Car 9")


@pytest.mark.parametrize(
    ("places", "groups"),
    [
        (range(4), range(2)),
        (range(4, 8), range(1, 3)),
        (range(3, 6), range(1, 2)),
        (range(2, 3), range(1)),
        (range(5, 5), range(0)),
    ],
)
def test_places_are_in_the_seat_groups_that_they_touch(places: range, groups: range) -> None:
    assert TRAIN.groups_of(places) == groups


def test_each_seat_is_found_in_its_seat_group_alone() -> None:
    groups = [0, 0, 0, 1, 1, 1, 2, 2]
    assert [TRAIN.group_of(seat) for seat in SEATS] == groups
    assert [TRAIN.group_at(place) for place in (*range(9), 99)] == [*groups, 2, 2]
    assert [TRAIN.place_of(group, seat) for group, seat in zip(groups, SEATS, strict=True)] == [*range(8)]
    assert [[seat.id for seat in TRAIN.seats_in(group)] for group in range(3)] == [SEATS[:3], SEATS[3:6], SEATS[6:]]
    assert [TRAIN.has_in(group, SEATS[3]) for group in range(4)] == [False, True, False, False]
    assert TRAIN.seat_in(1, SEATS[3]) is TRAIN.seats[3]
    assert TRAIN.prices_of([SEATS[3], SEATS[0]]) == (1_000, 2_000)


def test_the_seats_of_former_vehicles_come_before_its_own() -> None:
    swapped = replace(TRAIN, former=(FormerVehicle(row_of(3), 2, (Section("old"),)),))
    groups = [0, 0, 1, 2, 2, 2, 3, 3, 3, 4, 4]
    seats = ["A1", "A2", "A3", *SEATS]
    assert [swapped.group_at(place) for place in range(11)] == groups
    assert [swapped.place_of(group, seat) for group, seat in zip(groups, seats, strict=True)] == [*range(11)]
    assert [swapped.seat_in(group, seat).id for group, seat in zip(groups, seats, strict=True)] == seats
    assert [swapped.has_in(group, "A3") for group in range(6)] == [False, True, False, False, False, False]
    assert [[seat.id for seat in swapped.seats_in(group)] for group in (1, 2)] == [["A3"], SEATS[:3]]
    assert [swapped.sections_of(group) for group in (1, 2)] == [(Section("old"),), TRAIN.sections]
    assert (swapped.groups, swapped.group_of(SEATS[0]), swapped.groups_of(range(4, 8))) == (range(2, 5), 2, range(3, 5))


def test_a_definition_says_what_was_chosen_unless_what_was_asked_for_is_meant() -> None:
    written = {
        "organization": "org", "trip": "t", "segments": [*map(list, write_each(PLAIN.segments))], "seats": 7,
        "seats_per_group": PLAIN.seats_per_group, "vehicle": "v", "vehicle_type": "bus", "currency": "EUR",
    }  # fmt: skip
    assert json.loads(PLAIN.written(7)) == json.loads(json.dumps(written))
    assert json.loads(PLAIN.written(7, as_asked=True)) == json.loads(
        json.dumps(written | {"seats_per_group": OUR_CHOICE})
    )
    assert " " not in PLAIN.written(7)


def test_what_few_trips_have_is_written_where_they_have_it_and_read_again() -> None:
    names = (StationName("A", "Anywhere"), StationName("B", "Beyond"))
    trip = replace(
        TRAIN, time_zone="Asia/Dhaka", station_names=names[::-1], features=(Feature("door", 1, 1, "c9", 2, 3, "x"),)
    )
    assert {"sections", "features", "time_zone", "station_names"} <= json.loads(trip.definition).keys()
    read = read_definition(trip.definition)
    assert read == trip
    assert (read.sections, read.features, read.station_names) == (trip.sections, trip.features, names)
    assert (type(read.sections[0]), type(read.features[0]), type(read.station_names[0])) == (
        Section,
        Feature,
        StationName,
    )


def test_a_trip_asks_for_what_stands_if_nothing_else_differs() -> None:
    cut = replace(PLAIN, seats_per_group=1)
    assert PLAIN.asks_for(cut)
    assert not cut.asks_for(PLAIN)
    assert cut.asks_for(replace(cut))
    for other in (replace(PLAIN, vehicle="w"), replace(PLAIN, segments=(Segment("A", "B", 1, 3),))):
        assert not PLAIN.asks_for(other)
    assert PLAIN.asks_for(replace(PLAIN, former=(FormerVehicle(row_of(3), 2),))), "it had another vehicle before"


def test_a_time_zone_has_the_form_of_its_database() -> None:
    with pytest.raises(InvalidRequest) as refused:
        replace(PLAIN, time_zone="Asia Dhaka")
    said = "must be a name of the time zone database, as Asia/Dhaka, or empty"
    assert [*refused.value.violations] == [("time_zone", said)]
    assert not isinstance(refused.value, InvalidTrip)
