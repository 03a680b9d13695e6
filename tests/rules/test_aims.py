"""What a step makes of a hold: of all its seats, or of some of them."""

from collections.abc import Collection
from dataclasses import replace

import pytest

from travio_inventory.protocol.steps.aims import aim_at, has_more, is_done
from travio_inventory.seats.hold import (
    Aborted,
    Cancelled,
    Confirmed,
    Expired,
    Forgotten,
    Held,
    Hold,
    HoldState,
    Released,
)
from travio_inventory.seats.refusals import InvalidSeats
from travio_inventory.seats.trip import Journey, TripKey

HOLD = Hold(
    f"t~0~{'0' * 32}", TripKey("org", "t"), "ann", ("A1", "A2", "B1"), (0, 0, 1), Journey(0, 0), 1, "", Held(9),
    prices=(5, 6, 7), given_up=("C1",),
)  # fmt: skip
BOOKED = replace(HOLD, state=Confirmed("o"))
ALL = ("B1", "A1", "A2")


@pytest.mark.parametrize("parts", [None, ALL, (*ALL, "C1")])
def test_a_step_of_all_seats_is_one_of_the_hold(parts: Collection[str] | None) -> None:
    assert aim_at(HOLD, Released(), parts) == HOLD.with_state(Released())
    assert aim_at(BOOKED, Cancelled(""), parts) == HOLD.with_state(Cancelled("o"))


@pytest.mark.parametrize("parts", [None, ALL])
def test_all_seats_are_booked(parts: Collection[str] | None) -> None:
    assert aim_at(HOLD, Confirmed("o"), parts) == BOOKED


def test_some_seats_are_given_back_and_the_others_stay() -> None:
    left = aim_at(HOLD, Released(), ("A2", "C1"))
    assert left == HOLD.keeping(("A1", "B1"), HOLD.state)
    left = aim_at(BOOKED, Cancelled(""), ("A2",))
    assert left == BOOKED.keeping(("A1", "B1"), BOOKED.state)
    assert aim_at(HOLD, Released(), ("C1",)) is None
    assert aim_at(BOOKED, Cancelled(""), ("C1",)) is None


def test_some_seats_are_booked_and_the_others_given_back() -> None:
    booking = aim_at(HOLD, Confirmed("o"), ("A2",))
    assert booking is not None
    assert (booking.seats, booking.state, booking.given_up) == (("A2",), Confirmed("o"), ("C1", "A1", "B1"))


@pytest.mark.parametrize("parts", [("C1",), ("A1", "C1"), (*ALL, "C1")])
def test_what_was_given_up_is_not_booked(parts: Collection[str]) -> None:
    with pytest.raises(InvalidSeats, match="A1, A2, B1, not C1"):
        aim_at(HOLD, Confirmed("o"), parts)


@pytest.mark.parametrize("hold", [HOLD, BOOKED, HOLD.with_state(Released()), HOLD.with_state(Expired(9))])
@pytest.mark.parametrize("state", [Released(), Cancelled(""), Confirmed("o")])
def test_seats_that_it_never_had_are_refused_whatever_became_of_it(hold: Hold, state: HoldState) -> None:
    with pytest.raises(InvalidSeats, match="A1, A2, B1, not D1, D2"):
        aim_at(hold, state, ("D2", "A1", "D1"))


def test_a_seat_that_it_got_another_for_is_not_given_back_by_its_name() -> None:
    moved = replace(HOLD, given_up=("C1", "D1"), replaced=(("D1", "A1"),))
    for hold, aim in ((moved, Released()), (replace(moved, state=Confirmed("o")), Cancelled(""))):
        with pytest.raises(InvalidSeats, match="not D1"):
            aim_at(hold, aim, ("D1",))
    assert aim_at(replace(moved, state=Confirmed("o")), Confirmed("o"), ("D1", "A2", "B1")) is None


@pytest.mark.parametrize("state", [Aborted("retry"), Forgotten()])
def test_what_never_was_has_no_seats_to_name(state: HoldState) -> None:
    assert aim_at(HOLD.with_state(state), Released(), ("D1",)) is None


@pytest.mark.parametrize("parts", [None, ("A1",)])
def test_a_step_leads_only_from_the_state_before_it(parts: Collection[str] | None) -> None:
    for state in (Released(), Expired(9), Cancelled("o")):
        for aim in (Released(), Confirmed("o"), Cancelled("")):
            assert aim_at(HOLD.with_state(state), aim, parts) is None
    assert aim_at(HOLD, Cancelled(""), parts) is None
    assert aim_at(BOOKED, Released(), parts) is None
    assert aim_at(BOOKED, Confirmed("o"), parts) is None


def test_a_step_of_some_seats_is_done_once_they_are_given_up() -> None:
    assert is_done(HOLD, ("C1",))
    assert not is_done(HOLD, ("C1", "A1"))
    assert not is_done(HOLD, None)


def test_a_booking_of_more_seats_is_not_that_of_some_unless_it_was_moved() -> None:
    assert has_more(BOOKED, ("A1", "A2"))
    assert not has_more(BOOKED, ALL)
    assert not has_more(BOOKED, (*ALL, "C1"))
    assert not has_more(BOOKED, None)
    assert not has_more(replace(BOOKED, moves=1), ("A1", "A2"))
