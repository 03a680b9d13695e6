"""Rows of keys and slots: what each batch writes on which condition, which slot is taken, what is read for it."""

from dataclasses import replace

import pytest

from tests.protocol.parts import Pauses, noted, pauses
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import ABSENT, Kind, Row, RowKey, Table, Write
from travio_inventory.protocol.ledger import TRIES_MAX, Answered, Ledger
from travio_inventory.protocol.retention import Retention
from travio_inventory.seats.hold import HoldRequest
from travio_inventory.seats.refusals import HoldLimitReached
from travio_inventory.seats.trip import Journey
from verification.kit.clocks import START_MS
from verification.kit.faulty_batches import Spoil, commits, ledgers
from verification.kit.passing import Batch
from verification.kit.sale import GRACE_S, TTL_S, Market, Sale

KEPT = Retention()
KEY = RowKey(Kind.KEY, "k")


@pytest.fixture
async def limited(market: Market) -> Sale:
    """Two live holds a holder, each seat in a seat group of its own."""
    sale = await market.open(seats_per_group=1, holds_per_holder_max=2)
    sale.process.sender.random = Pauses()
    return sale


def written(sent: list[Batch]) -> list[list[Write]]:
    """The batches on ledgers."""
    return [[*batch.writes] for batch in sent if batch.partition.table is Table.LEDGERS]


def slot(number: int) -> RowKey:
    return RowKey(Kind.SLOT, str(number))


async def test_a_key_is_bound_to_each_id_in_turn_while_attempts_give_up(sale: Sale) -> None:
    sent, ids = noted(sale), list[str]()
    for _ in range(2):
        sale.store.spoil(Spoil.NOT_DONE, commits)
        with pytest.raises(BackendUnavailable):
            await sale.hold("A1", key="k")
        sale.store.mend()
        sale.clock.pass_ms(5)
    ids.append((await sale.hold("A1", key="k")).id)
    bound = written(sent)
    values = [dict(batch[0].values) for batch in bound if batch[0].condition is not ABSENT]
    assert [row["generation"] for row in values] == [2, 3]
    assert [row["since_ms"] for row in values] == [START_MS + 5, START_MS + 10]
    assert values[1]["hold"] == ids[0]
    conditions = [batch[0].condition for batch in bound if batch[0].condition is not ABSENT]
    assert conditions == [{"hold": bound[0][0].values["hold"]}, {"hold": values[0]["hold"]}]
    assert {batch[0].keep_s for batch in bound} == {KEPT.keys_s}
    assert {row["fingerprint"] for row in values} == {bound[0][0].values["fingerprint"]}


async def test_a_key_is_bound_by_one_batch_without_a_read_before(sale: Sale) -> None:
    sent = noted(sale)
    hold = await sale.hold("A1", key="k")
    [[write]] = written(sent)
    assert write == Write(
        KEY,
        ABSENT,
        {"hold": hold.id, "fingerprint": write.values["fingerprint"], "generation": 1, "since_ms": START_MS},
        KEPT.keys_s,
    )
    assert write.values["fingerprint"]
    assert sale.store.rows_read[Kind.KEY] == 0
    assert await sale.hold("A1", key="k") == hold
    assert pauses(sale) == 0


async def test_a_key_that_nobody_used_is_bound_to_nothing(sale: Sale) -> None:
    sender, holds = sale.process.sender, sale.process.holds
    ledger = Ledger(sender, holds.resource.books, holds.judging)
    asked = HoldRequest(sale.actor(), sale.trip, Journey(0, 2), ("A1",), TTL_S * 1_000, "k", asked_s=TTL_S)
    assert await ledger.look(asked) is None
    hold = await sale.hold("A1", key="other")
    found = await ledger.look(replace(asked, key="other"))
    assert isinstance(found, Answered)
    assert found.hold_id == hold.id


async def test_each_hold_takes_the_first_free_slot_for_as_long_as_it_may_be_held(limited: Sale) -> None:
    sent = noted(limited)
    one = await limited.hold("A1")
    limited.clock.pass_ms(7)
    two = await limited.hold("A2", key="k")
    taken: list[tuple[Row, int]] = [({"hold": one.id}, 0), ({"hold": two.id}, 7)]
    slots = [write for batch in written(sent) for write in batch if write.key.kind is Kind.SLOT]
    assert slots == [
        Write(slot(number), ABSENT, {**row, "since_ms": START_MS + late_ms}, KEPT.slots_s)
        for number, (row, late_ms) in enumerate(taken)
    ]
    assert [[write.key for write in batch] for batch in written(sent)] == [[slot(0)], [KEY, slot(1)]]
    with pytest.raises(HoldLimitReached) as refused:
        await limited.hold("A3")
    assert refused.value.holds_max == 2


