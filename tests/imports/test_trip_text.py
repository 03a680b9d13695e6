"""A trip is the same trip after it was written as a trip file and read."""

import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.imports.test_plan_text import IDS, plans
from travio_inventory.cli import examples
from travio_inventory.cli.trip_files import parse_trip, read_trip, trip_from_toml
from travio_inventory.imports.documents import write_new
from travio_inventory.imports.plan_text import plan_toml
from travio_inventory.imports.seat_plans import SeatPlan, plan_of_trip
from travio_inventory.imports.trip_text import trip_toml
from travio_inventory.seats.route import Direction, Segment, StationName
from travio_inventory.seats.trip import Trip, TripKey

STATIONS = "abcdé"


@st.composite
def routes(draw: st.DrawFn) -> tuple[Segment, ...]:
    """Loops too, with some times, and directions however they come."""
    stops = draw(st.lists(st.sampled_from(STATIONS), min_size=2, max_size=7))
    stops = [stop for at, stop in enumerate(stops) if not at or stop != stops[at - 1]]
    times = sorted(draw(st.lists(st.integers(1, 253_402_300_799), min_size=2 * len(stops), max_size=2 * len(stops))))
    known = draw(st.lists(st.booleans(), min_size=len(times), max_size=len(times)))
    at = [time if is_known else 0 for time, is_known in zip(times, known, strict=True)]
    ends = [*pairwise(stops)] or [("a", "b")]
    directions = draw(st.lists(st.sampled_from(Direction), min_size=len(ends), max_size=len(ends)))
    return tuple(
        Segment(*end, at[2 * number], at[2 * number + 1], ahead)
        for number, (end, ahead) in enumerate(zip(ends, directions, strict=True))
    )


@pytest.mark.once
@settings(max_examples=20)
@given(plans(), routes(), IDS, st.sampled_from(["", "Asia/Dhaka"]), st.booleans())
def test_a_trip_is_the_same_after_it_was_written(
    plan: SeatPlan, segments: tuple[Segment, ...], name: str, time_zone: str, are_named: bool
) -> None:
    names = [StationName(station, name) for station in {each.origin for each in segments} if are_named]
    trip = plan.trip(TripKey("org", name), segments, time_zone=time_zone, station_names=tuple(names))
    assert same(trip, trip_toml(trip))


def test_the_trip_of_an_example_is_the_same_after_it_was_written_also_with_its_seats_apart(tmp_path: Path) -> None:
    trip = parse_trip(examples.text("launch"), source="launch.toml")
    assert same(trip, trip_toml(trip))
    write_new(tmp_path / "seats.toml", plan_toml(plan_of_trip(trip)))
    write_new(tmp_path / "trip.toml", trip_toml(trip, seat_plan="seats.toml"))
    assert read_trip(tmp_path / "trip.toml") == trip


def same(trip: Trip, text: str) -> bool:
    return trip_from_toml(tomllib.loads(text), source="x.toml").definition == trip.definition
