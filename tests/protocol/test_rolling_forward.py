"""The other partitions of a hold follow its home row: how often it is tried, and what others are told."""

from dataclasses import replace

import pytest

from tests.protocol.parts import noted, pauses
from travio_inventory.protocol.rolling_forward import TRIES_MAX, RollingForward
from travio_inventory.seats.hold import NEVER_MS, Held, Hold, Released
from verification.kit.clocks import START_MS
from verification.kit.faulty_batches import Spoil, cells_alone
from verification.kit.sale import CLOCK_BOUND_MS, TTL_S, Sale


@pytest.fixture
def rolling(sale: Sale) -> RollingForward[Hold]:
    return sale.process.holds.rolling


async def roll_a2(sale: Sale, rolling: RollingForward[Hold], hold: Hold) -> bool:
    partition = sale.group_partition("A2")
    return await rolling.roll(hold.id, partition, sale.process.holds.resource.keys(hold, partition), Released())


async def test_claims_are_returned_by_one_batch(sale: Sale, rolling: RollingForward[Hold]) -> None:
    hold = await sale.hold("A1 A2")
    sent = noted(sale)
    assert await roll_a2(sale, rolling, hold)
    assert await sale.statuses("A2") == ["available"] * 3
    assert await sale.statuses("A1") == ["held"] * 3
    assert [batch.partition for batch in sent] == [sale.group_partition("A2")]
    assert await roll_a2(sale, rolling, hold), "they are another's now, or nobody's"
    assert (len(sent), pauses(sale)) == (2, 0)


@pytest.mark.parametrize("how", [Spoil.LOST, Spoil.NOT_DONE])
async def test_a_batch_without_an_answer_is_sent_again_after_a_pause(
    sale: Sale, rolling: RollingForward[Hold], how: Spoil
) -> None:
    hold = await sale.hold("A1 A2")
    sale.store.spoil(how, cells_alone, times=TRIES_MAX - 1)
    sent = noted(sale)
    assert await roll_a2(sale, rolling, hold)
    assert await sale.statuses("A2") == ["available"] * 3
    assert (len(sent), pauses(sale)) == (TRIES_MAX, TRIES_MAX - 1)


async def test_it_gives_up_after_a_few_and_says_that_it_is_not_certain(
    sale: Sale, rolling: RollingForward[Hold]
) -> None:
    hold = await sale.hold("A1 A2")
    sale.store.spoil(Spoil.LOST, cells_alone)
    sent = noted(sale)
    assert not await roll_a2(sale, rolling, hold)
    assert (len(sent), pauses(sale)) == (TRIES_MAX, TRIES_MAX)


async def test_a_hold_that_runs_out_is_looked_at_once_it_has_lapsed(sale: Sale) -> None:
    signals = sale.process.sender.signals
    await sale.hold("A1 A2")
    both = {sale.group_partition("A1"), sale.group_partition("A2")}
    lapses_ms = sale.clock.elapsed_ms() + TTL_S * 1_000 + CLOCK_BOUND_MS
    assert signals.take_due(lapses_ms - 1) == set()
    assert signals.take_due(lapses_ms) == both


async def test_what_is_held_for_ever_or_has_ended_falls_due_never(sale: Sale, rolling: RollingForward[Hold]) -> None:
    hold = await sale.hold("A1")
    sale.process.sender.signals.take_due(NEVER_MS)
    await rolling.settled(replace(hold, state=Held(NEVER_MS)), as_of_ms=START_MS)
    await rolling.settled(replace(hold, state=Released()), as_of_ms=START_MS)
    assert sale.process.sender.signals.all_due() == set()


async def test_only_what_has_ended_or_is_booked_is_rolled_forward(sale: Sale, rolling: RollingForward[Hold]) -> None:
    hold, alone = await sale.hold("A1 A2"), await sale.hold("A3")
    sent = noted(sale)
    await rolling.settled(hold, as_of_ms=START_MS)
    await rolling.settled(replace(alone, state=Released()), as_of_ms=START_MS)
    await sale.settled()
    assert sent == []
    await rolling.settled(replace(hold, state=Released()), as_of_ms=START_MS)
    await sale.settled()
    assert [batch.partition for batch in sent] == [sale.group_partition("A2")]


async def test_seats_that_cannot_be_read_are_freed_if_the_hold_was_never_moved(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    sale.store.cannot_read(sale.group_partition("A2"))
    await sale.release(hold)
    await sale.settled()
    assert await sale.statuses("A2") == ["available"] * 3


async def test_what_another_has_by_now_is_not_freed_with_a_moved_hold(
    sale: Sale, rolling: RollingForward[Hold]
) -> None:
    hold = await sale.move(await sale.hold("A1 A2"), "A2>A3")
    await sale.release(hold)
    await sale.settled()
    await sale.hold("A3", by="bob")
    await rolling.roll_forward(replace(hold, state=Released()))
    assert await sale.statuses("A3") == ["held"] * 3
