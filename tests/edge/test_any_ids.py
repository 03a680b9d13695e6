"""Ids of trips and seats with any allowed characters: every edge distinguishes them and returns them unchanged."""

import pytest
from hypothesis import HealthCheck, given, settings

from tests.edge.edges import EdgeUnderTest
from travio_inventory.seats.hold import HoldId
from travio_inventory.seats.ports import Attempt, Cell, Occupancy, Passed, SeatGroupKey, Taken
from travio_inventory.seats.refusals import TakenCell
from travio_inventory.seats.trip import TripKey
from verification.kit.legal_ids import AWKWARD, several


async def tell(edge: EdgeUnderTest, ids: list[str]) -> None:
    """One seat is sold: only that seat of that trip is reported, with the ids that were given."""
    organization, other_organization, trip_id, other_trip, seat, other_seat = ids
    ours = edge.trip().trip
    trips = [
        TripKey(f"{ours}{left}", right)
        for left in (organization, other_organization)
        for right in (trip_id, other_trip)
    ]
    sold, others = SeatGroupKey(trips[0], 0), [SeatGroupKey(trip, 0) for trip in trips[1:]]
    hold = str(HoldId(trip_id, 0, "0" * 32, is_late=False))
    now_ms = edge.today_ms()
    await edge.taken.mark(sold, [Cell(seat, 1)], Occupancy(hold, "ann", "sold", 0, now_ms))
    bob = Attempt("token", "bob")
    answer = await edge.gate.enter(sold, [Cell(other_seat, 1), Cell(seat, 1)], bob, ttl_ms=60_000)
    assert answer == Taken((TakenCell(seat, 1, "sold", "ann", hold, 0),), now_ms)
    assert await edge.gate.enter(sold, [Cell(other_seat, 1), Cell(seat, 11)], bob, ttl_ms=60_000) == Passed()
    for group in others:
        assert await edge.gate.enter(group, [Cell(seat, 1)], bob, ttl_ms=60_000) == Passed()
    await edge.taken.clear(sold, [Cell(seat, 1)], hold=hold)
    assert await edge.gate.enter(sold, [Cell(seat, 1)], bob, ttl_ms=60_000) == Passed()
    leases = await edge.seat_maps.lease(trips[0], [0])
    await edge.seat_maps.fill(trips[0], {0: (leases[0], b"map")})
    assert [dict(await edge.seat_maps.read(trip)) for trip in trips] == [{0: b"map"}, {}, {}, {}]


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(several(6))
async def test_any_ids_are_told_apart_and_given_back(lasting_edge: EdgeUnderTest, ids: list[str]) -> None:
    await tell(lasting_edge, ids)


@pytest.mark.parametrize("at", range(0, len(AWKWARD), 6))
async def test_awkward_ids_are_told_apart_and_given_back(lasting_edge: EdgeUnderTest, at: int) -> None:
    await tell(lasting_edge, [*AWKWARD, *AWKWARD][at : at + 6])
