"""The drawing of seats: each one once, in its place, within the width."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.typed import EXAMPLES
from travio_inventory.cli.seat_drawing import (
    PAINTS,
    DrawnFeature,
    DrawnSeat,
    DrawnState,
    Vehicle,
    counts,
    draw,
    legend,
    plain,
)
from travio_inventory.cli.trip_files import read_trip
from travio_inventory.cli.vehicles import drawn_seat, drawn_vehicle
from verification.kit.trips import train as two_cars

DRAWN_STATES = st.sampled_from([DrawnState.FREE, DrawnState.HELD, DrawnState.BOOKED, DrawnState.BLOCKED])
PLACES = st.tuples(st.integers(1, 60), st.integers(1, 9))


@st.composite
def vehicles(draw_value: st.DrawFn) -> list[DrawnSeat]:
    """Seats at places of their own, whatever is printed on them."""
    places = draw_value(st.sets(PLACES, min_size=1, max_size=80))
    return [
        DrawnSeat(
            id=f"{row}-{column}",
            number=draw_value(st.text("0123456789", max_size=8)),
            row=row,
            column=column,
            state=draw_value(DRAWN_STATES),
        )
        for row, column in places
    ]


@given(vehicles(), st.integers(1, 200))
def test_no_line_is_wider_than_the_terminal(seats: list[DrawnSeat], width: int) -> None:
    for fancy in (True, False):
        lines = draw(Vehicle(seats, "train"), width=width, fancy=fancy)
        assert all(len(plain(line)) <= max(width, 20) for line in lines)


@given(vehicles(), st.integers(1, 200))
def test_every_seat_is_drawn_once_in_its_state(seats: list[DrawnSeat], width: int) -> None:
    text = "\n".join(map(plain, draw(Vehicle(seats), width=width, fancy=True)))
    assert {
        state: text.count(PAINTS[state].glyph) for state in DrawnState if state is not DrawnState.UNKNOWN
    } == counts(seats)


def test_seats_without_places_stand_apart_in_their_order() -> None:
    """As those of a trip that is opened over HTTP by the ids of its seats alone."""
    nowhere = [
        DrawnSeat(f"A{at}", f"A{at}", 0, 0, DrawnState.FREE, section=section) for section in "ab" for at in range(11)
    ]
    for seats in (nowhere, [replace(seat, section="") for seat in nowhere]):
        titles = {section: section.upper() for section in "ab"} if seats is nowhere else {}
        lines = draw(Vehicle(seats, titles=titles), width=80, fancy=False)
        assert sum(plain(line).count(".") for line in lines) == len(seats)


def test_a_coach_is_drawn_lengthways_with_its_aisle() -> None:
    taken = {"A1": DrawnState.BOOKED, "A2": DrawnState.HELD, "B3": DrawnState.BLOCKED}
    places = [
        (f"{row}{column}", at, column + (column > 2)) for at, row in enumerate("ABC", 1) for column in range(1, 5)
    ]
    seats = [DrawnSeat(name, name, row, column, taken.get(name, DrawnState.FREE)) for name, row, column in places]
    assert [plain(line) for line in draw(Vehicle(seats), width=80, fancy=False)] == [
        "  A B C",
        "1 B . .",
        "2 h . .",
        "",
        "3 . x .",
        "4 . . .",
    ]
    assert plain(legend(Vehicle(seats), fancy=False)) == ". 9 free   h 1 held   B 1 booked   x 1 blocked"


def test_a_train_is_drawn_car_by_car_and_folds() -> None:
    train = read_trip(EXAMPLES / "shinkansen.toml")
    seats = [drawn_seat(seat, DrawnState.FREE) for seat in train.seats]
    vehicle = drawn_vehicle(seats, "train", train.sections, train.features)
    wide = [plain(line) for line in draw(vehicle, width=160, fancy=False)]
    narrow = [plain(line) for line in draw(vehicle, width=40, fancy=False)]
    for lines in (wide, narrow):
        text = "\n".join(lines)
        assert text.count(".") == 1_323
        assert [f"Car {car}" in text for car in range(1, 17)] == [True] * 16
    assert len(narrow) > 2 * len(wide)
    assert wide[1].startswith("  1   5    10")


def test_the_marked_seat_is_set_off() -> None:
    seats = [DrawnSeat(name, name, 1, column, DrawnState.FREE) for column, name in enumerate("ab", 1)]
    styles = [
        span.style
        for line in draw(Vehicle(seats), width=80, fancy=True, marked="b")
        for span in line
        if "□" in span.text
    ]
    assert styles == ["green", "green reverse"]


def test_sections_are_drawn_one_by_one_with_what_is_no_seat() -> None:
    """Both cars have rows 1 and 2; the toilet is behind the second row of car 9."""
    trip = two_cars()
    seats = [drawn_seat(seat, DrawnState.FREE) for seat in trip.seats]
    vehicle = drawn_vehicle(seats, trip.vehicle_type, trip.sections, trip.features)
    assert [plain(line) for line in draw(vehicle, width=80, fancy=False)] == [
        "Car 10   Car 9",
        "  1 2      1 2",
        "A . .    A . . +",
        "B . .    B . . +",
    ]
    assert plain(legend(vehicle, fancy=False)).endswith("+ toilet")


def test_a_feature_is_cut_to_the_seats_beside_it_and_hides_none() -> None:
    seats = [DrawnSeat("a", "a", 5, 5, DrawnState.FREE), DrawnSeat("b", "b", 6, 5, DrawnState.BOOKED)]
    stage = DrawnFeature("stage", "", 0, 0, 100_000, 100_000)
    drawing = [plain(line) for line in draw(Vehicle(seats, features=[stage]), width=80, fancy=False)]
    assert drawing[1:] == [" ++++", " +.B+", " ++++"]
