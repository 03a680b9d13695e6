"""When a journey is sold, how a trip is opened, and what may be changed of it."""

from dataclasses import replace

import pytest

from travio_inventory.kernel.checking import VIOLATIONS_MAX
from travio_inventory.seats.explanation import Source, Trace, in_order
from travio_inventory.seats.offer import Offer, SalesState, Swap, TripChange, check_sale
from travio_inventory.seats.opening import Opening, Portions
from travio_inventory.seats.refusals import Departed, InvalidTrip, SalesClosed
from travio_inventory.seats.route import Segment
from travio_inventory.seats.trip import Journey
from verification.kit.trips import a_trip, row_of

TRIP = replace(
    a_trip("t", organization="org", seats=4, seats_per_group=2),
    segments=(Segment("A", "B", 100, 110), Segment("B", "C", 120, 130), Segment("C", "D")),
)


def offer(state: SalesState = SalesState.OPEN) -> Offer:
    """Of the trip."""
    return Offer(TRIP, state, period=0, version=1, defined=1, opened_at_ms=5)


def sold(journey: Journey, now_ms: int, *, sells_departed: bool = False) -> bool:
    """Whether the journey is."""
    assert offer().has_departed(journey, now_ms, sells_departed=sells_departed) is not _is_sold(
        journey, now_ms, sells_departed=sells_departed
    )
    return _is_sold(journey, now_ms, sells_departed=sells_departed)


def _is_sold(journey: Journey, now_ms: int, *, sells_departed: bool) -> bool:
    try:
        offer().check_sale(journey, now_ms, sells_departed=sells_departed)
    except Departed:
        return False
    return True


def test_a_journey_is_sold_until_the_trip_leaves_its_first_stop() -> None:
    assert (sold(Journey(0, 2), 99_999), sold(Journey(0, 2), 100_000)) == (True, False)
    assert (sold(Journey(1, 2), 119_999), sold(Journey(1, 1), 120_000)) == (True, False)
    assert sold(Journey(2, 2), 10**15), "nobody knows when it leaves"
    assert sold(Journey(0, 2), 100_000, sells_departed=True)


@pytest.mark.parametrize("state", [each for each in SalesState if each is not SalesState.OPEN])
def test_only_an_open_trip_is_sold(state: SalesState) -> None:
    with pytest.raises(SalesClosed, match=state.value):
        check_sale(state, 0, 1, sells_departed=True)
    check_sale(SalesState.OPEN, 0, 1, sells_departed=False)


def test_a_departure_is_told() -> None:
    with pytest.raises(Departed) as refused:
        check_sale(SalesState.OPEN, 100, 100_000, sells_departed=False)
    assert refused.value.departed_at_s == 100


def test_a_swap_is_over_once_the_trip_is_as_it_was() -> None:
    assert Swap(offer(), 0, 0, 0).is_over
    assert not Swap(offer(SalesState.SWAPPING), 0, 0, 0).is_over


# What is changed of a trip


def test_a_seat_costs_what_is_said_of_it_else_of_its_class_else_what_it_did() -> None:
    seats = row_of(2, seat_class="first") + row_of(2, start=3, seat_class="second")
    trip = replace(TRIP, seats=tuple(replace(seat, price_minor=5) for seat in seats))
    changed = TripChange({"first": 7}, {"A2": 9, "A3": 0}, {}).of(trip)
    assert [seat.price_minor for seat in changed.seats] == [7, 9, 0, 5]
    assert changed.segments == trip.segments


def test_segments_get_other_times_and_keep_all_else() -> None:
    changed = TripChange({}, {}, {0: (50, 60), 2: (140, 150)}).of(TRIP)
    assert [(each.departs_at_s, each.arrives_at_s) for each in changed.segments] == [(50, 60), (120, 130), (140, 150)]
    assert (changed.stops, changed.seats) == (TRIP.stops, TRIP.seats)


def test_what_the_trip_has_not_is_named() -> None:
    with pytest.raises(InvalidTrip) as refused:
        TripChange({"third": 1, "first": 2}, {"A9": 1, "A1": 2}, {-1: (0, 0), 3: (0, 0), 2: (0, 0)}).of(TRIP)
    assert [*refused.value.violations] == [
        ("class_prices", "no seat is of class 'third'"),
        ("seat_prices", "there is no seat 'A9'"),
        ("times[0].segment_index", "there is no segment -1"),
        ("times[1].segment_index", "there is no segment 3"),
    ]


def test_no_more_is_named_than_one_refusal_says() -> None:
    with pytest.raises(InvalidTrip) as refused:
        TripChange({}, {f"Z{number}": 1 for number in range(VIOLATIONS_MAX + 1)}, {}).of(TRIP)
    assert len(refused.value.violations) == VIOLATIONS_MAX


def test_a_time_that_would_be_wrong_is_named_as_it_was_asked_for() -> None:
    """One that stays as it is and would be wrong then is none of those that were asked for."""
    for times, field in (
        ({2: (0, 0), 1: (125, 120)}, "times[1].arrival_time"),
        ({1: (100, 110)}, "times[0].departure_time"),
        ({0: (500, 510)}, "times"),
    ):
        with pytest.raises(InvalidTrip) as refused:
            TripChange({}, {}, times).of(TRIP)
        assert {violation.field for violation in refused.value.violations} == {field}, times
        assert all(" is before the " in violation.description for violation in refused.value.violations)


# How it is opened


def test_a_trip_is_open_once_all_its_cells_are_made() -> None:
    assert [Opening(done, 5).is_over for done in (4, 5, 6)] == [False, True, True]


def test_a_large_trip_is_opened_later() -> None:
    cells = len(TRIP.seats) * len(TRIP.segments)
    assert not Portions(cells_at_once_max=cells).is_opened_later(TRIP)
    assert Portions(cells_at_once_max=cells - 1).is_opened_later(TRIP)
    assert [Portions(seats_at_once_max=most).has_parts(TRIP) for most in (3, 4)] == [True, False]
    assert Portions(seats_at_once_max=3).is_opened_later(TRIP)
    assert not Portions(seats_at_once_max=4).is_opened_later(TRIP)


# What is known of a seat


def test_traces_are_in_the_order_of_time_and_what_a_row_tells_comes_first() -> None:
    ordered = [
        Trace(at_ms=1, source=Source.REFUSAL, what="", hold="z"),
        Trace(at_ms=2, source=Source.HOLD, what="", hold="b", ordinal=9),
        Trace(at_ms=2, source=Source.EVENT, what="", hold="a", ordinal=1),
        Trace(at_ms=2, source=Source.EVENT, what="", hold="a", ordinal=2),
        Trace(at_ms=2, source=Source.EVENT, what="", hold="b", ordinal=0),
        Trace(at_ms=2, source=Source.REFUSAL, what="", hold="a"),
    ]
    assert in_order(ordered[::-1]) == ordered
