"""Sections: seats in order, what people call them, and what is wrong in a layout."""

from dataclasses import replace
from typing import Any

import pytest

from travio_inventory.kernel import limits
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.layout import (
    Feature,
    Seat,
    Section,
    features_in_order,
    in_layout_order,
    ranges_of_sections,
    spoken_label,
)
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


def test_what_is_in_no_section_comes_before_all_sections_and_each_has_a_range_of_its_own() -> None:
    """A trip with sections has nothing outside of them; what is wrong with one that has is said in layout order."""
    sections = tuple(map(Section, "abc"))
    seats = tuple(Seat(f"{name}{row}", "", row, 1, section=name) for name in ("c", "b", "", "a") for row in (2, 1))
    ordered = in_layout_order(seats, sections)
    assert [seat.id for seat in ordered] == ["1", "2", "a1", "a2", "b1", "b2", "c1", "c2"]
    ranges = {"": range(2), "a": range(2, 4), "b": range(4, 6), "c": range(6, 8)}
    assert ranges_of_sections(ordered, sections) == ranges
    features = [Feature("door", 1, 1, name) for name in ("c", "b", "", "a")]
    assert [each.section for each in features_in_order(features, sections)] == ["", "a", "b", "c"]


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
    monkeypatch.setattr(limits, "SECTION_SEATS_MAX", 4)
    assert replace(train()) == train()


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


CONTROL = "must not have control characters"
ENDS = "must not begin or end with white space"
MOST = 100_000


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"sections": (Section("c10", "", "\n"), Section("c9"))}, [("sections[0].kind", CONTROL)]),
        (
            {"sections": (Section("c9"),) * (limits.SECTIONS_MAX + 1)},
            [("sections", f"must have 0 to {limits.SECTIONS_MAX} items, not {limits.SECTIONS_MAX + 1}")],
        ),
        (
            {"features": (Feature("door", 1, 1, "c9"),) * (limits.FEATURES_MAX + 1)},
            [("features", f"must have 0 to {limits.FEATURES_MAX} items, not {limits.FEATURES_MAX + 1}")],
        ),
        (
            {"seats": (Seat("a", "", 0, 0, section=" c9", row_label="\n", label="\n"),)},
            [("seats[0].section_id", ENDS), ("seats[0].row_label", CONTROL), ("seats[0].label", CONTROL)],
        ),
        (
            {
                "features": (
                    Feature("", -1, MOST + 1, " c9", 0, MOST + 1, "\n"),
                    Feature("a", MOST, MOST, "c9", MOST, MOST),
                    Feature("b", MOST + 1, -1, "c9", MOST + 1, 0),
                )
            },
            [
                ("features[0].kind", "must not be empty"),
                ("features[0].section_id", ENDS),
                ("features[0].row", f"must be 0 to {MOST}, not -1"),
                ("features[0].column", f"must be 0 to {MOST}, not {MOST + 1}"),
                ("features[0].rows", f"must be 1 to {MOST}, not 0"),
                ("features[0].columns", f"must be 1 to {MOST}, not {MOST + 1}"),
                ("features[0].label", CONTROL),
                ("features[2].row", f"must be 0 to {MOST}, not {MOST + 1}"),
                ("features[2].column", f"must be 0 to {MOST}, not -1"),
                ("features[2].rows", f"must be 1 to {MOST}, not {MOST + 1}"),
                ("features[2].columns", f"must be 1 to {MOST}, not 0"),
            ],
        ),
    ],
)
def test_what_is_wrong_with_a_field_of_a_layout_is_said(
    fields: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert violations(InvalidRequest, **fields) == [(f"seat_config.{field}", said) for field, said in expected]


def test_of_several_unknown_or_repeated_names_one_is_named() -> None:
    features = tuple(Feature("door", 1, 1, section) for section in ("c7", "c8", "c7"))
    assert violations(InvalidTrip, features=features) == [("seat_config.features", "there is no section 'c8'")]
    sections = tuple(map(Section, ("c9", "c9", "c10", "c10", "c10")))
    said = "section 'c10' is defined twice"
    assert violations(InvalidTrip, sections=sections) == [("seat_config.sections", said)]


def test_what_has_one_place_is_in_order_of_its_column_and_its_name() -> None:
    seats = tuple(Seat(name, "", 1, column) for name, column in (("a", 2), ("c", 1), ("b", 1)))
    features = tuple(Feature(kind, 1, column) for kind, column in (("a", 2), ("c", 1), ("b", 1)))
    trip = Trip(TripKey("org", "t"), route("AB"), seats, features=features)
    assert [seat.id for seat in trip.seats] == ["b", "c", "a"]
    assert [feature.kind for feature in trip.features] == ["b", "c", "a"]
