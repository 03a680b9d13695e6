"""A plan is the same plan after it was written out and read."""

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.cli import examples
from travio_inventory.cli.trip_files import parse_trip
from travio_inventory.imports.plan_text import plan_json, plan_toml
from travio_inventory.imports.seat_plans import SeatPlan, plan_from, plan_of_trip
from travio_inventory.seats.layout import Feature, Seat, Section
from travio_inventory.seats.trip import ALL_IN_ONE_GROUP, OUR_CHOICE, read_definition
from verification.kit.trips import train

IDS = st.text("aA1-_{} é\\\"'=#.🚌", min_size=1, max_size=6).map(str.strip).filter(bool)
NUMBERS = st.one_of(
    st.text('A1 -_{}\\"\N{NO-BREAK SPACE}é', max_size=4),
    st.integers(0, 12).map(str),
    st.builds("{}{}".format, st.sampled_from(["A", "B-", "Balcony C-", "1-"]), st.integers(0, 12)),
)


@st.composite
def plans(draw: st.DrawFn) -> SeatPlan:
    """Seats wherever they may be, with any number on them."""
    classes = draw(st.lists(st.tuples(IDS, st.text("ab", max_size=2), st.integers(0, 9)), min_size=1, max_size=3))
    prefix, own = draw(st.sampled_from(["", "seat-", "{x}"])), draw(st.booleans())
    sections = draw(
        st.lists(
            st.builds(Section, IDS, st.text("ab", max_size=2), st.text("ab", max_size=2)),
            max_size=3,
            unique_by=lambda one: one.id,
        )
    )
    among = st.sampled_from([section.id for section in sections] or [""])
    row_labels = st.sampled_from(draw(st.lists(st.sampled_from(["", "A", "12-W", "1"]), min_size=1, max_size=3)))
    seats = {}
    for _ in range(draw(st.integers(1, 25))):
        seat_class, seat_type, price = draw(st.sampled_from(classes))
        number = draw(NUMBERS)
        seat_id = f"{prefix}{number}".strip() if own else draw(IDS)
        seats[seat_id or "x"] = Seat(
            seat_id or "x", number, draw(st.integers(0, 4)), draw(st.integers(0, 14)), seat_class, seat_type, price,
            draw(st.booleans()), draw(st.booleans()), draw(st.booleans()),
            draw(among), draw(row_labels), draw(st.sampled_from(["", "", "box"])),
        )  # fmt: skip
    features = st.builds(
        Feature, IDS, st.integers(0, 9), st.integers(0, 9), among, st.integers(1, 3), st.integers(1, 3), IDS
    )
    size = draw(st.sampled_from([OUR_CHOICE, ALL_IN_ONE_GROUP, 4]))
    return SeatPlan(
        draw(st.text('a"\\é', max_size=4)),
        tuple(seats.values()),
        draw(IDS),
        "EUR",
        size,
        sections=tuple(sections),
        features=tuple(draw(st.lists(features, max_size=3))),
    )


@pytest.mark.once
@given(plans())
def test_a_plan_is_the_same_after_it_was_written_as_toml(plan: SeatPlan) -> None:
    assert plan_from(tomllib.loads(plan_toml(plan)), source="x.toml") == plan


@pytest.mark.once
@given(plans())
def test_a_plan_is_the_same_after_it_was_written_as_json(plan: SeatPlan) -> None:
    assert plan_from(json.loads(plan_json(plan)), source="x.json") == plan


@pytest.mark.parametrize("name", examples.names())
def test_the_trip_of_an_example_is_the_same_with_its_plan_exported_and_after_it_was_stored(name: str) -> None:
    trip = parse_trip(examples.text(name), source=name)
    plan = plan_from(tomllib.loads(plan_toml(plan_of_trip(trip))), source="x.toml")
    assert plan.trip(trip.key, trip.segments, time_zone=trip.time_zone, station_names=trip.station_names) == trip
    assert read_definition(trip.definition) == trip


def test_a_section_may_begin_before_the_end_of_the_one_before() -> None:
    rows = (("a", 1), ("a", 4), ("b", 2), ("c", 4))
    plan = SeatPlan("p", tuple(Seat(f"{at}", f"{at}", row, 1, kind) for at, (kind, row) in enumerate(rows)))
    assert plan_from(tomllib.loads(plan_toml(plan)), source="x.toml") == plan


def test_rows_with_labels_are_written_compactly() -> None:
    text = plan_toml(plan_of_trip(train()))
    assert (
        """
[[sections]]
id = "c9"
label = "Car 9"
kind = "car"
class = "first"
type = "window"
price_minor = 2000
seat_id = "c9-{row}{column}"
seat_number = "{column}"
rows = [
  { row = "1", seats = "A B" },
]
features = [
  { kind = "toilet", row = 3, column = 1, columns = 2, label = "WC" },
]
"""
        in text
    )


def test_rows_are_written_compactly() -> None:
    seats = [Seat(f"hall/A{number}", f"A{number}", 1, number + (number > 3), "stalls") for number in range(1, 7)]
    seats.append(Seat("hall/box", "box", 3, 1, "stalls"))
    text = plan_toml(SeatPlan("p", tuple(seats), currency="EUR"))
    assert (
        text
        == """\
[plan]
name = "p"
currency = "EUR"

[[sections]]
id = "1"
class = "stalls"
price_minor = 0
seat_id = "hall/{row}{column}"
rows = [
  { row = "A", seats = "1-3 _ 4-6" },
  { at = 3, seats = "box" },
]
"""
    )
