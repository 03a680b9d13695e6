"""What became of a key: read as it stands, or decided for good by a fence; nothing new is held."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.protocol.parts import Overtaken, hold_row, noted, nothing
from tests.protocol.test_overtaken import LASTS_MS, Heard, fencing
from travio_inventory.kernel.refusals import BackendUnavailable, IdempotencyKeyReused, OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Write
from travio_inventory.protocol.fencing import REFUSED, RETRY
from travio_inventory.protocol.hold import Aborted
from travio_inventory.seats.hold import Hold, HoldRequest
from travio_inventory.seats.refusals import SeatTaken
from travio_inventory.seats.trip import Journey
from verification.kit.clocks import START_MS
from verification.kit.faulty_batches import Spoil, commits, fences, ledgers
from verification.kit.sale import TTL_S, Sale


def request(sale: Sale, key: str | None = "k") -> HoldRequest:
    """As `sale.hold("A1 A2", key="k")` asks."""
    return HoldRequest(sale.actor(), sale.trip, Journey(0, 2), ("A1", "A2"), TTL_S * 1_000, key, asked_s=TTL_S)


async def became(sale: Sale, *, settles: bool = False, key: str | None = "k") -> Hold | None:
    """What became of the key."""
    return await sale.process.holds.held_before(request(sale, key), settles=settles)


@pytest.mark.parametrize("key", ["k", None])
async def test_a_key_that_nobody_used_stands_for_nothing(sale: Sale, key: str | None) -> None:
    sent = noted(sale)
    assert await became(sale, key=key) is None
    assert sent == []


@pytest.mark.parametrize("settles", [False, True])
async def test_a_key_that_has_a_hold_is_answered_with_it(sale: Sale, settles: bool) -> None:
    hold = await sale.hold("A1 A2", key="k")
    sale.clock.pass_ms(LASTS_MS)
    heard = Heard(sale)
    assert await became(sale, settles=settles) == hold
    assert heard.changes == [(hold.id, hold.state, START_MS + LASTS_MS)]


async def test_a_key_is_settled_by_a_fence_and_used_again_later(sale: Sale) -> None:
    heard, sent = Heard(sale), noted(sale, lambda: sale.clock.pass_ms(LASTS_MS))
    assert await became(sale, settles=True) is None
    assert [ledgers(*batch[:2]) for batch in sent] == [True, False, False]
    assert fences(*sent[1][:2])
    [(settled, state, as_of_ms)] = heard.changes
    assert (state, as_of_ms) == (Aborted(RETRY), sale.clock.now_ms())
    assert (await hold_row(sale, settled))["reason"] == RETRY
    assert (await sale.hold("A1 A2", key="k")).id != settled


@pytest.mark.parametrize("settles", [False, True])
async def test_an_attempt_that_is_under_way_is_fenced_and_gives_back_what_it_took(sale: Sale, settles: bool) -> None:
    slow = sale.elsewhere()
    stalled = slow.store.stall(commits)
    first = asyncio.ensure_future(slow.hold("A1 A2", key="k"))
    await stalled.reached.wait()
    assert await sale.statuses("A2") == ["held"] * 3
    assert await became(sale, settles=settles) is None
    assert await sale.statuses("A2") == ["available"] * 3
    stalled.go.set()
    assert (await first).seats == ("A1", "A2"), "under another id"


async def test_a_hold_that_lands_before_the_fence_is_the_answer(sale: Sale) -> None:
    cut_off = sale.elsewhere()
    cut_off.store.spoil(Spoil.LATE, commits)
    cut_off.store.spoil(Spoil.LOST, fences)
    with pytest.raises(OutcomeUnknown):
        await cut_off.hold("A1 A2", key="k")

    async def deliver(_: Sequence[Write]) -> None:
        await cut_off.store.deliver_late()

    heard = Heard(sale)
    sale.process.sender.batches = Overtaken(sale.store, deliver, then=lambda: sale.clock.pass_ms(LASTS_MS))
    hold = await became(sale)
    assert hold is not None
    assert (hold.seats, hold.is_live) == (("A1", "A2"), True)
    assert heard.changes == [(hold.id, hold.state, START_MS)]


async def test_a_key_that_another_refuses_for_good_first_is_refused(sale: Sale) -> None:
    sale.process.sender.batches = Overtaken(sale.store, nothing, fencing(sale, REFUSED))
    for settles in (True, False):
        with pytest.raises(SeatTaken):
            await became(sale, settles=settles)


async def test_a_key_of_another_request_is_no_answer(sale: Sale) -> None:
    await sale.hold("A1", key="k")
    with pytest.raises(IdempotencyKeyReused):
        await became(sale)


async def test_a_key_that_cannot_be_read_is_not_said_to_be_unused(sale: Sale) -> None:
    sale.store.cannot_read(rows.ledger_partition(sale.actor()))
    with pytest.raises(BackendUnavailable):
        await became(sale)
