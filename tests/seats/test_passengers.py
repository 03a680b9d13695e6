"""The passengers of a booking: stored with it, and shown only to its holder."""

import logging
from dataclasses import replace

import pytest

from travio_inventory.seats.commands import hold_ref
from travio_inventory.seats.hold import Confirmed, Hold, Passenger
from travio_inventory.seats.refusals import HoldConfirmed, HoldNotFound
from verification.kit.faulty_batches import Spoil, commits
from verification.kit.sale import TTL_S, Market, Sale

PASSENGERS = (Passenger("A1", 'Ada, "the" Love\u00adlace', "N-1815"), Passenger("A18", "Кристина", "N-1626"))
SECRETS = ("Ada", "Love", "Крис", "1815", "1626")


@pytest.fixture(params=[1, "all"], ids="groups-of-{}".format)
async def sale(request: pytest.FixtureRequest, market: Market) -> Sale:
    """Bookings over several seat groups, and in one."""
    return await market.open(seats_per_group=request.param)


def told(hold: Hold) -> tuple[Passenger, ...]:
    """The passengers of a booking."""
    assert isinstance(hold.state, Confirmed)
    return hold.passengers


async def booked(sale: Sale, *, is_late: bool) -> Hold:
    """A booking with passengers."""
    hold = await sale.hold("A1 A18")
    if is_late:
        sale.clock.pass_s(TTL_S + 1)
        await sale.sweep()
    return await sale.confirm(hold, passengers=PASSENGERS)


@pytest.mark.parametrize("is_late", [False, True])
async def test_passengers_are_kept_with_the_booking(sale: Sale, is_late: bool) -> None:
    booking = await booked(sale, is_late=is_late)
    assert told(booking) == PASSENGERS
    for process in (sale, sale.elsewhere()):
        assert told(await process.find(booking)) == PASSENGERS
        [listed] = await process.holds(include_ended=False)
        assert told(listed) == PASSENGERS


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_second_confirm_returns_the_stored_passengers(sale: Sale, is_late: bool) -> None:
    booking = await booked(sale, is_late=is_late)
    others = [replace(passenger, name="Eve") for passenger in PASSENGERS]
    for passengers in ((), others):
        assert told(await sale.elsewhere().confirm(booking, passengers=passengers)) == PASSENGERS
    with pytest.raises(HoldConfirmed):
        await sale.confirm(booking, "order-2", passengers=PASSENGERS)
    assert told(await sale.find(booking)) == PASSENGERS


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_confirm_repeated_after_a_change_of_seats_returns_the_booking(sale: Sale, is_late: bool) -> None:
    booking = await booked(sale, is_late=is_late)
    moved = await sale.move(booking, "A1>A3")
    assert await sale.confirm(booking, passengers=PASSENGERS) == moved
    cut = await sale.cancel(booking, "A18")
    assert told(await sale.confirm(booking, passengers=PASSENGERS)) == told(cut) == (replace(PASSENGERS[0], seat="A3"),)


async def test_passengers_survive_an_answer_that_got_lost(sale: Sale) -> None:
    hold = await sale.hold("A1 A18")
    sale.store.spoil(Spoil.UNANSWERED, commits, times=1)
    assert told(await sale.confirm(hold, passengers=PASSENGERS)) == PASSENGERS


async def test_only_the_holder_sees_them(sale: Sale) -> None:
    booking = await booked(sale, is_late=False)
    with pytest.raises(HoldNotFound):
        await sale.inventory.read_holds.one(sale.actor("bob"), hold_ref(booking.id))
    assert list(await sale.holds("bob")) == []


async def test_no_log_and_no_event_names_them(sale: Sale, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        booking = await booked(sale, is_late=False)
        events = [event for event in await sale.relay_all() if event.partition_key == sale.trip.key.trip]
        await sale.find(booking)
    assert events
    for printed in (caplog.text, str(events), repr(booking), str(PASSENGERS)):
        assert not [secret for secret in SECRETS if secret in printed]
