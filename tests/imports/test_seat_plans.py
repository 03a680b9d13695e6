"""Seat plans: what they have, and what is said of one that is wrong."""

import json
import tomllib
from pathlib import Path

import pytest

from travio_inventory.cli import examples
from travio_inventory.imports.documents import FILE_BYTES_MAX, WrongFile
from travio_inventory.imports.plan_text import plan_toml
from travio_inventory.imports.seat_plans import SeatPlan, plan_from, plan_of_trip, read_plan
from travio_inventory.seats.layout import Feature, Section
from travio_inventory.seats.route import Segment
from travio_inventory.seats.trip import ALL_IN_ONE_GROUP, Trip, TripKey

HALL = """
[plan]
name = "hall"
[[sections]]
id = "s"
price_minor = 5
rows = [
  { row = "A", first_column = 2, seats = "1-3 _ 4", power = true },
  { row = "AA", at = 4, seats = ["1", 2, "12-W", "1 2"], ids = ["x", "y", "z"], accessible = "12-W" },
]
"""


def hall(text: str = HALL) -> SeatPlan:
    return plan_from(tomllib.loads(text), source="hall.toml")


def test_listed_rows_have_their_seats_at_their_places() -> None:
    assert [(seat.id, seat.number, seat.row, seat.column) for seat in hall().seats] == [
        ("hall-s-A-1", "A1", 1, 2),
        ("hall-s-A-2", "A2", 1, 3),
        ("hall-s-A-3", "A3", 1, 4),
        ("hall-s-A-4", "A4", 1, 6),
        ("x", "AA1", 4, 1),
        ("y", "AA12-W", 4, 4),
        ("z", "AA1 2", 4, 5),
    ]
    assert [seat.id for seat in hall().seats if seat.is_accessible] == ["y"]
    assert sum(seat.has_power for seat in hall().seats) == 4


def test_a_section_begins_behind_the_last_row_of_the_one_before() -> None:
    more = HALL + '[[sections]]\nid = "t"\nprice_minor = 1\nrows = "1-2"\ncolumns = "A"\n'
    assert [seat.row for seat in hall(more).seats][-2:] == [6, 7]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('name = "hall"', "", "hall.toml: plan.name: is missing"),
        ('name = "hall"', 'name = "h"\nid = "h"', "hall.toml: plan.id: no such field"),
        ('seats = "1-3 _ 4"', 'seats = "1 2 1"', "hall.toml: sections[0].rows[0].seats: '1' is there twice"),
        ('seats = "1-3 _ 4"', 'seats = "3-1"', "sections[0].rows[0].seats: '3-1' is no range of seats"),
        ('seats = "1-3 _ 4"', 'seats = "1-9999999"', "sections[0].rows[0].seats: '1-9999999' is no range of seats"),
        ('seats = "1-3 _ 4"', 'seats = "_"', "sections[0].rows[0].seats: has no seat"),
        ('seats = "1-3 _ 4"', "seats = 4", "sections[0].rows[0].seats: must be text as in"),
        ('seats = "1-3 _ 4"', "seats = [true]", "seats[0]: must be a label, or a number of empty places, not True"),
        (', seats = "1-3 _ 4"', "", "sections[0].rows[0].seats: is missing"),
        ("first_column = 2", "first_column = -1", "sections[0].rows[0].first_column: must be 0 to"),
        ("first_column = 2", "colour = 2", "sections[0].rows[0].colour: no such field"),
        ("power = true", 'power = "1 9"', "sections[0].rows[0].power: '9' is no seat of this row"),
        ('ids = ["x", "y", "z"]', 'ids = ["x"]', "sections[0].rows[1].ids: has 1 ids for 3 seats"),
        ('ids = ["x", "y", "z"]', 'ids = ["x", "y", 3]', "sections[0].rows[1].ids[2]: must be text, not 3"),
        ('ids = ["x", "y", "z"]', 'ids = ["x", "y", "y"]', "hall.toml: sections: seat 'y' is defined twice"),
        ("price_minor = 5", "price_minor = -5", "hall.toml: sections[0].price_minor: must be 0 to"),
    ],
)
def test_a_wrong_plan_is_named_with_table_field_and_value(before: str, after: str, said: str) -> None:
    assert HALL.count(before) == 1
    with pytest.raises(WrongFile) as wrong:
        hall(HALL.replace(before, after))
    assert said in str(wrong.value)


