"""A booking forgets its passengers, and keeps its seats."""

import pytest

from travio_inventory.protocol.batches import Kind
from travio_inventory.seats.commands import hold_ref
from travio_inventory.seats.events import PassengersErased, data_of
from travio_inventory.seats.hold import Confirmed, Hold, Passenger
from travio_inventory.seats.refusals import HoldNotFound, HoldReleased
from verification.kit.sale import TTL_S, Sale

NAMED = (Passenger("A1", "Ann", "1"), Passenger("A18", "Bob", "2"))


async def erase(sale: Sale, hold: Hold) -> Hold:
    return await sale.inventory.erase_passengers(sale.actor(), hold_ref(hold.id))


@pytest.mark.parametrize("is_late", [False, True])
async def test_nothing_is_left_of_whom_a_booking_names(sale: Sale, *, is_late: bool) -> None:
    hold = await sale.hold("A1 A18")
    if is_late:
        sale.clock.pass_s(TTL_S + 1)
        await sale.sweep()
    booking = await sale.confirm(hold, passengers=NAMED)
    assert booking.passengers == NAMED
    for name in (booking, hold):
        erased = await erase(sale, name)
        assert (erased.passengers, erased.seats, erased.state) == ((), booking.seats, Confirmed("order-1"))
    assert erased.extensions == booking.extensions + 1, "it is done once"
    stored = await sale.market.store.read(sale.group_partition("A1"), Kind.HOLD)
    assert "Ann" not in str(stored)
    told = await sale.relay()
    assert isinstance(data_of(told[-1]), PassengersErased)
    assert [event.ordinal for event in told] == list(range(len(told)))
    assert (await sale.cancel(booking)).seats == booking.seats
    await sale.assert_legal()


async def test_a_cancelled_booking_names_nobody(sale: Sale) -> None:
    booking = await sale.confirm(await sale.hold("A1 A18"), passengers=NAMED)
    await sale.cancel(booking)
    stored = await sale.market.store.read(sale.group_partition("A1"), Kind.HOLD)
    assert "Ann" not in str(stored)
    assert (await erase(sale, booking)).passengers == ()


async def test_what_is_no_booking_has_no_passengers_to_erase(sale: Sale) -> None:
    hold = await sale.hold("A1")
    with pytest.raises(HoldNotFound):
        await erase(sale, hold)
    await sale.release(hold)
    with pytest.raises(HoldReleased):
        await erase(sale, hold)
