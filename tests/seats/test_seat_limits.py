"""What an operator allows: the limit itself, one more, and what the refusal says."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from travio_inventory.kernel import limits
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.protocol.batches import Batches
from travio_inventory.seats.limits import SeatLimits
from travio_inventory.seats.refusals import InvalidSeats, InvalidTrip
from travio_inventory.seats.trip import Ends
from verification.kit.asking import open_trip
from verification.kit.sale import Market, Sale
from verification.kit.trips import PerGroup, a_trip

LOWERED = SeatLimits(seats_per_trip=6, cells_per_trip=12, segments_per_trip=3, seats_per_hold=4, cells_per_hold=5)
RAISED = SeatLimits(seats_per_hold=limits.SEATS_PER_HOLD_MAX)


@pytest.fixture
async def lowered(store: Batches) -> AsyncIterator[Market]:
    """An operator who allows little."""
    async with Market(store, limits=LOWERED) as opened:
        yield opened


@pytest.fixture
async def raised(store: Batches) -> AsyncIterator[Market]:
    """An operator who allows all that the format does."""
    async with Market(store, limits=RAISED) as opened:
        yield opened


@pytest.mark.parametrize(
    ("stops", "seats", "said"),
    [
        ("ABCDE", 3, "segments: this service allows at most 3 segments, not 4"),
        ("AB", 7, "seat_config.seats: this service allows at most 6 seats, not 7"),
        ("ABCD", 5, r"seat_config: this service allows at most 12 cells \(seats times segments\), not 15"),
    ],
)
async def test_a_larger_trip_than_the_operator_allows_is_refused(
    lowered: Market, stops: str, seats: int, said: str
) -> None:
    sale = lowered.prepare(a_trip(stops=stops, seats=seats))
    with pytest.raises(InvalidTrip, match=f"^{said}$"):
        await open_trip(sale.inventory, sale.trip)


@pytest.mark.parametrize(("stops", "seats"), [("ABCD", 4), ("AB", 6), ("ABC", 6)])
async def test_a_trip_at_the_operator_s_limits_is_opened(lowered: Market, stops: str, seats: int) -> None:
    sale = await lowered.open(stops=stops, seats=seats)
    assert len(await sale.map("A-B")) == seats


async def test_a_hold_beyond_the_operator_s_limits_is_refused(lowered: Market) -> None:
    sale = await lowered.open(stops="ABC", seats=6)
    assert len((await sale.hold("A1 A2 A3 A4", "A-B")).seats) == 4
    with pytest.raises(InvalidSeats, match=r"^seat_ids: this service allows at most 4 seats a hold, not 5$"):
        await sale.hold("A1 A2 A3 A4 A5", "B-C")
    said = r"^seat_ids: this service allows at most 5 cells a hold \(seats times segments\), not 6$"
    with pytest.raises(InvalidSeats, match=said):
        await sale.hold("A4 A5 A6", "A-C")
    assert len((await sale.hold("A5 A6", "A-C")).seats) == 2
    with pytest.raises(InvalidRequest, match=r"^requested_seats: this service allows at most 4 seats a hold, not 5$"):
        await sale.join(seats=5)
    assert (await sale.join("bob", seats=4)).seats == 4


async def test_a_move_to_a_longer_journey_is_a_hold_within_the_limits(lowered: Market) -> None:
    sale = await lowered.open(stops="ABC", seats=6)
    hold = await sale.hold("A1 A2 A3", "A-B")
    with pytest.raises(InvalidSeats, match=r"^seat_ids: this service allows at most 5 cells a hold .* not 6$"):
        await sale.move(hold, ends="A-C")
    assert (await sale.move(hold, "A1>A4", ends="B-C")).seats == ("A2", "A3", "A4")


@pytest.mark.parametrize("per_group", [1, 16, "all"])
async def test_a_hold_may_have_fifty_seats_over_any_number_of_seat_groups(raised: Market, per_group: PerGroup) -> None:
    sale = await raised.open(stops="ABC", seats=100, seats_per_group=per_group)
    seats = [seat.id for seat in sale.trip.seats]
    first, second = " ".join(seats[:50]), " ".join(seats[25:75])
    answers = await asyncio.gather(sale.hold(first, "A-C"), sale.hold(second, "A-C", by="bob"), return_exceptions=True)
    (won,) = (answer for answer in answers if not isinstance(answer, BaseException))
    booked = await sale.confirm(won)
    assert await sale.seats("sold", "A-C") == " ".join(won.seats)
    await sale.cancel(booked)
    await sale.settled()
    assert await sale.seats("available", "A-C") == " ".join(seats)
    await sale.assert_legal()


@pytest.mark.parametrize("seats_per_group", [16, 60])
async def test_a_hold_and_a_block_may_have_a_thousand_cells(raised: Market, seats_per_group: int) -> None:
    sale = await raised.open(stops="ABCDEFGHIJKLMNOPQRSTU", seats=60, seats_per_group=seats_per_group)
    seats, whole = [seat.id for seat in sale.trip.seats], Ends("A", "U")
    await sale.release(await sale.hold(" ".join(seats[:50]), whole))
    await sale.settled()
    assert await sale.block(" ".join(seats[5:55])) == 50
    with pytest.raises(InvalidSeats, match="at most 50 seats of this trip can be blocked in one call, not 51"):
        await sale.block(" ".join(seats[5:56]))
    await _fits(sale)


async def _fits(sale: Sale) -> None:
    with pytest.raises(InvalidRequest, match="seat_ids: must have 1 to 50 items, not 51"):
        await sale.hold(" ".join(seat.id for seat in sale.trip.seats[:51]), "A-B")
    await sale.assert_legal()
