"""The states of a seat group's cells, encoded in bytes, and the resulting states for a journey."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.seats.seat import AVAILABLE, BLOCKED, SOLD, HeldUntil, SeatState
from travio_inventory.seats.seat_map import SeatMap, encode_states
from travio_inventory.seats.trip import Journey
from verification.kit.trips import a_trip

SEGMENTS = 3
states = st.sampled_from([AVAILABLE, SOLD, BLOCKED]) | st.integers(0, 2**64 - 1).map(HeldUntil)
"""Three segments of a seat."""
seat_states = st.lists(st.tuples(states, states, states), min_size=1, max_size=7)
journeys = st.integers(0, SEGMENTS - 1).flatmap(lambda first: st.builds(Journey, st.just(first), st.integers(first, 2)))


def a_map(seats: list[tuple[SeatState, ...]], journey: Journey, *, per_group: int) -> SeatMap:
    trip = a_trip(stops="ABCD", seats=len(seats), seats_per_group=per_group)
    cut = [seats[start : start + per_group] for start in range(0, len(seats), per_group)]
    return SeatMap(trip, journey, tuple(encode_states([cell for seat in group for cell in seat]) for group in cut))


def of_all(cells: tuple[SeatState, ...]) -> SeatState:
    """The state of a seat on these segments together."""
    for state in (BLOCKED, SOLD):
        if state in cells:
            return state
    return max(
        (cell for cell in cells if isinstance(cell, HeldUntil)), key=lambda held: held.until_ms, default=AVAILABLE
    )


@given(seat_states, journeys, st.integers(1, 7))
def test_a_map_shows_the_strongest_state_of_all_cells_of_the_journey(
    seats: list[tuple[SeatState, ...]], journey: Journey, per_group: int
) -> None:
    shown = a_map(seats, journey, per_group=per_group)
    expected = [of_all(cells[journey.first : journey.last + 1]) for cells in seats]
    assert list(shown.states()) == expected
    assert list(shown.seats()) == list(zip(shown.trip.seats, expected, strict=True))


@pytest.mark.parametrize(
    ("journey", "shown"),
    [
        (Journey(0, 0), [AVAILABLE, HeldUntil(5), SOLD, BLOCKED]),
        (Journey(1, 1), [HeldUntil(1), SOLD, HeldUntil(3), AVAILABLE]),
        (Journey(2, 2), [HeldUntil(2), BLOCKED, AVAILABLE, HeldUntil(4)]),
        (Journey(0, 1), [HeldUntil(1), SOLD, SOLD, BLOCKED]),
        (Journey(1, 2), [HeldUntil(2), BLOCKED, HeldUntil(3), HeldUntil(4)]),
        (Journey(0, 2), [HeldUntil(2), BLOCKED, SOLD, BLOCKED]),
    ],
)
@pytest.mark.parametrize("per_group", [1, 3, 4])
def test_a_map_of_one_journey_is_not_that_of_another(journey: Journey, shown: list[SeatState], per_group: int) -> None:
    seats: list[tuple[SeatState, ...]] = [
        (AVAILABLE, HeldUntil(1), HeldUntil(2)),
        (HeldUntil(5), SOLD, BLOCKED),
        (SOLD, HeldUntil(3), AVAILABLE),
        (BLOCKED, AVAILABLE, HeldUntil(4)),
    ]
    assert list(a_map(seats, journey, per_group=per_group).states()) == shown


def test_a_cell_is_a_byte_and_a_held_one_eight_more() -> None:
    assert encode_states([AVAILABLE, HeldUntil(1), SOLD, BLOCKED, HeldUntil(2**64 - 1)]) == (
        b"\0\x05ahsbh" + bytes(7) + b"\x01" + b"\xff" * 8
    )
    assert encode_states([AVAILABLE] * 300) == b"\x01\x2c" + b"a" * 300
    assert encode_states([AVAILABLE] * 0xFFFF) == b"\xff\xff" + b"a" * 0xFFFF


def test_an_unknown_state_is_an_error() -> None:
    lost: Any = "lost"
    with pytest.raises(AssertionError, match="lost"):
        encode_states([SOLD, lost])


def test_a_map_of_fewer_seats_than_the_trip_has_is_a_mistake() -> None:
    full = a_map([(AVAILABLE,) * 3] * 2, Journey(0, 0), per_group=1)
    with pytest.raises(ValueError, match="zip"):
        list(SeatMap(full.trip, full.journey, full.groups[:1]).seats())
