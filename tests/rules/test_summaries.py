"""The seats of a trip in numbers, by section and class."""

from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.seats.seat import AVAILABLE, BLOCKED, SOLD, HeldUntil, SeatState
from travio_inventory.seats.seat_map import SeatMap, encode_states
from travio_inventory.seats.summary import ClassSummary, summaries
from travio_inventory.seats.trip import Journey, Trip
from travio_inventory.seats.use_cases.summarize_trip import TripSummary
from verification.kit.trips import a_trip, train

HELD = HeldUntil(1)
LETTERS: dict[str, SeatState] = {".": AVAILABLE, "h": HELD, "S": SOLD, "x": BLOCKED}


def drawn(trip: Trip, states: str) -> SeatMap:
    """The trip's seats in layout order with these states, on its first segment; free on the others."""
    others = [AVAILABLE] * (len(trip.segments) - 1)
    cells = [[LETTERS[letter], *others] for letter in states]
    size = trip.seats_per_group
    groups = [cells[at : at + size] for at in range(0, len(cells), size)]
    return SeatMap(
        trip, Journey(0, 0), tuple(encode_states([state for seat in group for state in seat]) for group in groups)
    )


def test_each_class_of_a_section_is_counted_by_itself() -> None:
    """Car 10: row 1 in first class, row 2 in second; then car 9."""
    assert summaries(drawn(train(), "..hSx.S.")) == (
        ClassSummary("c10", "first", free=2, largest_run=2, lowest_price_minor=2_000),
        ClassSummary("c10", "second", held=1, sold=1),
        ClassSummary("c9", "first", free=1, blocked=1, largest_run=1, lowest_price_minor=2_000),
        ClassSummary("c9", "second", free=1, sold=1, largest_run=1, lowest_price_minor=1_000),
    )


@pytest.mark.parametrize(
    ("columns", "states", "largest"),
    [
        ((1, 2, 3, 4), "....", 4),
        ((1, 2, 4, 5), "....", 2),  # an aisle
        ((1, 2, 3, 4), ".S..", 2),
        ((1, 2, 3, 4), "SSSS", 0),
        ((2, 3, 4, 9), "...S", 3),
    ],
)
def test_the_largest_run_is_of_free_neighbours(columns: tuple[int, ...], states: str, largest: int) -> None:
    seats = [replace(seat, row=7, column=column) for seat, column in zip(a_trip(seats=4).seats, columns, strict=True)]
    [summary] = summaries(drawn(a_trip(seats=[replace(seat, seat_class="") for seat in seats]), states))
    assert summary.largest_run == largest


@pytest.mark.parametrize("shared", [{"row": 1, "seat_class": ""}, {"seat_class": ""}, {"row": 1}])
def test_a_run_does_not_go_on_in_another_section_row_or_class(shared: dict[str, Any]) -> None:
    """The seats have columns that follow one another: in two sections, in two rows of each, in two classes of each."""
    seats = [replace(seat, column=at, **shared) for at, seat in enumerate(train().seats, 1)]
    lines = summaries(drawn(replace(train(), seats=tuple(seats)), "." * 8))
    assert {line.largest_run for line in lines} == {4 if len(shared) == 2 else 2}


@given(st.text(".hSx", min_size=8, max_size=8), st.integers(1, 8))
def test_the_parts_of_a_summary_are_the_whole(states: str, per_group: int) -> None:
    """However seat groups and sections lie to one another."""
    seat_map = drawn(train(per_group=per_group), states)
    parts = list(TripSummary(seat_map).parts())
    assert [part.section for part in parts] == ["c10", "c9"]
    assert [pair for part in parts for pair in part.seats()] == list(seat_map.seats())
    assert tuple(line for part in parts for line in summaries(part)) == summaries(seat_map)
    of_one = replace(parts[1], section="c9")
    assert list(TripSummary(of_one).parts()) == [of_one]
    for letter, field in zip(".hSx", ("free", "held", "sold", "blocked"), strict=True):
        assert sum(getattr(line, field) for line in summaries(seat_map)) == states.count(letter)
    runs = [len(list(run)) for free, run in groupby(states[:2]) if free == "."]
    assert summaries(seat_map)[0].largest_run == max(runs, default=0)


def test_a_trip_without_sections_has_a_line_for_each_class() -> None:
    lines = summaries(drawn(a_trip(seats=6), "......"))
    assert [(line.section, line.seat_class, line.free) for line in lines] == [("", "first", 4), ("", "second", 2)]


def test_the_lowest_price_is_that_of_any_free_seat() -> None:
    trip = a_trip(seats=4, seats_per_group=4)
    seats = tuple(
        replace(seat, seat_class="", price_minor=price) for seat, price in zip(trip.seats, (5, 7, 3, 9), strict=True)
    )
    (of_all,) = summaries(drawn(replace(trip, seats=seats), "...."))
    assert of_all.lowest_price_minor == 3
    (of_three,) = summaries(drawn(replace(trip, seats=seats), "..S."))
    assert of_three.lowest_price_minor == 5
