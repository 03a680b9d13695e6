"""An id is fenced by one batch, sent again after a pause while it is unknown; the row that stands is the answer."""

import pytest

from tests.protocol.parts import hold_row, noted, pauses, unused_id
from travio_inventory.kernel.refusals import OutcomeUnknown
from travio_inventory.protocol.batches import Row
from travio_inventory.protocol.fencing import REFUSED, RETRY, TRIES_MAX, Fencing
from travio_inventory.seats.hold import Hold
from verification.kit.faulty_batches import Spoil, fences
from verification.kit.sale import Sale


@pytest.fixture
def fencing(sale: Sale) -> Fencing[Hold]:
    return Fencing(sale.process.sender, sale.process.holds.resource)


async def test_an_id_that_nobody_has_is_fenced_by_one_batch(sale: Sale, fencing: Fencing[Hold]) -> None:
    sent, hold_id = noted(sale), unused_id(sale)
    row = await fencing.fence(sale.trip.key.organization, hold_id, REFUSED, {"taken": "x"})
    said = {"created_at_ms": sale.clock.now_ms(), "taken": "x"}
    assert row == {"status": "aborted", "reason": REFUSED, **said}
    assert await hold_row(sale, hold_id) == row
    assert (len(sent), pauses(sale)) == (1, 0)
    assert sent[0].partition == sale.group_partition("A1")
    assert [write.keep_s for write in sent[0].writes] == [sale.process.sender.rules.retention.ended_s]


async def test_the_row_that_stands_is_the_answer(sale: Sale, fencing: Fencing[Hold]) -> None:
    hold = await sale.hold("A1")
    sent = noted(sale)
    row = await fencing.fence(hold.organization, hold.id, RETRY)
    assert row == await hold_row(sale, hold.id)
    assert row["status"] == "held"
    assert (len(sent), pauses(sale)) == (1, 0)


@pytest.mark.parametrize("how", [Spoil.LOST, Spoil.UNANSWERED, Spoil.NOT_DONE])
async def test_a_fence_without_an_answer_is_sent_again_after_a_pause(
    sale: Sale, fencing: Fencing[Hold], how: Spoil
) -> None:
    sale.store.spoil(how, fences, times=TRIES_MAX - 1)
    sent, hold_id = noted(sale), unused_id(sale)
    row = await fencing.fence(sale.trip.key.organization, hold_id, RETRY)
    assert row == await hold_row(sale, hold_id) == {"status": "aborted", "reason": RETRY}
    assert (len(sent), pauses(sale)) == (TRIES_MAX, TRIES_MAX - 1)


async def test_what_stays_unknown_is_said_to_be_unknown(sale: Sale, fencing: Fencing[Hold]) -> None:
    sale.store.spoil(Spoil.LOST, fences)
    sent = noted(sale)
    with pytest.raises(OutcomeUnknown):
        await fencing.fence(sale.trip.key.organization, unused_id(sale), RETRY)
    assert len(sent) == TRIES_MAX


# ---- a move


async def fenced(sale: Sale, fencing: Fencing[Hold], hold_id: str, move: int = 1) -> Row:
    row = await fencing.fence_move(sale.trip.key.organization, hold_id, move)
    assert row == await hold_row(sale, hold_id)
    return row


async def test_a_move_of_what_is_held_or_booked_is_fenced(sale: Sale, fencing: Fencing[Hold]) -> None:
    hold = await sale.hold("A1")
    assert (await fenced(sale, fencing, hold.id))["moves"] == 1
    await sale.confirm(hold)
    sent = noted(sale)
    assert (await fenced(sale, fencing, hold.id, 2))["moves"] == 2
    assert (len(sent), pauses(sale)) == (2, 0)


async def test_a_hold_that_has_ended_or_is_not_there_needs_no_fence_of_its_moves(
    sale: Sale, fencing: Fencing[Hold]
) -> None:
    hold = await sale.hold("A1")
    await sale.release(hold)
    sent = noted(sale)
    assert (await fenced(sale, fencing, hold.id))["status"] == "released"
    assert await fenced(sale, fencing, unused_id(sale)) == {}
    assert (len(sent), pauses(sale)) == (2, 0)


async def test_the_fence_of_a_move_is_sent_again_after_a_pause(sale: Sale, fencing: Fencing[Hold]) -> None:
    hold = await sale.hold("A1")
    sale.store.spoil(Spoil.LOST, times=TRIES_MAX)
    assert (await fenced(sale, fencing, hold.id))["moves"] == 1
    assert pauses(sale) == TRIES_MAX
