"""What a step makes of a hold: its seats, its prices, what it gave up and what for, and whom it names."""

from dataclasses import replace

import pytest

from travio_inventory.seats.hold import GIVEN_UP_MAX, Confirmed, Held, Hold, Passenger, Released, late_id
from travio_inventory.seats.refusals import InvalidSeats
from travio_inventory.seats.trip import Journey, TripKey
from verification.kit.trips import a_trip

ID = "t~0~" + "0" * 32
HOLD = Hold(
    ID, TripKey("org", "t"), "ann", ("A1", "A2", "A3"), (0, 0, 1), Journey(0, 1), 5, "c", Held(9),
    extensions=2, prices=(10, 20, 30), currency="EUR", given_up=("B1", "B2"), replaced=(("B1", "A3"),), moves=1,
)  # fmt: skip
NAMES = (Passenger("A1", "Ann", "1"), Passenger("A2", "Bob", "2"))
BOOKING = replace(HOLD, state=Confirmed("o", NAMES))
TRIP = a_trip("t", organization="org", stops="ABCD", seats=6, seats_per_group=2)
"""A1 to A6, two in a seat group."""


def test_a_hold_keeps_some_of_its_seats_by_one_more_extension() -> None:
    kept = HOLD.keeping({"A3", "A1"}, HOLD.state)
    assert kept == replace(
        HOLD, seats=("A1", "A3"), groups=(0, 1), prices=(10, 30), extensions=3, given_up=("B1", "B2", "A2")
    )
    assert kept.before is HOLD
    assert kept.given_back == ("B2", "A2")


def test_some_are_booked_with_those_who_sit_there() -> None:
    booked = HOLD.keeping(["A2"], Confirmed("o", NAMES))
    assert booked.passengers == NAMES[1:]
    assert booked == replace(
        HOLD, seats=("A2",), groups=(0,), prices=(20,), state=Confirmed("o"),
        given_up=("B1", "B2", "A1", "A3"),
    )  # fmt: skip
    assert booked.before is HOLD


def test_what_it_has_again_it_has_not_given_up() -> None:
    again = replace(HOLD, given_up=("A1", "B1"), replaced=(("A1", "A2"), ("B1", "A3")))
    kept = again.keeping({"A1"}, HOLD.state)
    assert (kept.given_up, kept.replaced) == (("B1", "A2", "A3"), (("B1", "A3"),))


def test_only_the_last_that_it_gave_up_are_known() -> None:
    many = tuple(f"C{number}" for number in range(GIVEN_UP_MAX))
    kept = replace(HOLD, given_up=many).keeping({"A1"}, HOLD.state)
    assert kept.given_up == (*many[2:], "A2", "A3")


def test_what_stays_keeps_its_price_and_passengers_go_where_their_seats_go() -> None:
    moved = BOOKING.moved({"A2": "A5", "A3": "A4"}, TRIP, Journey(1, 2))
    costs = (10, TRIP.seat("A4").price_minor, TRIP.seat("A5").price_minor)
    assert moved == replace(
        BOOKING, seats=("A1", "A4", "A5"), groups=(0, 1, 2), prices=costs, journey=Journey(1, 2),
        extensions=3, moves=2,
        given_up=("B1", "B2", "A2", "A3"), replaced=(("B1", "A3"), ("A2", "A5"), ("A3", "A4")),
    )  # fmt: skip
    assert moved.passengers == (NAMES[0], Passenger("A5", "Bob", "2"))
    assert moved.before is BOOKING


@pytest.mark.parametrize("prices", [(10, 20, 30), ()])
def test_in_another_vehicle_each_seat_keeps_its_price(prices: tuple[int, ...]) -> None:
    seated = replace(HOLD, prices=prices).reseated(("A6", "A1", "A4"), TRIP)
    assert (seated.seats, seated.groups) == (("A1", "A4", "A6"), (0, 1, 2))
    assert seated.prices == ((20, 30, 10) if prices else ())
    assert seated.replaced == (("B1", "A3"), ("A2", "A1"), ("A3", "A4"))
    assert (seated.extensions, seated.moves, seated.journey, seated.state) == (3, 2, HOLD.journey, HOLD.state)


def test_a_booking_forgets_whom_it_names_or_their_documents_alone() -> None:
    unnamed = BOOKING.unnamed()
    assert unnamed == replace(BOOKING, state=Confirmed("o"), extensions=3)
    assert (unnamed.before, unnamed.passengers) == (BOOKING, ())
    assert HOLD.unnamed() == replace(HOLD, extensions=3)
    assert BOOKING.without_national_ids() == BOOKING
    assert BOOKING.without_national_ids().passengers == (Passenger("A1", "Ann"), Passenger("A2", "Bob"))
    for nameless in (HOLD, replace(BOOKING, state=Confirmed("o"))):
        assert nameless.without_national_ids() is nameless


def test_it_is_unnamed_since_it_named_somebody_on_the_same_seats_and_journey() -> None:
    unnamed = replace(BOOKING, state=Confirmed("o"))
    assert unnamed.is_unnamed_since(BOOKING)
    assert not unnamed.is_unnamed_since(unnamed)
    assert not BOOKING.is_unnamed_since(BOOKING)
    assert not unnamed.is_unnamed_since(replace(BOOKING, journey=Journey(0, 0)))
    assert not unnamed.is_unnamed_since(replace(BOOKING, seats=("A1",)))


def test_a_late_booking_was_never_moved() -> None:
    late = HOLD.booked_late(late_id(ID), Confirmed("o"))
    assert late == replace(HOLD, id=late_id(ID), state=Confirmed("o"), extensions=3, moves=0)


def test_other_states_and_periods_change_nothing_else() -> None:
    assert HOLD.with_state(Released()) == replace(HOLD, state=Released())
    assert HOLD.extended(11) == replace(HOLD, state=Held(11), extensions=3)
    assert HOLD.in_period(3).period == 3
    assert (HOLD.by_house(), HOLD.by_house().is_by_house, HOLD.is_by_house) == (HOLD, True, False)


def test_seats_that_it_never_had_are_named() -> None:
    refused = HOLD.never_had({"Z2", "Z1"})
    assert isinstance(refused, InvalidSeats)
    assert [*refused.violations] == [("seat_ids", "the hold has the seats A1, A2, A3, not Z1, Z2")]
