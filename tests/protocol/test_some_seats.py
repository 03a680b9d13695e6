"""Steps of some seats of a hold or a booking: what they leave, and which answer a repeated one has."""

import pytest

from travio_inventory.protocol.hold import Confirmed
from travio_inventory.seats.refusals import HoldConfirmed, HoldExpired, HoldNotFound
from verification.kit.sale import Sale

BOOKED = Confirmed("order-1")


async def test_of_a_booking_some_seats_are_cancelled_and_the_others_stay_booked(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    await sale.confirm(hold)
    for _ in range(2):
        left = await sale.cancel(hold, "A2")
        assert (left.seats, left.state) == (("A1",), BOOKED)
    await sale.settled()
    assert [await sale.statuses(seat) for seat in ("A1", "A2")] == [["sold"] * 3, ["available"] * 3]


async def test_nothing_is_cancelled_of_a_hold_that_is_no_booking(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    await sale.release(hold, "A2")
    for seats in ("A2", ""):
        with pytest.raises(HoldNotFound):
            await sale.cancel(hold, seats)
    await sale.process.holds.expiring.expire(await sale.find(hold))
    with pytest.raises(HoldExpired):
        await sale.cancel(hold)


async def test_a_booking_is_the_answer_to_a_confirm_of_its_order_and_its_seats_alone(sale: Sale) -> None:
    hold = await sale.hold("A1 A2 A3")
    booking = await sale.confirm(hold, seats="A1 A2")
    assert (booking.seats, booking.state) == (("A1", "A2"), BOOKED)
    assert await sale.confirm(hold, seats="A2 A1") == booking
    for order, seats in (("order-2", "A1 A2"), ("order-1", "A1")):
        with pytest.raises(HoldConfirmed):
            await sale.confirm(hold, order, seats=seats)