async def test_a_slot_goes_from_the_hold_that_has_ended_to_the_next(limited: Sale) -> None:
    await limited.hold("A1")
    two = await limited.hold("A2")
    await limited.release(two)
    sent = noted(limited)
    three = await limited.hold("A3")
    [[write]] = written(sent)
    assert (write.key, write.condition, write.values["hold"]) == (slot(1), {"hold": two.id}, three.id)


@pytest.mark.parametrize("key", ["k", None])
async def test_a_slot_that_was_taken_without_an_answer_is_the_calls_own(limited: Sale, key: str | None) -> None:
    limited.store.spoil(Spoil.UNANSWERED, ledgers, times=1)
    sent = noted(limited)
    hold = await limited.hold("A1", key=key)
    [writes] = written(sent)
    assert (writes[-1].key, writes[-1].values["hold"], pauses(limited)) == (slot(0), hold.id, 1)
    assert (await limited.hold("A2")).id != hold.id, "the other slot is free"


async def test_a_key_that_leaves_a_hold_takes_its_slot_along(limited: Sale) -> None:
    await limited.hold("A1")
    limited.store.spoil(Spoil.NOT_DONE, commits)
    with pytest.raises(BackendUnavailable):
        await limited.hold("A2", key="k")
    limited.store.mend()
    sent = noted(limited)
    hold = await limited.hold("A2", key="k")
    [[key, taken]] = written(sent)
    assert (key.condition, key.values["generation"]) == (taken.condition, 2)
    assert (taken.key, taken.values["hold"]) == (slot(1), hold.id)


async def test_an_empty_slot_is_taken_also_by_a_key_that_leaves_a_hold(limited: Sale) -> None:
    await limited.hold("A1")
    limited.store.spoil(Spoil.NOT_DONE, commits)
    with pytest.raises(BackendUnavailable):
        await limited.hold("A2", key="k")
    limited.store.mend()
    await limited.market.store.apply(rows.ledger_partition(limited.actor()), [Write(slot(0), {}, {"hold": None})])
    sent = noted(limited)
    await limited.hold("A2", key="k")
    assert written(sent)[0][1].key == slot(0)


async def test_a_booking_takes_no_slot(limited: Sale) -> None:
    booked = await limited.confirm(await limited.hold("A1"))
    await limited.hold("A2")
    sent = noted(limited)
    await limited.hold("A3")
    [[write]] = written(sent)
    assert (write.key, write.condition) == (slot(0), {"hold": booked.id})


async def test_a_slot_whose_hold_cannot_be_judged_is_neither_taken_nor_a_refusal(limited: Sale) -> None:
    await limited.hold("A1")
    await limited.hold("A2")
    limited.store.cannot_read(limited.group_partition("A1"))
    sent = noted(limited)
    with pytest.raises(BackendUnavailable):
        await limited.hold("A3")
    assert sent == []


async def test_another_slot_is_taken_where_one_cannot_be_judged(limited: Sale) -> None:
    await limited.hold("A1")
    two = await limited.hold("A2")
    await limited.release(two)
    limited.store.cannot_read(limited.group_partition("A1"))
    sent = noted(limited)
    await limited.hold("A3")
    assert [write.key for write in written(sent)[0]] == [slot(1)]


async def test_a_ledger_that_cannot_be_read_is_tried_a_few_times(limited: Sale) -> None:
    limited.store.cannot_read(rows.ledger_partition(limited.actor()))
    sent = noted(limited)
    with pytest.raises(BackendUnavailable):
        await limited.hold("A1")
    assert (len(sent), pauses(limited)) == (0, TRIES_MAX)


async def test_a_slot_of_an_attempt_without_a_row_is_taken_only_after_its_grace(limited: Sale) -> None:
    await limited.dies(limited.hold("A1"), limited.store.stall(commits))
    other = limited.elsewhere()
    await other.hold("A2")
    limited.clock.pass_ms(GRACE_S * 1_000 - 1)
    with pytest.raises(HoldLimitReached):
        await other.hold("A3")
    limited.clock.pass_ms(1)
    sent = noted(other)
    await other.hold("A3")
    assert [write.key for write in written(sent)[0]] == [slot(0)]
