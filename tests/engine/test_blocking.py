"""Seats that the house takes off sale."""

import pytest

from tests.engine.sale import SEATS, Sale
from travio_inventory.domain.errors import InvalidSeats, SeatUnavailable, TripNotFound
from travio_inventory.domain.trip import TripKey


async def test_a_blocked_seat_is_off_sale_on_every_journey(sale: Sale) -> None:
    assert await sale.block("A1 A18") == 2
    for ends in ("A-B", "B-C", "C-D", "A-D"):
        assert await sale.seats("blocked", ends) == "A1 A18"
        with pytest.raises(SeatUnavailable):
            await sale.elsewhere().hold("A18", ends)


async def test_an_unblocked_seat_is_on_sale_again(sale: Sale) -> None:
    await sale.block("A1 A18")
    assert await sale.unblock("A1 A18") == 2
    assert len((await sale.seats("available")).split()) == SEATS
    await sale.hold("A1 A18")


async def test_blocking_and_unblocking_again_change_nothing(sale: Sale) -> None:
    for _ in range(2):
        assert await sale.block("A1 A2") == 2
    assert await sale.elsewhere().block("A2 A3") == 2
    assert await sale.elsewhere().seats("blocked") == "A1 A2 A3"
    for _ in range(2):
        assert await sale.unblock("A1 A2 A3") == 3
    assert await sale.elsewhere().seats("blocked") == ""
    await sale.assert_legal()


async def test_a_block_never_runs_out(sale: Sale) -> None:
    await sale.block("A1")
    sale.clock.pass_s(10 * 365 * 86_400)
    await sale.sweep()
    with pytest.raises(SeatUnavailable):
        await sale.elsewhere().hold("A1")


@pytest.mark.parametrize("is_sold", [False, True])
async def test_a_seat_that_somebody_has_is_never_blocked(sale: Sale, is_sold: bool) -> None:
    hold = await sale.hold("A18", "B-C")
    if is_sold:
        hold = await sale.confirm(hold)
    with pytest.raises(SeatUnavailable) as refused:
        await sale.block("A17 A18")
    assert [cell[:3] for cell in refused.value.cells] == [("A18", 1, "sold" if is_sold else "held")]
    assert await sale.find(hold) == hold
    assert await sale.seats("blocked") == ""


async def test_a_seat_blocked_before_stays_blocked_where_another_cannot_be(sale: Sale) -> None:
    await sale.block("A1")
    await sale.hold("A18")
    with pytest.raises(SeatUnavailable):
        await sale.block("A1 A2 A18")
    assert await sale.seats("blocked") == "A1"


async def test_a_lapsed_hold_does_not_keep_its_seat_from_being_blocked(sale: Sale) -> None:
    await sale.hold("A1 A18", ttl_s=1)
    sale.clock.pass_s(2)
    await sale.block("A1 A18")
    assert await sale.seats("blocked") == "A1 A18"
    await sale.assert_legal()


async def test_unblocking_leaves_holds_and_bookings_alone(sale: Sale) -> None:
    hold, booking = await sale.hold("A1"), await sale.confirm(await sale.hold("A18"))
    assert await sale.unblock("A1 A2 A18") == 3
    assert await sale.find(hold) == hold
    assert await sale.find(booking) == booking


async def test_seats_that_the_trip_does_not_have_are_refused(single_seats: Sale) -> None:
    for seats in ("A1 Z9", "A1 A1"):
        with pytest.raises(InvalidSeats):
            await single_seats.block(seats)
        with pytest.raises(InvalidSeats):
            await single_seats.unblock(seats)
    assert await single_seats.seats("blocked") == ""
    with pytest.raises(TripNotFound):
        await single_seats.inventory.block_seats(TripKey("another", "t1"), blocked=[], unblocked=["A1"])
