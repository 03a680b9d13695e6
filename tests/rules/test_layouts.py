"""Sections: seats in order, what people call them, and what is wrong in a layout."""

from dataclasses import replace
from typing import Any

import pytest

from travio_inventory.kernel import limits
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.layout import Feature, Seat, Section, spoken_label
from travio_inventory.seats.refusals import InvalidTrip
from travio_inventory.seats.route import StationName
from travio_inventory.seats.trip import Trip, TripKey, read_definition
from verification.kit.trips import route, row_of, train

CAR = Section("7", "Car 7", "car")


def violations(kind: type[InvalidRequest], **fields: Any) -> list[tuple[str, str]]:  # noqa: ANN401    # any field
    with pytest.raises(InvalidRequest) as refused:
        replace(train(), **fields)
    assert type(refused.value) is kind
    return list(refused.value.violations)


def test_sections_come_before_rows_in_layout_order() -> None:
    """Rows begin anew in each section, and sections are in the order in which they are listed."""
    trip = replace(train(), seats=tuple(reversed(train().seats)))
    cars = [f"{car}-{row}{letter}" for car in ("c10", "c9") for row in (1, 2) for letter in "AB"]
    assert [seat.id for seat in trip.seats] == cars
    assert trip.in_layout_order(["c9-1A", "c10-2B"]) == ("c10-2B", "c9-1A")
    assert [trip.group_of(seat) for seat in cars] == [0, 0, 0, 1, 1, 1, 2, 2]
    assert trip.section_ranges == {"c10": range(4), "c9": range(4, 8)}


def test_a_trip_without_sections_has_one_range() -> None:
    assert Trip(TripKey("org", "t"), route("AB"), row_of(3)).section_ranges == {"": range(3)}


def test_things_that_are_no_seats_are_in_the_order_of_their_places() -> None:
    door, stairs, table = Feature("door", 1, 9, "c9"), Feature("stairs", 1, 2, "c9"), Feature("table", 7, 7, "c10")
    assert replace(train(), features=(door, stairs, table)).features == (table, stairs, door)


def test_a_definition_with_sections_is_read_as_it_was_written() -> None:
    read = read_definition(train().definition)
    assert read == train()
    assert read.segments[0].direction is train().segments[0].direction
    assert read.asks_for(train())
    assert not replace(train(), sections=tuple(reversed(train().sections))).asks_for(train())


@pytest.mark.parametrize(
    ("seat", "section", "label"),
    [
        (Seat("a", "A", 1, 1, seat_type="window", row_label="12"), CAR, "Car 7, row 12, seat A, window"),
        (Seat("a", "12A", 1, 1), CAR, "Car 7, seat 12A"),
        (Seat("a", "", 1, 1, row_label="AA"), Section("balcony"), "balcony, row AA"),
        (Seat("a", "5", 1, 1, row_label="12-W"), None, "row 12-W, seat 5"),
        (Seat("a", "5", 1, 1, label="Box 3, chair 5"), CAR, "Box 3, chair 5"),
        (Seat("a", "5", 1, 1, seat_type="window"), None, ""),
    ],
)
def test_people_name_a_seat_by_all_that_is_known(seat: Seat, section: Section | None, label: str) -> None:
    assert spoken_label(seat, section) == label


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"sections": (Section("c10"), Section("c9"), Section("c10"))},
            ("seat_config.sections", "section 'c10' is defined twice"),
        ),
        (
            {"sections": (Section("c10"),), "features": ()},
            ("seat_config.seats", "seat 'c9-1A': there is no section 'c9'"),
        ),
        (
            {"seats": (*train().seats, Seat("x", "", 1, 1))},
            ("seat_config.seats", "seat 'x': is in no section, and the trip has sections"),
        ),
        ({"features": (Feature("door", 1, 1, "c8"),)}, ("seat_config.features", "there is no section 'c8'")),
        (
            {"features": (Feature("door", 1, 1),)},
            ("seat_config.features", "one is in no section, and the trip has sections"),
        ),
        (
            {"station_names": (StationName("A", "x"), StationName("A", "y"))},
            ("station_names", "must name stations of this trip, each once"),
        ),
        ({"station_names": (StationName("Z", "x"),)}, ("station_names", "must name stations of this trip, each once")),
    ],
)
def test_what_is_inconsistent_is_named(fields: dict[str, Any], expected: tuple[str, str]) -> None:
    assert violations(InvalidTrip, **fields) == [expected]


def test_a_section_has_few_enough_seats_for_one_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECTION_SEATS_MAX", 3)
    said = "section {!r} has 4 seats; at most 3, divide it"
    assert violations(InvalidTrip) == [("seat_config.sections", said.format(car)) for car in ("c10", "c9")]


def test_each_wrong_field_of_a_layout_is_named() -> None:
    wrong = violations(
        InvalidRequest,
        sections=(Section("c10", "a\n"), Section(" c9")),
        features=(Feature("", -1, 0, rows=0),),
        time_zone="Mars/Olympus Mons",
        station_names=(StationName("A", ""),),
    )
    assert [field for field, _ in wrong] == [
        "station_names[A]",
        "seat_config.sections[0].label",
        "seat_config.sections[1].section_id",
        "seat_config.features[0].kind",
        "seat_config.features[0].row",
        "seat_config.features[0].rows",
        "time_zone",
    ]