def test_numbers_of_a_range_may_be_long() -> None:
    assert [seat.number for seat in hall(HALL.replace('"1-3 _ 4"', '"10001-10002"')).seats][:2] == ["A10001", "A10002"]


def test_a_plan_that_was_exported_is_read_though_it_lists_the_id_of_each_seat(tmp_path: Path) -> None:
    path = tmp_path / "hall.toml"
    path.write_text(HALL + "#" * FILE_BYTES_MAX)
    assert read_plan(path).seats == hall().seats


def test_a_grid_of_more_seats_than_any_trip_is_refused_before_it_is_made() -> None:
    with pytest.raises(WrongFile, match="more than 100000 seats"):
        hall('[plan]\nname="x"\n[[sections]]\nid="s"\nprice_minor=1\nrows="1-9999"\ncolumns="ABCDEFGHIJK"\n')


CARS = """
[plan]
name = "two cars"
[[sections]]
id = "1"
label = "Car 1"
kind = "car"
price_minor = 5
seat_number = "{column}"
rows = [
  { row = "AA", seats = "A _ B", seat_labels = ["", "the conductor's"] },
  { row = "33", label = "last", seats = "A" },
]
features = [{ kind = "door", row = 1, column = 2 }, { kind = "table", row = 3, column = 1, columns = 3, label = "T" }]
[[sections]]
id = "diner"
kind = "car"
features = [{ kind = "kitchen", row = 1, column = 1 }]
[[sections]]
id = "2"
price_minor = 5
rows = "1-2"
columns = "A"
[[sections]]
id = "2"
price_minor = 7
rows = "3"
columns = "A"
"""


def test_tables_with_labels_are_sections_with_rows_of_their_own() -> None:
    cars = hall(CARS)
    assert cars.sections == (Section("1", "Car 1", "car"), Section("diner", "", "car"), Section("2"))
    assert [(seat.id, seat.section, seat.row, seat.row_label, seat.label) for seat in cars.seats] == [
        ("two cars-1-AA-A", "1", 1, "AA", ""),
        ("two cars-1-AA-B", "1", 1, "AA", "the conductor's"),
        ("two cars-1-33-A", "1", 2, "last", ""),
        ("two cars-2-1-A", "2", 1, "1", ""),
        ("two cars-2-2-A", "2", 2, "2", ""),
        ("two cars-2-3-A", "2", 4, "3", ""),
    ]
    assert cars.features == (
        Feature("door", 1, 2, "1"),
        Feature("table", 3, 1, "1", columns=3, label="T"),
        Feature("kitchen", 1, 1, "diner"),
    )
    assert plan_from(tomllib.loads(plan_toml(cars)), source="again.toml") == cars


def test_a_section_has_one_label() -> None:
    with pytest.raises(WrongFile, match=r"sections\[3\].label: section '2' has another label above: ''"):
        hall(CARS.replace('rows = "3"', 'label = "Car 2"\nrows = "3"'))


def test_a_plan_may_be_json(tmp_path: Path) -> None:
    path = tmp_path / "hall.JSON"
    path.write_text(json.dumps(tomllib.loads(HALL)))
    assert read_plan(path) == hall()
    path.write_text("[1]")
    with pytest.raises(WrongFile, match=r"hall\.JSON: must be an object, not \[1\]"):
        read_plan(path)
    path.write_text("{")
    with pytest.raises(WrongFile, match=r"hall\.JSON: not JSON: "):
        read_plan(path)
    path.write_text('{"name": "a", "name": "b"}')
    with pytest.raises(WrongFile, match=r"hall\.JSON: not JSON: an object names 'name' twice"):
        read_plan(path)


def test_all_seats_of_a_plan_may_be_one_seat_group() -> None:
    assert hall(HALL.replace("name", 'seats_per_group = "all"\nname')).seats_per_group == ALL_IN_ONE_GROUP


def test_the_plan_of_a_trip_makes_the_same_trip() -> None:
    route = (Segment("a", "b"), Segment("b", "c"))
    trip = Trip(TripKey("o", "t"), route, hall().seats, 3, "v", "bus", "EUR")
    assert plan_of_trip(trip).trip(trip.key, route) == trip


@pytest.mark.parametrize("name", ["bus", "theatre"])
def test_the_examples_are_plans(name: str) -> None:
    assert len(plan_from(tomllib.loads(examples.plan_text(name)), source=name).seats) > 30
