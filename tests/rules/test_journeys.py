"""Journeys on routes that visit a station more than once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.seats.refusals import InvalidJourney
from travio_inventory.seats.route import rides
from travio_inventory.seats.trip import CANDIDATES_MAX, Ambiguous, Ends, Journey
from verification.kit.trips import a_trip

LOOP = a_trip(stops="ABCABC")


@pytest.mark.parametrize(
    ("ends", "journey"),
    [
        (Ends("A", "C"), (0, 1)),
        (Ends("C", "A"), (2, 2)),
        (Ends("B", "B"), (1, 3)),
        (Ends("A", "C", 3), (3, 4)),
        (Ends("A", "C", last=4), (0, 4)),
        (Ends("B", "C", 4), (4, 4)),
    ],
)
def test_on_a_loop_the_nearest_stop_may_be_meant_unless_segments_are_given(
    ends: Ends, journey: tuple[int, int]
) -> None:
    assert LOOP.journey(ends, Ambiguous.NEAREST) == Journey(*journey)


@pytest.mark.parametrize(
    ("ends", "candidates"),
    [
        (Ends("A", "C"), [(0, 1), (0, 4), (3, 4)]),
        (Ends("A", "C", last=4), [(0, 4), (3, 4)]),
        (Ends("A", "C", first=0), [(0, 1), (0, 4)]),
        (Ends("B", "C"), [(1, 1), (1, 4), (4, 4)]),
    ],
)
def test_on_a_loop_a_journey_that_stations_do_not_name_is_refused_with_its_candidates(
    ends: Ends, candidates: list[tuple[int, int]]
) -> None:
    loop = LOOP
    for _ in range(2):
        with pytest.raises(InvalidJourney) as refused:
            loop.journey(ends)
    assert list(refused.value.candidates) == candidates
    [(field, words)] = refused.value.violations
    first, *others = candidates
    assert field == "from_segment_index"
    assert words == (
        f"more than one journey goes from {ends.origin!r} to {ends.destination!r}: from_segment_index {first[0]} "
        f"to_segment_index {first[1]}, or " + ", or ".join(f"{start} to {last}" for start, last in others)
    )
    for first_segment, last_segment in candidates:
        assert loop.journey(ends._replace(first=first_segment, last=last_segment)) == (first_segment, last_segment)


@pytest.mark.parametrize("ends", [Ends("C", "A"), Ends("B", "B"), Ends("A", "C", 3), Ends("A", "A")])
def test_on_a_loop_a_journey_that_only_one_ride_fits_needs_no_segments(ends: Ends) -> None:
    assert LOOP.journey(ends) == LOOP.journey(ends, Ambiguous.NEAREST)


def test_of_many_candidates_the_first_are_named() -> None:
    """Those to the nearest stop before the longer ones."""
    with pytest.raises(InvalidJourney, match=r", or others$") as refused:
        a_trip(stops="AB" * 20).journey(Ends("A", "B"))
    assert refused.value.candidates == tuple((at, at) for at in range(0, 16, 2))
    with pytest.raises(InvalidJourney, match=r"or 0 to 14$") as refused:
        a_trip(stops="AB" * 8).journey(Ends("A", "B", first=0))
    assert len(refused.value.candidates) == CANDIDATES_MAX, "these are all"


@given(st.text("ABCD", min_size=2, max_size=12), st.sampled_from("ABCD"), st.sampled_from("ABCD"))
def test_the_rides_between_two_stations_are_all_there_once(stops: str, origin: str, destination: str) -> None:
    starts = [at for at, stop in enumerate(stops[:-1]) if stop == origin]
    lasts = [at for at, stop in enumerate(stops[1:]) if stop == destination]
    found = list(rides(starts, lasts))
    assert sorted(found) == [(first, last) for first in starts for last in lasts if first <= last]
    assert found[:1] == [(first, last) for first, last in sorted(found)][:1]


def test_the_ends_may_be_left_out_where_there_is_one_segment_alone() -> None:
    assert a_trip(stops="AB").journey(Ends("", "")) == Journey(0, 0)
    with pytest.raises(InvalidJourney) as refused:
        a_trip(stops="ABC").journey(Ends("", ""))
    said = "must be named: this trip has 2 segments"
    assert list(refused.value.violations) == [("from_station_id", said), ("to_station_id", said)]
