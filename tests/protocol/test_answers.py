"""What a call for a hold answers when its attempt did not win, or another call with its key was first."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.protocol.parts import Overtaken, hold_row, noted, nothing, pauses
from tests.protocol.test_overtaken import Heard, fencing
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol.batches import Write
from travio_inventory.protocol.claims import ERRORS_MAX
from travio_inventory.protocol.fencing import REFUSED, RETRY
from travio_inventory.protocol.index_entries import SENT_WITHIN_MS
from travio_inventory.protocol.refusals import HoldReleased
from travio_inventory.protocol.steps.hold import GENERATIONS_MAX
from travio_inventory.seats.hold import HoldRequest
from travio_inventory.seats.refusals import SeatContended, SeatHeld, SeatTaken, TripOpening
from travio_inventory.seats.trip import Journey
from verification.kit.clocks import START_MS
from verification.kit.faulty_batches import Spoil, commits, fences, ledgers
from verification.kit.sale import Market, Sale
from verification.kit.trips import a_trip

LASTS_MS = 7
"""How long each batch takes."""


# ---- the same key again


async def test_two_calls_with_a_key_make_one_hold_under_the_id_that_was_bound_first(sale: Sale) -> None:
    other = sale.elsewhere()
    stalled = other.store.stall(commits)
    first = asyncio.ensure_future(other.hold("A1", key="k"))
    await stalled.reached.wait()
    second = await sale.hold("A1", key="k")
    stalled.go.set()
    assert await first == second


async def test_a_final_refusal_is_repeated_to_its_key_without_another_try(sale: Sale) -> None:
    """Also whose hold it was, to its own holder."""
    hold = await sale.elsewhere().hold("A1")
    sent = noted(sale)
    said = []
    for _ in range(2):
        with pytest.raises(SeatHeld) as refused:
            await sale.hold("A1", key="k")
        said.append((refused.value.cells, refused.value.held_until_ms, refused.value.own_hold))
    assert said[0] == said[1]
    assert said[0][2] == hold.id
    assert [batch.partition for batch in sent].count(sale.group_partition("A1")) == 2, "a claim, and a fence"


async def test_a_refusal_that_another_call_with_the_key_met_says_whose_hold_it_was_too(sale: Sale) -> None:
    hold = await sale.elsewhere().hold("A1")
    stalled = sale.store.stall(commits)
    first = asyncio.ensure_future(sale.hold("A1", key="k"))
    await stalled.reached.wait()
    for call in (sale.elsewhere().hold("A1", key="k"), first):
        with pytest.raises(SeatHeld) as refused:
            await call
        assert refused.value.own_hold == hold.id
        stalled.go.set()


async def test_a_hold_that_was_released_is_over_for_its_key(sale: Sale) -> None:
    await sale.release(await sale.hold("A1", key="k"))
    with pytest.raises(HoldReleased):
        await sale.hold("A1", key="k")


# ---- another call comes first


async def test_a_call_whose_ids_are_fenced_again_and_again_is_contended(sale: Sale) -> None:
    moves = [fencing(sale, RETRY)] * GENERATIONS_MAX
    sale.process.sender.batches = sent = Overtaken(sale.store, *moves)
    with pytest.raises(SeatContended) as refused:
        await sale.hold("A1")
    assert refused.value.seats == ("A1",)
    assert (len(sent.sent), pauses(sale)) == (GENERATIONS_MAX, 0)


async def test_a_hold_that_its_fence_meets_is_the_answer_as_of_the_fence(sale: Sale) -> None:
    heard = Heard(sale)
    sale.store.spoil(Spoil.LATE, commits)

    async def deliver(_: Sequence[Write]) -> None:
        await sale.store.deliver_late()

    moves = [nothing] * (ERRORS_MAX + 1)
    sale.process.sender.batches = sent = Overtaken(
        sale.store, *moves, deliver, then=lambda: sale.clock.pass_ms(LASTS_MS)
    )
    hold = await sale.hold("A1")
    assert (await hold_row(sale, hold.id))["status"] == "held"
    assert fences(*sent.sent[len(moves)][:2])
    assert heard.changes == [(hold.id, hold.state, START_MS + len(moves) * LASTS_MS)]


async def test_what_another_call_decided_for_the_key_is_the_answer_of_one_that_gave_up(sale: Sale) -> None:
    moves = [nothing] * (1 + ERRORS_MAX + 1)
    sale.store.spoil(Spoil.NOT_DONE, commits)
    sale.process.sender.batches = Overtaken(sale.store, *moves, fencing(sale, REFUSED))
    with pytest.raises(SeatTaken):
        await sale.hold("A1", key="k")


async def test_a_lost_call_whose_id_another_has_fenced_as_retryable_may_try_again(sale: Sale) -> None:
    await sale.elsewhere().hold("A1", by="bob")
    sale.process.sender.batches = Overtaken(sale.store, nothing, nothing, fencing(sale, RETRY))
    with pytest.raises(SeatContended) as refused:
        await sale.hold("A1", key="k")
    assert refused.value.seats == ("A1",)


# ---- a fence without an answer


async def test_a_call_that_gave_up_in_no_doubt_did_nothing_whatever_became_of_its_fence(sale: Sale) -> None:
    sale.store.spoil(Spoil.NOT_DONE, commits)
    sale.store.spoil(Spoil.LOST, fences)
    with pytest.raises(BackendUnavailable):
        await sale.hold("A1", key="k")


@pytest.mark.parametrize(("key", "said"), [("k", OutcomeUnknown), (None, BackendUnavailable)])
async def test_a_refusal_that_may_not_be_kept_is_unknown_to_its_key_alone(
    market: Market, key: str | None, said: type[Exception]
) -> None:
    sale = await market.open(seats_per_group=1, holds_per_holder_max=1)
    await sale.elsewhere().hold("A1", by="bob")
    sale.store.spoil(Spoil.LOST, fences)
    with pytest.raises(said):
        await sale.hold("A1", key=key)


# ---- a process that stood still, a trip that is not made


@pytest.mark.parametrize("late_ms", [0, 1])
async def test_no_claim_is_sent_for_a_call_that_began_too_long_ago(sale: Sale, late_ms: int) -> None:
    sale.clock.pass_ms(SENT_WITHIN_MS)
    sent = noted(sale, lambda: sale.clock.pass_ms(SENT_WITHIN_MS + late_ms if len(sent) == 1 else 0))
    if late_ms:
        with pytest.raises(BackendUnavailable):
            await sale.hold("A1", key="k")
    else:
        await sale.hold("A1", key="k")
    assert [ledgers(*batch[:2]) for batch in sent] == [True] + [False] * (1 - late_ms)


@pytest.mark.parametrize("key", ["k", None])
async def test_seats_whose_rows_are_not_made_yet_are_not_said_to_be_taken(sale: Sale, key: str | None) -> None:
    trip = a_trip(sale.trip.key.trip + "0", organization=sale.trip.key.organization)
    request = HoldRequest(sale.actor(), trip, Journey(0, 0), ("A1",), 60_000, key)
    with pytest.raises(TripOpening):
        await sale.process.holds.hold(request)
