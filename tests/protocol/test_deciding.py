"""A step on a hold that is read: what is done where it is already so, and what is written with it."""

import pytest

from tests.protocol.parts import noted, unused_id
from tests.protocol.test_overtaken import LAPSES_MS, Heard
from tests.protocol.test_written import listed
from travio_inventory.kernel.actor import ActorKind, house_for
from travio_inventory.protocol import listings, rows
from travio_inventory.protocol.batches import FOR_EVER, Write
from travio_inventory.protocol.refusals import BookingCancelled, HoldConfirmed, HoldExpired, HoldNotFound
from travio_inventory.protocol.retention import Retention
from travio_inventory.seats.hold import Cancelled, Hold
from travio_inventory.seats.move import Move
from verification.kit.clocks import START_MS
from verification.kit.passing import Batch
from verification.kit.sale import TTL_S, Sale


async def test_what_is_booked_already_is_told_and_listed_again_and_nothing_else_is(sale: Sale) -> None:
    """The process that booked it may have died before it said so."""
    booking = await sale.confirm(await sale.hold("A1"))
    heard, sent = Heard(sale), noted(sale)
    with pytest.raises(HoldConfirmed):
        await sale.release(booking)
    assert (heard.changes, sent) == ([], [])
    sale.clock.pass_ms(1)
    assert await sale.confirm(booking) == booking
    assert heard.changes == [(booking.id, booking.state, sale.clock.now_ms())]
    assert [batch.writes for batch in sent] == [()]
    assert listed(sent) == listings.of_hold(booking, Retention())


async def test_an_expired_hold_is_kept_with_its_late_booking_and_forgotten_with_the_whole_of_it(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    sale.clock.pass_ms(LAPSES_MS)
    await sale.sweep()
    sent = noted(sale)
    for step, kept_s in (
        (sale.confirm(hold), [FOR_EVER]),
        (sale.cancel(hold, "A2"), []),
        (sale.cancel(hold), [Retention().ended_s]),
    ):
        sent.clear()
        await step
        assert [write.keep_s for write in kept(hold, sent)] == kept_s


def kept(hold: Hold, sent: list[Batch]) -> list[Write]:
    """What is written of the expired hold."""
    return [write for batch in sent for write in batch.writes if write.key == rows.hold_key(hold.id)]


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_booking_that_names_nobody_is_told_again_where_it_is_to_be_erased(sale: Sale, *, is_late: bool) -> None:
    hold = await sale.hold("A1")
    if is_late:
        sale.clock.pass_ms(LAPSES_MS)
        await sale.sweep()
    booking = await sale.confirm(hold)
    heard = Heard(sale)
    assert await sale.process.holds.erase(sale.actor(), booking.id) == booking
    assert [(hold_id, state) for hold_id, state, _ in heard.changes] == [(booking.id, booking.state)]


async def says_closed(sale: Sale, hold_id: str) -> None:
    """The trip of a hold on A1 is over."""
    closed = Write(rows.hold_key(hold_id), {}, {"status": rows.CLOSED, "holder": "ann"})
    await sale.market.store.apply(sale.group_partition("A1"), [closed])


async def test_a_hold_is_found_by_its_holder_alone(sale: Sale) -> None:
    hold, deciding = await sale.hold("A1"), sale.process.holds.deciding
    assert (await deciding.own(sale.actor(), hold.id)) == hold
    for actor, hold_id in ((sale.actor("bob"), hold.id), (sale.actor(), unused_id(sale))):
        with pytest.raises(HoldNotFound):
            await deciding.own(actor, hold_id)


async def test_whose_a_hold_is_is_known_while_its_trip_is_not_over(sale: Sale) -> None:
    hold, holds = await sale.hold("A1", by="ann"), sale.process.holds
    assert await holds.holder(hold.organization, hold.id) == "ann"
    with pytest.raises(HoldNotFound):
        await holds.holder(hold.organization, unused_id(sale))
    await says_closed(sale, hold.id)
    with pytest.raises(HoldNotFound):
        await holds.holder(hold.organization, hold.id)


async def test_a_late_booking_that_was_cancelled_is_what_became_of_its_hold(sale: Sale) -> None:
    hold = await sale.hold("A1")
    sale.clock.pass_ms(LAPSES_MS)
    await sale.sweep()
    booking = await sale.confirm(hold)
    for _ in range(2):
        assert (await sale.cancel(hold)).state == Cancelled("order-1")
    assert (await sale.find(hold)).id == booking.id
    with pytest.raises(BookingCancelled):
        await sale.confirm(hold)


async def test_an_expired_hold_says_until_when_it_lasted(sale: Sale) -> None:
    hold = await sale.hold("A1")
    sale.clock.pass_ms(LAPSES_MS)
    await sale.sweep()
    for step in (sale.cancel, sale.release, sale.extend):
        with pytest.raises(HoldExpired) as refused:
            await step(hold)
        assert refused.value.at_ms == START_MS + TTL_S * 1_000


async def test_what_the_house_does_in_a_holders_place_is_told_as_its_own(sale: Sale) -> None:
    hold, late = await sale.hold("A1"), await sale.hold("A2", ttl_s=1)
    await sale.process.holds.expiring.expire(late)
    await sale.confirm(late)
    house = house_for(hold.organization, "ann")
    await sale.process.holds.move(house, late.id, Move(sale.trip, {"A2": "A3"}))
    await sale.process.holds.release(house, hold.id)
    await sale.settled()
    last = {event.subject: event.actor for event in await sale.relay_all()}
    assert last == {hold.id: ActorKind.HOUSE, late.id: ActorKind.HOUSE}
