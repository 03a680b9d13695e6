"""A step is tried a few times, with a pause between, and a call that gives up says only what is certain."""

import pytest

from tests.protocol.parts import noted, pauses
from tests.seats.steps import STEPS, Step
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown, Overloaded
from travio_inventory.protocol import rows
from travio_inventory.protocol.claims import ERRORS_MAX, ROUNDS_MAX
from travio_inventory.protocol.ledger import TRIES_MAX as LEDGER_TRIES_MAX
from travio_inventory.protocol.steps.deciding import TRIES_MAX
from travio_inventory.protocol.steps.expire import TRIES_MAX as EXPIRE_TRIES_MAX
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.refusals import SeatContended
from verification.kit.clocks import START_MS
from verification.kit.faulty_batches import Spoil, commits, fences, ledgers
from verification.kit.sale import CLOCK_BOUND_MS, GRACE_S, TTL_S, Sale

CERTAIN = [(Spoil.LOST, OutcomeUnknown), (Spoil.NOT_DONE, BackendUnavailable), (Spoil.REFUSED, Overloaded)]


async def ready(sale: Sale, step: Step) -> Hold:
    hold = await sale.hold("A1")
    return await sale.confirm(hold) if step is Sale.cancel else hold


@pytest.mark.parametrize(("how", "said"), CERTAIN)
@pytest.mark.parametrize("step", STEPS)
async def test_a_step_gives_up_after_a_few_batches(sale: Sale, step: Step, how: Spoil, said: type[Exception]) -> None:
    hold = await ready(sale, step)
    sale.store.spoil(how, commits)
    sent = noted(sale)
    with pytest.raises(said):
        await step(sale, hold)
    assert (len(sent), pauses(sale)) == (TRIES_MAX, TRIES_MAX)


@pytest.mark.parametrize("step", STEPS)
async def test_a_step_that_cannot_read_its_hold_sends_nothing(sale: Sale, step: Step) -> None:
    hold = await ready(sale, step)
    sale.store.cannot_read(sale.group_partition("A1"))
    sent = noted(sale)
    with pytest.raises(BackendUnavailable):
        await step(sale, hold)
    assert (len(sent), pauses(sale)) == (0, TRIES_MAX)


async def test_a_hold_that_cannot_be_ended_is_unknown(sale: Sale) -> None:
    hold = await sale.hold("A1")
    sale.clock.pass_ms(TTL_S * 1_000 + CLOCK_BOUND_MS)
    sale.store.spoil(Spoil.NOT_DONE, commits)
    sent = noted(sale)
    with pytest.raises(OutcomeUnknown):
        await sale.process.holds.expiring.expire(hold)
    assert (len(sent), pauses(sale)) == (EXPIRE_TRIES_MAX, EXPIRE_TRIES_MAX)


async def test_a_hold_without_an_answer_is_fenced_then_certainly_not_made(sale: Sale) -> None:
    sale.store.spoil(Spoil.LOST, commits)
    sent = noted(sale)
    with pytest.raises(BackendUnavailable):
        await sale.hold("A1")
    assert [commits(*batch[:2]) for batch in sent] == [True] * (ERRORS_MAX + 1) + [False]
    assert fences(*sent[-1][:2])
    assert pauses(sale) == ERRORS_MAX


async def test_a_hold_that_cannot_be_fenced_is_unknown(sale: Sale) -> None:
    sale.store.spoil(Spoil.LOST, commits)
    sale.store.spoil(Spoil.LOST, fences)
    with pytest.raises(OutcomeUnknown):
        await sale.hold("A1")


async def test_a_hold_whose_batches_were_never_sent_needs_no_fence(sale: Sale) -> None:
    sale.store.spoil(Spoil.NOT_DONE, commits)
    sent = noted(sale)
    with pytest.raises(BackendUnavailable):
        await sale.hold("A1")
    assert (len(sent), pauses(sale)) == (ERRORS_MAX + 1, ERRORS_MAX)


async def test_a_hold_to_which_others_come_first_again_and_again_is_contended(sale: Sale) -> None:
    sale.store.spoil(Spoil.REFUSED, commits)
    sent = noted(sale)
    with pytest.raises(SeatContended) as refused:
        await sale.hold("A1")
    assert refused.value.seats == ("A1",)
    assert (len(sent), pauses(sale)) == (ROUNDS_MAX, 0)


@pytest.mark.parametrize(("late_ms", "tries"), [(1, 2), (0, 1)])
async def test_no_batch_is_sent_once_the_grace_of_an_attempt_is_over(sale: Sale, late_ms: int, tries: int) -> None:
    """Somebody may have fenced it by then."""
    sale.store.spoil(Spoil.NOT_DONE, commits)
    sent = noted(sale, lambda: sale.clock.pass_ms(GRACE_S * 1_000 - late_ms if sale.clock.at_ms == START_MS else 1))
    with pytest.raises(BackendUnavailable):
        await sale.hold("A1")
    assert len(sent) == tries


@pytest.mark.parametrize(("how", "said"), CERTAIN)
async def test_a_hold_that_cannot_enter_the_ledger_claims_nothing(
    sale: Sale, how: Spoil, said: type[Exception]
) -> None:
    sale.store.spoil(how, ledgers)
    sent = noted(sale)
    with pytest.raises(said):
        await sale.hold("A1", key="k")
    assert {batch.partition for batch in sent} == {rows.ledger_partition(sale.actor())}
    assert (len(sent), pauses(sale)) == (LEDGER_TRIES_MAX + 1, LEDGER_TRIES_MAX)
