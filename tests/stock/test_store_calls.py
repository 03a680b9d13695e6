"""How often stock goes to the store: each read of it is half a conditional batch on CQL, so none is without need."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest

from tests.stock.shop import Shop
from travio_inventory.protocol.batches import Kind, Outcome, Partition, Row, RowKey, Rows
from travio_inventory.stock.availability import StockQuestion
from travio_inventory.stock.records.known_stock import KNOWN_MS
from travio_inventory.stock.records.stock_rows import STOCK
from travio_inventory.stock.refusals import StockNotFound
from travio_inventory.stock.reservation import Item, OfReservation, Reserve, Status
from travio_inventory.store.memory import MemoryBatches
from verification.kit.passing import Batch, Passing, Send


class Counted(Passing):
    """A store that counts batches and reads of rows."""

    def __init__(self) -> None:
        super().__init__(MemoryBatches(None, Random(1), asyncio.sleep))
        self.calls: Counter[str] = Counter()
        self.written: Row = {}
        """What the last batch wrote of an entry."""

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        self.calls["batch" if batch.writes else "entries"] += 1
        self.written = next((each.values for each in batch.writes if each.key == STOCK), self.written)
        return await send(batch)

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        self.calls["read"] += 1
        return await super().get(partition, keys)

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        self.calls["read"] += 1
        return await super().read(partition, kind, start=start, end=end, most=most)

    def so_far(self) -> dict[str, int]:
        """Those since it was asked last."""
        counted, self.calls = dict(self.calls), Counter()
        return counted


@pytest.fixture
async def store() -> Counted:
    return Counted()


async def test_a_step_on_what_this_process_reserved_is_one_batch(store: Counted) -> None:
    shop = Shop(store)
    await shop.entry("cup", 9)
    for order, step in (("o1", shop.commit), ("o2", shop.cancel)):
        await shop.reserve(order, ("cup", 1))
        store.so_far()
        await step(order)
        assert store.so_far() == {"batch": 1}, step


async def test_by_its_id_too(store: Counted) -> None:
    shop = Shop(store)
    await shop.entry("cup", 9)
    made = await shop.reserve("o1", ("cup", 1))
    store.so_far()
    await shop.stock.reserve.commit(shop.actor, OfReservation(made.id))
    assert store.so_far() == {"batch": 1}


async def test_a_step_on_what_another_process_reserved_reads_by_a_majority_before_its_batch(store: Counted) -> None:
    """Its order's slot, then its rows with the counters; by its id, these tell the order as well."""
    views = Counted()
    views.store = store.store
    shop = Shop(store)
    other = Shop(store, shop.actor.organization, views=views)
    await shop.entry("cup", 9)
    await other.stock.reserve.reserve(other.actor, Reserve("o0", [Item("cup", 1)]))
    for order, step in (("o1", other.commit), ("o2", other.cancel)):
        await shop.reserve(order, ("cup", 1))
        store.so_far(), views.so_far()
        await step(order)
        assert (store.so_far(), views.so_far()) == ({"batch": 1}, {"read": 2}), step
    made = await shop.reserve("o3", ("cup", 1))
    store.so_far()
    await other.stock.reserve.cancel(other.actor, OfReservation(made.id))
    assert (store.so_far(), views.so_far()) == ({"batch": 1}, {"read": 1})


async def test_where_no_step_follows_what_a_majority_says_is_read_to_decide(store: Counted) -> None:
    """Nobody is answered by a glance: not that it was done before, nor that it cannot be."""
    views = Counted()
    views.store = store.store
    shop = Shop(store)
    other = Shop(store, shop.actor.organization, views=views)
    await shop.entry("cup", 9)
    await shop.reserve("o1", ("cup", 1))
    await shop.commit("o1")
    store.so_far(), views.so_far()
    assert (await other.commit("o1")).status is Status.COMMITTED
    assert (store.so_far(), views.so_far()) == ({"read": 1}, {"read": 2})
    with pytest.raises(StockNotFound):
        await other.commit("never")
    assert (store.so_far(), views.so_far()) == ({"read": 1}, {"read": 1})


async def test_a_step_goes_on_with_the_counters_that_its_refusal_brings(store: Counted) -> None:
    shop = Shop(store)
    entry = await shop.entry("cup", 9)
    other = Shop(store, shop.actor.organization, seed=8)
    for order, step in (("o1", shop.commit), ("o2", shop.cancel)):
        await shop.reserve(order, ("cup", 1))
        await other.adjust(entry, 5)
        store.so_far()
        await step(order)
        assert store.so_far() == {"batch": 2}, step


async def test_an_order_is_two_batches_where_the_process_knows_the_entries(store: Counted) -> None:
    """Its slot, and its lines with the counters: they were seen a moment ago."""
    shop = Shop(store)
    for code in ("north", "south"):
        await shop.entry("cup", 9, code=code)
    await shop.reserve("o1", ("cup", 1))
    store.so_far()
    await shop.reserve("o2", ("cup", 1))
    await shop.reserve("o3", ("cup", 1), key="k3")
    assert store.so_far() == {"batch": 4}


async def test_what_others_sold_meanwhile_is_read_from_the_refusal(store: Counted) -> None:
    shop = Shop(store)
    await shop.entry("cup", 9)
    other = Shop(store, shop.actor.organization)
    await shop.reserve("o1", ("cup", 1))
    await other.reserve("o2", ("cup", 1))
    store.so_far()
    made = await shop.reserve("o3", ("cup", 1))
    assert store.so_far() == {"batch": 3}
    assert [line.quantity for line in made.lines] == [1]


async def test_what_can_be_had_is_shown_without_serial_reads(store: Counted) -> None:
    """The warehouses are remembered, the list of the entries is plain, and each entry is read by a view."""
    views = Counted()
    views.store = store.store
    shop = Shop(store, views=views)
    for code in ("north", "south"):
        await shop.entry("cup", 4, code=code)
    await shop.reserve("o1", ("cup", 1))
    store.so_far()
    (answer,) = await shop.stock.check(shop.actor, [StockQuestion("cup", 7)])
    assert (answer.available, store.so_far(), views.so_far()) == (7, {}, {"read": 2})


async def test_what_was_shown_is_planned_by(store: Counted) -> None:
    """Also of the entries from which nobody takes anything for long."""
    views = Counted()
    views.store = store.store
    shop = Shop(store, views=views)
    for code in ("north", "south"):
        await shop.entry("cup", 4, code=code)
    await shop.entry("jug", 1)
    shop.clock.pass_ms(KNOWN_MS)
    await shop.reserve("o0", ("jug", 1))  # reads where events are recorded now
    await shop.stock.check(shop.actor, [StockQuestion("cup", 7)])
    store.so_far()
    await shop.reserve("o1", ("cup", 1))
    assert store.so_far() == {"batch": 2}


async def test_of_an_entry_is_written_what_changes(store: Counted) -> None:
    shop = Shop(store)
    await shop.entry("cup", 99)
    await shop.reserve("o1", ("cup", 1))
    assert store.written.keys() == {"available", "reserved", "version"}
    await shop.commit("o1")
    assert store.written.keys() == {"reserved", "version", "events"}
    assert await shop.listed(sku="cup") == ["cup 98"]
