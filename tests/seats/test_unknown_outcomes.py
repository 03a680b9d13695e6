"""Batches whose answers are lost again and again, and copies that land late: an unknown outcome is neither success nor
refusal.
"""

import asyncio

import pytest

from tests.seats.steps import CLAIM_ERRORS, EVERY_SPOIL, SEATS, STEPS, Step, assert_done, ready
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown, Overloaded, RetryableRefusal
from travio_inventory.protocol.batches import Refused
from travio_inventory.seats.refusals import HoldExpired, HoldReleased, SeatContended, SeatHeld, SeatTaken
from verification.kit.faulty_batches import (
    Spoil,
    Which,
    any_batch,
    cells_alone,
    commits,
    everything_after,
    fences,
    ledgers,
)
from verification.kit.sale import TTL_S, Market, Sale
from verification.kit.trips import PerGroup


@pytest.fixture(params=[1, "all"], ids="groups-of-{}".format)
async def sale(request: pytest.FixtureRequest, market: Market) -> Sale:
    """Holds over several seat groups, and holds that are one batch."""
    per_group: PerGroup = request.param
    return await market.open(seats_per_group=per_group)


@pytest.mark.parametrize("how", EVERY_SPOIL)
async def test_a_hold_whose_outcome_is_unknown_is_no_refusal(sale: Sale, how: Spoil) -> None:
    """The answer is only "try again", and the same key then finds the outcome."""
    sale.store.spoil(how)
    with pytest.raises((OutcomeUnknown, BackendUnavailable)):
        await sale.hold(SEATS, key="k")
    sale.store.mend()
    hold = await sale.hold(SEATS, key="k")
    await sale.store.deliver_late()
    assert await sale.elsewhere().hold(SEATS, key="k") == hold
    assert await sale.elsewhere().seats("held") == SEATS
    assert len(await sale.relay()) == 1
    await sale.assert_legal()


async def test_a_hold_that_was_applied_without_an_answer_is_found_by_its_key(sale: Sale) -> None:
    """The home batch landed; neither it nor the fence that would find it was answered."""
    sale.store.spoil(Spoil.UNANSWERED, commits)
    sale.store.spoil(Spoil.LOST, fences)
    with pytest.raises(OutcomeUnknown):
        await sale.hold(SEATS, key="k")
    sale.store.mend()
    hold = await sale.hold(SEATS, key="k")
    assert hold.is_live
    assert await sale.seats("held") == SEATS
    assert len(await sale.relay()) == 1


async def test_a_fenced_hold_never_comes_to_be_when_its_copies_land(sale: Sale) -> None:
    """The attempt gave up: its id is fenced before the answer, so the late copies are refused."""
    sale.store.spoil(Spoil.LATE, commits)
    with pytest.raises(RetryableRefusal):
        await sale.hold(SEATS, key="k")
    sale.store.mend()
    landed = await sale.store.deliver_late()
    assert landed
    assert all(isinstance(outcome, Refused) for outcome in landed)
    await sale.assert_legal()
    assert await sale.elsewhere().seats("held") == ""
    hold = await sale.hold(SEATS, key="k")
    assert hold.is_live
    assert await sale.seats("held") == SEATS
    await sale.assert_legal()


async def test_a_hold_without_a_key_is_fenced_too_if_a_copy_may_land(sale: Sale) -> None:
    sale.store.spoil(Spoil.LATE, commits)
    with pytest.raises(BackendUnavailable):
        await sale.hold(SEATS)
    sale.store.mend()
    rival = await sale.hold("A18", by="bob")
    await sale.store.deliver_late()
    assert await sale.find(rival) == rival
    await sale.assert_legal()


async def test_late_intents_are_freed_at_the_first_contact(single_seats: Sale) -> None:
    """They land after their hold was fenced; the seats show free and can be won at once."""
    sale = single_seats
    sale.store.spoil(Spoil.LATE, cells_alone, times=2 * CLAIM_ERRORS)
    with pytest.raises(RetryableRefusal):
        await sale.hold(SEATS)
    await sale.store.deliver_late()
    assert (await sale.statuses("A18"))[0] == "held"
    assert await sale.elsewhere().seats("held") == ""
    await sale.elsewhere().hold(SEATS, by="bob")
    await sale.assert_legal()


