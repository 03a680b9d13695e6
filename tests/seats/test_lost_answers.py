"""One lost answer of the store: callers do not notice."""

import pytest

from tests.seats.steps import EVERY_SPOIL, SEATS, STEPS, Step, assert_done, ready
from travio_inventory.seats import seat as seat_states
from travio_inventory.seats.hold import Confirmed, Held, late_id
from travio_inventory.seats.trip import Ends
from verification.kit.asking import seat_map as seat_map_of
from verification.kit.faulty_batches import Spoil, Which, cells_alone, commits, ledgers
from verification.kit.sale import GRACE_S, TOLD_WITHIN_S, TTL_S, Market, Sale
from verification.kit.trips import PerGroup


@pytest.fixture(params=[1, "all"], ids="groups-of-{}".format)
async def sale(request: pytest.FixtureRequest, market: Market) -> Sale:
    """Holds over several seat groups, and holds that are one batch."""
    per_group: PerGroup = request.param
    return await market.open(seats_per_group=per_group)


@pytest.mark.parametrize("how", EVERY_SPOIL)
@pytest.mark.parametrize("which", [commits, cells_alone, ledgers])
async def test_a_hold_survives_one_answer_that_is_lost(sale: Sale, how: Spoil, which: Which) -> None:
    """Home batch, intent or ledger: sent again with the same ids, applied or not."""
    sale.store.spoil(how, which, times=1)
    hold = await sale.hold(SEATS, "A-C", key="k")
    await sale.store.deliver_late()
    assert hold.is_live
    assert await sale.hold(SEATS, "A-C", key="k") == hold
    assert await sale.elsewhere().seats("held", "A-C") == SEATS
    assert [event.subject for event in await sale.relay()] == [hold.id]
    await sale.assert_legal()


@pytest.mark.parametrize("how", EVERY_SPOIL)
@pytest.mark.parametrize("step", STEPS)
async def test_a_step_survives_one_answer_that_is_lost(sale: Sale, how: Spoil, step: Step) -> None:
    hold = await ready(sale, step)
    await sale.relay()
    sale.store.spoil(how, commits, times=1)
    done = await step(sale, hold)
    await sale.store.deliver_late()
    assert_done(step, done)
    assert await sale.find(hold) == done
    sale.clock.pass_s(TOLD_WITHIN_S)
    assert len(await sale.relay()) == 1
    await sale.assert_legal()


@pytest.mark.parametrize("how", EVERY_SPOIL)
async def test_a_sweep_survives_one_answer_that_is_lost(sale: Sale, how: Spoil) -> None:
    await sale.hold(SEATS)
    sale.clock.pass_s(TTL_S + 1)
    sale.store.spoil(how, commits, times=1)
    assert (await sale.sweep()).failures == {}
    await sale.store.deliver_late()
    assert await sale.elsewhere().seats("held") == ""
    await sale.assert_legal()


@pytest.mark.parametrize("how", EVERY_SPOIL)
async def test_a_late_confirm_survives_one_answer_that_is_lost(sale: Sale, how: Spoil) -> None:
    hold = await sale.hold(SEATS)
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    sale.store.spoil(how, commits, times=1)
    booking = await sale.confirm(hold)
    await sale.store.deliver_late()
    assert (booking.id, booking.state) == (late_id(hold.id), Confirmed("order-1"))
    assert await sale.confirm(hold) == booking
    sale.clock.pass_s(GRACE_S)
    await sale.sweep()
    await sale.assert_legal()


async def test_an_extension_whose_answer_was_lost_is_shown_at_once(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    await sale.map()
    sale.store.spoil(Spoil.UNANSWERED, commits, times=1)
    extended = await sale.extend(hold, ttl_s=300)
    seat_map = await seat_map_of(sale.inventory, sale.trip.key, Ends("A", "D"))
    assert isinstance(extended.state, Held)
    assert {state for seat, state in seat_map.seats() if seat.id in hold.seats} == {
        seat_states.HeldUntil(extended.state.expires_at_ms)
    }


async def test_an_end_whose_answer_was_lost_is_shown_at_once(sale: Sale) -> None:
    await sale.hold("A1 A18", ttl_s=1)
    sale.clock.pass_s(2)
    assert await sale.seats("held") == "A1 A18"
    sale.store.spoil(Spoil.UNANSWERED, commits, times=1)
    await sale.sweep()
    assert await sale.seats("held") == ""


async def test_a_late_booking_whose_answer_was_lost_is_settled_like_any_other(sale: Sale) -> None:
    """It is found by a second read; its map must show at once, and its other seat groups must be rolled forward."""
    hold = await sale.hold(SEATS)
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    await sale.map()
    sale.store.spoil(Spoil.UNANSWERED, commits, times=1)
    await sale.confirm(hold)
    assert await sale.seats("sold") == SEATS
    await sale.assert_legal()


@pytest.mark.parametrize("how", EVERY_SPOIL)
async def test_a_block_survives_one_answer_that_is_lost(sale: Sale, how: Spoil) -> None:
    sale.store.spoil(how, commits, times=1)
    await sale.block("A1")
    await sale.store.deliver_late()
    assert await sale.seats("blocked") == "A1"
    sale.store.spoil(how, commits, times=1)
    await sale.unblock("A1")
    await sale.store.deliver_late()
    assert await sale.elsewhere().seats("blocked") == ""
    await sale.assert_legal()


@pytest.mark.parametrize("how", [Spoil.LOST, Spoil.UNANSWERED, Spoil.NOT_DONE])
async def test_an_opening_survives_one_answer_that_is_lost(sale: Sale, how: Spoil) -> None:
    hold = await sale.hold("A18")
    sale.store.spoil(how, times=1)
    await sale.open_trip()
    assert await sale.find(hold) == hold
    await sale.assert_legal()
