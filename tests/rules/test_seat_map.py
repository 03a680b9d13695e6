"""The states of a seat group's cells, encoded in bytes, and the resulting states for a journey."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.seats.offer import SalesState
from travio_inventory.seats.seat import AVAILABLE, BLOCKED, SOLD, HeldUntil, SeatState
from travio_inventory.seats.seat_map import SeatMap, encode_states, stale_ms
from travio_inventory.seats.trip import Journey
from verification.kit.trips import a_trip, train

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
    assert encode_states([SOLD] * 0xFFFF) == b"\xff\xff" + b"s" * 0xFFFF


@pytest.mark.parametrize(
    "seats",
    [
        [AVAILABLE] * 96 + [SOLD],  # the number of cells has the byte of a free one
        [AVAILABLE] * 3 + [HeldUntil(ord("a"))],  # as a moment may have
        [SOLD] * 7 + [HeldUntil(int.from_bytes(b"a" * 8))],
    ],
)
def test_a_seat_group_is_free_only_if_its_cells_are(seats: list[SeatState]) -> None:
    shown = SeatMap(a_trip(stops="AB", seats=len(seats), seats_per_group=100), Journey(0, 0), (encode_states(seats),))
    assert list(shown.states()) == seats


def test_an_unknown_state_is_an_error() -> None:
    lost: Any = "lost"
    with pytest.raises(AssertionError, match="lost"):
        encode_states([SOLD, lost])


def test_a_map_of_fewer_seats_than_the_trip_has_is_a_mistake() -> None:
    full = a_map([(AVAILABLE,) * 3] * 2, Journey(0, 0), per_group=1)
    with pytest.raises(ValueError, match="zip"):
        list(SeatMap(full.trip, full.journey, full.groups[:1]).seats())


def of_train(section: str, **sale: Any) -> SeatMap:  # noqa: ANN401 - any field
    """A map of the section, of the seat groups that have seats of it; the n-th seat of the trip is held until n, and
    the first is free.
    """
    trip = train()
    size, cells = trip.seats_per_group, len(trip.segments)
    shown: list[SeatState] = [AVAILABLE, *map(HeldUntil, range(1, len(trip.seats)))]
    starts = range(0, len(shown), size)
    groups = [encode_states([each for each in shown[start : start + size] for _ in range(cells)]) for start in starts]
    places = trip.places_in(section)
    own = groups[places.start // size : (places.stop - 1) // size + 1]
    return SeatMap(trip, Journey(0, cells - 1), tuple(own), section, **sale)


def test_a_map_of_a_section_has_its_seats_alone_also_where_a_seat_group_has_others() -> None:
    first, second = of_train("c10"), of_train("c9")
    assert list(first.states()) == [AVAILABLE, *map(HeldUntil, (1, 2, 3))]
    assert list(second.states()) == [*map(HeldUntil, (4, 5, 6, 7))]
    assert [seat.id for seat, _ in second.seats()] == ["c9-1A", "c9-1B", "c9-2A", "c9-2B"]
    assert [first.part(index) for index in (0, 1)] == [
        (0, [AVAILABLE, HeldUntil(1), HeldUntil(2)]),
        (3, [HeldUntil(3)]),
    ]
    assert [second.part(index) for index in (0, 1)] == [
        (0, [HeldUntil(4), HeldUntil(5)]),
        (2, [HeldUntil(6), HeldUntil(7)]),
    ]


@pytest.mark.parametrize("sale", [{"state": SalesState.CLOSED}, {"has_departed": True}])
def test_what_is_free_on_a_journey_that_is_not_sold_is_off_sale(sale: dict[str, Any]) -> None:
    shown = of_train("c10", **sale)
    assert list(shown.states()) == [BLOCKED, *map(HeldUntil, (1, 2, 3))]
    assert shown.part(0) == (0, [BLOCKED, HeldUntil(1), HeldUntil(2)])


@pytest.mark.parametrize(
    ("groups", "times"), [(1, 1), (512, 1), (513, 2), (1_024, 2), (1_025, 3), (512 * 15, 15), (512 * 15 + 1, 15)]
)
def test_a_map_of_many_seat_groups_may_be_older(groups: int, times: int) -> None:
    assert stale_ms(7, groups) == 7 * times