async def test_a_refused_fence_returns_the_existing_hold(sale: Sale) -> None:
    """All answers were lost, and the hold had been applied: the refused fence finds it."""
    sale.store.spoil(Spoil.UNANSWERED, commits)
    hold = await sale.hold(SEATS, key="k")
    sale.store.mend()
    assert hold.is_live
    assert await sale.hold(SEATS, key="k") == hold
    assert await sale.seats("held") == SEATS
    await sale.assert_legal()


@pytest.mark.parametrize("how", EVERY_SPOIL)
@pytest.mark.parametrize("step", STEPS)
async def test_a_step_whose_outcome_is_unknown_is_no_refusal(sale: Sale, how: Spoil, step: Step) -> None:
    hold = await ready(sale, step)
    sale.store.spoil(how, commits)
    if how is Spoil.UNANSWERED:
        assert_done(step, await step(sale, hold))
    else:
        with pytest.raises(BackendUnavailable if how is Spoil.NOT_DONE else OutcomeUnknown):
            await step(sale, hold)
    sale.store.mend()
    done = await step(sale, hold)
    await sale.store.deliver_late()
    assert_done(step, done)
    assert await sale.find(hold) == done
    await sale.assert_legal()


async def test_a_late_confirm_that_lands_after_a_release_changes_nothing(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    sale.store.spoil(Spoil.LATE, commits)
    with pytest.raises(OutcomeUnknown):
        await sale.confirm(hold)
    released = await sale.elsewhere().release(hold)
    assert all(isinstance(outcome, Refused) for outcome in await sale.store.deliver_late())
    sale.store.mend()
    assert await sale.find(hold) == released
    with pytest.raises(HoldReleased):
        await sale.confirm(hold)
    await sale.assert_legal()


async def test_a_release_that_lands_after_a_confirm_changes_nothing(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    sale.store.spoil(Spoil.LATE, commits)
    with pytest.raises(OutcomeUnknown):
        await sale.release(hold)
    booking = await sale.elsewhere().confirm(hold)
    await sale.store.deliver_late()
    assert await sale.elsewhere().find(hold) == booking
    await sale.assert_legal()


async def test_an_extension_that_lands_after_a_longer_one_does_not_shorten_it(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    sale.store.spoil(Spoil.LATE, commits)
    with pytest.raises(OutcomeUnknown):
        await sale.extend(hold, ttl_s=100)
    longer = await sale.elsewhere().extend(hold, ttl_s=200)
    await sale.store.deliver_late()
    assert await sale.elsewhere().find(hold) == longer
    await sale.assert_legal()


async def test_an_expiry_that_lands_after_an_extension_changes_nothing(sale: Sale) -> None:
    """The sweeper read it as lapsed; its holder extended it before the sweeper's batch arrived."""
    hold = await sale.hold(SEATS)
    sale.clock.pass_s(TTL_S + 1)
    sweeper = sale.elsewhere()
    sweeper.store.spoil(Spoil.LATE, commits)
    await sweeper.sweep()
    extended = await sale.extend(hold)
    await sweeper.store.deliver_late()
    assert await sale.find(hold) == extended
    await sale.assert_legal()


async def test_a_refused_late_confirm_is_never_booked_when_its_copies_land(sale: Sale) -> None:
    """A copy of its commit is on the way when the seat is lost: the late id is fenced before the refusal."""
    hold = await sale.hold(SEATS)
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    sale.store.spoil(Spoil.LATE, commits, times=1)
    again = sale.store.stall(everything_after(1, commits))
    confirming = asyncio.ensure_future(sale.confirm(hold))
    await asyncio.wait_for(again.reached.wait(), 60)
    thief = await sale.elsewhere().hold("A1", by="bob")
    again.go.set()
    with pytest.raises(HoldExpired):
        await confirming
    await sale.release(thief)
    assert await sale.store.deliver_late()
    assert await sale.elsewhere().seats("sold") == ""
    await sale.assert_legal()


@pytest.mark.parametrize("which", [fences, any_batch])
async def test_a_refusal_that_cannot_be_fenced_is_not_given(single_seats: Sale, which: Which) -> None:
    """The seat is taken, but the key's id could not be fenced: a refusal now could become false."""
    sale = single_seats
    await sale.hold("A18", by="bob")
    asking = sale.elsewhere()
    asking.store.spoil(Spoil.LOST, which)
    with pytest.raises(RetryableRefusal) as told:
        await asking.hold(SEATS, key="k")
    assert not isinstance(told.value, SeatContended)
    asking.store.mend()
    with pytest.raises(SeatTaken):
        await asking.hold(SEATS, key="k")
    await sale.assert_legal()


async def test_what_cannot_be_read_is_unavailable(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    for group in hold.seats_by_group.values():
        sale.store.cannot_read(sale.group_partition(group[0]))
    for asked in (sale.find(hold), sale.release(hold), sale.confirm(hold), sale.extend(hold), sale.cancel(hold)):
        with pytest.raises(BackendUnavailable):
            await asked
    with pytest.raises(BackendUnavailable):
        await sale.map()
    sale.store.mend()
    assert await sale.find(hold) == hold


@pytest.mark.parametrize("step", STEPS)
async def test_a_step_that_was_only_ever_refused_is_not_reported_as_unknown(sale: Sale, step: Step) -> None:
    hold = await ready(sale, step)
    sale.store.spoil(Spoil.REFUSED, commits)
    with pytest.raises(Overloaded):
        await step(sale, hold)
    sale.store.mend()
    assert await sale.find(hold) == hold


@pytest.mark.parametrize("step", STEPS)
async def test_a_step_that_is_refused_after_an_unknown_stays_unknown(sale: Sale, step: Step) -> None:
    hold = await ready(sale, step)
    sale.store.spoil(Spoil.LATE, commits, times=1)
    sale.store.spoil(Spoil.REFUSED, commits)
    with pytest.raises(OutcomeUnknown):
        await step(sale, hold)


@pytest.mark.parametrize("holds_per_holder_max", [0, 2])
async def test_a_key_that_certainly_was_not_bound_is_not_reported_as_unknown(
    market: Market, holds_per_holder_max: int
) -> None:
    sale = await market.open(holds_per_holder_max=holds_per_holder_max)
    sale.store.spoil(Spoil.REFUSED, ledgers)
    with pytest.raises(Overloaded):
        await sale.hold(SEATS, key="k")
    sale.store.mend()
    sale.store.spoil(Spoil.LOST, ledgers, times=1)
    sale.store.spoil(Spoil.REFUSED, ledgers)
    with pytest.raises(OutcomeUnknown):
        await sale.hold(SEATS, key="k")
    sale.store.mend()
    assert (await sale.hold(SEATS, key="k")).is_live


async def test_a_refused_hold_without_a_key_is_not_made_unknown_by_a_fence_that_is(market: Market) -> None:
    limited = await market.open(holds_per_holder_max=1)
    another = limited.elsewhere()
    await limited.hold("A1", by="bob")
    another.store.spoil(Spoil.LOST, fences)
    with pytest.raises(BackendUnavailable):
        await another.hold(SEATS)


async def test_a_key_that_a_fence_may_have_decided_is_unknown_until_it_is_asked_again(sale: Sale) -> None:
    """It may keep the refusal for good even if the seats are free then, so no answer may say that nothing was done."""
    another, taken = sale.elsewhere(), await sale.hold("A1", by="bob")
    another.store.spoil(Spoil.UNANSWERED, fences, times=1)
    another.store.spoil(Spoil.NOT_DONE, fences)
    with pytest.raises(OutcomeUnknown):
        await another.hold(SEATS, key="k")
    another.store.mend()
    await sale.release(taken)
    with pytest.raises(SeatHeld):
        await another.hold(SEATS, key="k")
