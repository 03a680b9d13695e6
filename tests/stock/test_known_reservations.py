"""What a process remembers of reservations saves reads, answers nobody, and never leads to the wrong one."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from tests.stock.in_memory import other, shop
from tests.stock.shop import Shop
from travio_inventory.kernel.refusals import OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Outcome,
    Partition,
    Row,
    RowKey,
    Rows,
    StoreUnavailable,
    Table,
    Unknown,
    Write,
)
from travio_inventory.stock.records import known_reservations
from travio_inventory.stock.records.known_reservations import KnownReservations
from travio_inventory.stock.records.known_stock import KnownStock
from travio_inventory.stock.records.reservation_rows import line_key
from travio_inventory.stock.records.stock_rows import STOCK
from travio_inventory.stock.refusals import ReservationCancelled, StockNotFound
from travio_inventory.stock.reservation import OfReservation, Status
from travio_inventory.store.memory import MemoryBatches
from verification.kit.clocks import Clock
from verification.kit.passing import Batch, Passing, Send

__all__ = ["other", "shop"]
AT = Partition(Table.STOCK, "acme", "cup", 64)
HELD: Row = {"status": "held", "holder": "o1", "extensions": 0, "expires_at_ms": 9}
LINE: Row = {"status": "reserved", "owner": "r1", "quantity": 1, "performed_by": None}
MADE = [Write(rows.hold_key("r1"), ABSENT, HELD), Write(line_key("r1"), ABSENT, LINE)]


async def test_an_order_that_reserved_anew_elsewhere_is_committed_with_that(shop: Shop, other: Shop) -> None:
    entry = await shop.entry("cup", 9)
    await shop.reserve("o1", ("cup", 1))
    await other.cancel("o1")
    anew = await other.reserve("o1", ("cup", 2))
    assert (await shop.commit("o1")).id == anew.id
    assert await shop.totals(entry) == [(7, 0)]


async def test_an_order_that_reserved_anew_elsewhere_is_cancelled_with_that(shop: Shop, other: Shop) -> None:
    entry = await shop.entry("cup", 9)
    first = await shop.reserve("o1", ("cup", 1))
    await other.cancel("o1")
    anew = await other.reserve("o1", ("cup", 2))
    assert (await shop.stock.reserve.cancel(shop.actor, OfReservation(first.id))).id == first.id
    assert await shop.totals(entry) == [(7, 2)]
    assert (await shop.cancel("o1")).id == anew.id
    assert await shop.totals(entry) == [(9, 0)]


async def test_what_another_process_did_is_found(shop: Shop, other: Shop) -> None:
    await shop.entry("cup", 9)
    for order in ("o1", "o2", "o3"):
        await shop.reserve(order, ("cup", 1))
    await other.commit("o1")
    await other.cancel("o2")
    await other.commit("o3")
    assert (await shop.commit("o1")).status is Status.COMMITTED
    with pytest.raises(ReservationCancelled):
        await shop.commit("o2")
    assert (await shop.cancel("o3")).status is Status.CANCELLED


async def test_a_part_that_another_process_cancelled_is_not_given_back_twice(shop: Shop, other: Shop) -> None:
    cups, jugs = await shop.entry("cup", 9), await shop.entry("jug", 9)
    await shop.reserve("o1", ("cup", 1), ("jug", 1))
    await other.cancel("o1", cups.id)
    with pytest.raises(StockNotFound):
        await shop.commit("o1", cups.id)
    await shop.cancel("o1")
    assert await shop.totals(cups, jugs) == [(9, 0), (9, 0)]


async def test_parts_are_committed_by_what_is_remembered(shop: Shop) -> None:
    cups, jugs = await shop.entry("cup", 9), await shop.entry("jug", 9)
    await shop.reserve("o1", ("cup", 1), ("jug", 1))
    await shop.commit("o1", jugs.id)
    assert await shop.totals(cups, jugs) == [(9, 0), (8, 0)]


class Unanswered(Passing):
    """A store that does not tell what came of the next batch of a reservation, and may be silent after it."""

    def __init__(self, *, applies: bool) -> None:
        super().__init__(MemoryBatches(None, Random(1), asyncio.sleep))
        self.loses_next = self.is_silent = False
        self._applies = applies

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        if not self.loses_next or batch.partition.table is not Table.STOCK:
            return await send(batch)
        self.loses_next = False
        if self._applies:
            assert isinstance(await send(batch), Applied)
        return Unknown("lost")

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        if self.is_silent:
            raise StoreUnavailable("it is silent")
        return await super().get(partition, keys)


@pytest.mark.parametrize("applies", [True, False])
async def test_an_answer_that_is_lost_is_found_by_a_read(*, applies: bool) -> None:
    store = Unanswered(applies=applies)
    shop = Shop(store)
    entry = await shop.entry("cup", 9)
    for order, step in (("o1", shop.commit), ("o2", shop.cancel)):
        made = await shop.reserve(order, ("cup", 1))
        store.loses_next = True
        assert (await step(order)).id == made.id
    assert await shop.totals(entry) == [(8, 0)]


@pytest.mark.parametrize("applies", [True, False])
async def test_what_may_have_been_done_is_not_said_to_be_undone(*, applies: bool) -> None:
    store = Unanswered(applies=applies)
    shop = Shop(store)
    entry = await shop.entry("cup", 9)
    for order, step in (("o1", shop.commit), ("o2", shop.cancel)):
        await shop.reserve(order, ("cup", 1))
        store.loses_next = store.is_silent = True
        with pytest.raises(OutcomeUnknown):
            await step(order)
        store.is_silent = False
        await step(order)
    assert await shop.totals(entry) == [(8, 0)]


async def test_what_a_batch_may_have_changed_is_not_remembered() -> None:
    for is_known in (True, False):
        known = _known()
        known.written(AT, [Write(rows.hold_key("r1"), {"status": "held"}, {"status": "released"})], is_known=is_known)
        assert (known.of_order("acme", "o1"), await known.glance(AT, "r1")) == ("", None)


async def test_what_a_refusal_shows_otherwise_is_not_remembered() -> None:
    key = rows.hold_key("r1")
    asked = [Write(key, {"status": "held", "extensions": 0}, {"status": "released"})]
    changed: Sequence[tuple[Rows, bool]] = [
        ({key: HELD}, True),
        ({key: {**HELD, "extensions": 1}}, False),
        ({}, False),
    ]
    for standing, is_kept in changed:
        known = _known()
        known.refused(AT, asked, standing)
        assert (known.of_order("acme", "o1") == "r1") is is_kept


async def test_the_oldest_beyond_the_most_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_reservations, "RESERVATIONS_MAX", 2)
    known = KnownReservations(KnownStock(Clock().elapsed_ms), None)
    for number in range(3):
        row: Row = {**HELD, "holder": f"o{number}"}
        known.written(AT, [Write(rows.hold_key(f"r{number}"), ABSENT, row)], is_known=True)
    assert [known.of_order("acme", f"o{number}") for number in range(3)] == ["", "r1", "r2"]


async def test_what_is_remembered_is_what_was_written() -> None:
    line = {name: value for name, value in LINE.items() if value is not None}
    entry: Row = {"version": 3}
    assert await _known().glance(AT, "r1") is None, "the entry is not known"
    known = _known(entry)
    assert await known.glance(AT, "r1") == {rows.hold_key("r1"): HELD, line_key("r1"): line, STOCK: entry}
    assert await known.order(AT, "r1") == "o1"
    assert await known.order(AT, "r2") == ""


def _known(entry: Row | None = None) -> KnownReservations:
    """One reservation, and perhaps the entry of its line."""
    entries = KnownStock(Clock().elapsed_ms)
    if entry is not None:
        entries.seen(AT, {STOCK: entry})
    known = KnownReservations(entries, None)
    known.written(AT, MADE, is_known=True)
    return known
