"""Who comes for what is sold out is refused by what was read for another: nothing of it is older than it may be."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from tests.stock.shop import Shop
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.protocol.batches import (
    Applied,
    Batches,
    Kind,
    NotDone,
    Outcome,
    Partition,
    Refused,
    RowKey,
    Rows,
    Table,
    Unknown,
    Write,
)
from travio_inventory.stock.commands import ChangeWarehouse
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.records.known_stock import KnownStock
from travio_inventory.stock.records.known_warehouses import KnownWarehouses
from travio_inventory.stock.records.sold_out import REMEMBERED_MS, SKUS_MAX, NotedBatches, SoldOut
from travio_inventory.stock.refusals import InsufficientStock
from travio_inventory.stock.reservation import Status
from travio_inventory.stock.warehouse import Site
from verification.kit.passing import Batch, Passing, Send


class Counted(Passing):
    """Batches that count the calls that are about stock and warehouses."""

    calls = 0
    of_orders = 0

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        self._count(partition)
        return await super().get(partition, keys)

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        self._count(partition)
        return await super().read(partition, kind, start=start, end=end, most=most)

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        self._count(batch.partition)
        return await super().pass_on(batch, send)

    def _count(self, partition: Partition) -> None:
        self.calls += partition.table in (Table.STOCK, Table.WAREHOUSES)
        self.of_orders += partition.table is Table.LEDGERS


async def refused(shop: Shop, order: str, quantity: int = 1, *, allow_split: bool = True, key: str = "") -> int:
    """How many are left for the order, which is refused."""
    with pytest.raises(InsufficientStock) as few:
        await shop.reserve(order, ("cup", quantity), allow_split=allow_split, key=key)
    return few.value.available


@pytest.fixture(params=[("north",), ("north", "south")], ids=["one place", "two places"])
async def sold_out(store: Batches, request: pytest.FixtureRequest) -> Shop:
    """All cups are reserved, one was refused."""
    shop = Shop(Counted(store))
    for code in request.param:
        await shop.entry("cup", 1, code=code)
        await shop.reserve(f"of {code}", ("cup", 1), at=code)
    assert await refused(shop, "first") == 0
    return shop


async def test_a_crowd_for_what_is_sold_out_does_not_come_to_the_stock(sold_out: Shop) -> None:
    counted = sold_out.store
    assert isinstance(counted, Counted)
    counted.calls = 0
    assert await asyncio.gather(*(refused(sold_out, f"o{number}", 1 + number % 3) for number in range(50))) == [0] * 50
    assert counted.calls == 0
    sold_out.clock.pass_ms(REMEMBERED_MS)
    assert await refused(sold_out, "later") == 0
    assert counted.calls > 0, "a moment later it is asked for again"


@pytest.mark.parametrize("key", ["", "k"])
async def test_an_order_that_comes_too_late_costs_one_read_of_what_it_asked_before(sold_out: Shop, key: str) -> None:
    counted = sold_out.store
    assert isinstance(counted, Counted)
    counted.of_orders = 0
    for number in range(3):
        await refused(sold_out, f"o{number}", key=key)
    assert counted.of_orders == 3


async def test_an_order_is_answered_by_its_own_reservation_though_all_is_sold(sold_out: Shop) -> None:
    assert (await sold_out.reserve("of north", ("cup", 1))).order_id == "of north"
    await sold_out.commit("of north")
    assert (await sold_out.reserve("of north", ("cup", 1))).status is Status.COMMITTED


@pytest.mark.parametrize("how", ["cancel", "return", "expiry", "adjust", "add", "opened"])
async def test_what_comes_back_is_sold_at_once(sold_out: Shop, how: str) -> None:
    shop, north = sold_out, (await sold_out.stock.reserve.of_order(sold_out.actor, "of north")).lines[0].inventory_id
    match how:
        case "cancel":
            await shop.cancel("of north")
        case "return":
            await shop.commit("of north")
            assert await refused(shop, "none came back") == 0
            await shop.cancel("of north")
        case "expiry":
            shop.clock.pass_s(901)
            await refused(shop, "of all and more", 9)
            await shop.stock.expire(HOUSE)
        case "adjust":
            await shop.adjust(await shop.stock.read.one(shop.actor, north), 1)
        case "add":
            await shop.entry("cup", 1, code="new")
        case _:
            closed = await shop.warehouse("closed", is_active=False)
            await shop.entry("cup", 1, code="closed")
            assert await refused(shop, "still closed") == 0
            await shop.stock.warehouses.change(shop.actor, ChangeWarehouse(closed.id, Site("Open"), closed.version))
    assert (await shop.reserve("next", ("cup", 1))).status is Status.PENDING


async def test_what_is_left_is_sold_to_who_wants_no_more(shop: Shop) -> None:
    await shop.entry("cup", 2)
    await shop.entry("cup", 2, code="south")
    assert await refused(shop, "o1", 5) == 4
    assert await refused(shop, "o2", 3, allow_split=False) == 2
    assert (await shop.reserve("o3", ("cup", 3))).status is Status.PENDING
    assert await refused(shop, "o4", 2) == 1
    assert (await shop.reserve("o5", ("cup", 1))).status is Status.PENDING
    assert await refused(shop, "o6") == 0


@pytest.mark.parametrize("where", [0, 3])
async def test_the_last_unit_is_found_wherever_it_lies_by_who_said_no_before(shop: Shop, where: int) -> None:
    """Every place was asked before the no was remembered, so each is found again: what this process brings at once,
    what another one does a moment later. Of all who want it one has it.
    """
    other = Shop(shop.store, shop.actor.organization, seed=8)
    places = [await shop.entry("cup", 0, code=f"place-{number}") for number in range(4)]
    assert await refused(shop, "before") == 0
    for brings, is_known in ((shop, True), (other, False)):
        await brings.adjust(places[where], 1)
        if not is_known:
            assert await refused(shop, "too early") == 0
            shop.clock.pass_ms(REMEMBERED_MS)
        asked = (
            each.reserve(f"{brings is shop} {n}", ("cup", 1)) for n in range(4) for each in (shop, other)[: 1 + n % 2]
        )
        answers = await asyncio.gather(*asked, return_exceptions=True)
        made = [each for each in answers if not isinstance(each, BaseException)]
        assert {line.inventory_id for each in made for line in each.lines} == {places[where].id}
        assert len({each.id for each in made}) == 1
        assert await refused(shop, f"after {is_known}") == 0
    assert await shop.totals(*places) == [(0, 2 * (number == where)) for number in range(4)]


async def test_what_an_item_names_is_not_refused_by_what_others_lack(shop: Shop) -> None:
    await shop.entry("cup", 0)
    assert await refused(shop, "o1") == 0
    await Shop(shop.store, shop.actor.organization).entry("cup", 1, code="south")
    assert await refused(shop, "o2") == 0
    assert (await shop.reserve("o3", ("cup", 1), at="south")).status is Status.PENDING
    with pytest.raises(InsufficientStock):
        await shop.reserve("o4", ("cup", 1), at="south")


class Elapsed:
    """Monotonic time that a test sets."""

    ms = 0

    def __call__(self) -> int:
        """So many milliseconds."""
        return self.ms


def test_what_was_read_before_a_batch_is_not_remembered_after_it() -> None:
    elapsed = Elapsed()
    sold_out = SoldOut(elapsed)
    look = sold_out.look("o", "cup")
    sold_out.has_now("o", "cup", 64, 1)
    sold_out.remember("o", "cup", {64: 0}, look)
    assert sold_out.left("o", "cup", allow_split=True) is None
    look = sold_out.look("o", "cup")
    elapsed.ms += 100
    sold_out.remember("o", "cup", {64: 1, 128: -3}, look)
    sold_out.has_now("o", "cup", 64, 0)
    assert sold_out.left("o", "cup", allow_split=True) == 1, "what takes away leaves it standing"
    sold_out.has_now("o", "cup", 192, 1)
    assert sold_out.left("o", "cup", allow_split=True) is None
    sold_out.remember("o", "cup", {64: 0}, look)
    assert sold_out.left("o", "cup", allow_split=True) is None
    sold_out.remember("o", "cup", {64: 0}, sold_out.look("o", "cup"))
    sold_out.forget("other")
    assert sold_out.left("o", "cup", allow_split=True) == 0
    elapsed.ms += REMEMBERED_MS
    assert sold_out.left("o", "cup", allow_split=True) is None


def test_no_more_is_remembered_than_there_is_room_for() -> None:
    sold_out = SoldOut(Elapsed())
    for number in range(SKUS_MAX + 1):
        sold_out.remember("o", str(number), {64: 0}, sold_out.look("o", str(number)))
    assert sold_out.left("o", "0", allow_split=True) is None
    assert sold_out.left("o", "1", allow_split=True) == 0


class Ending(Passing):
    """Batches that end so, whether they were done or not."""

    def __init__(self, store: Batches, outcome: Outcome | None) -> None:
        super().__init__(store)
        self.outcome = outcome

    async def pass_on(self, _batch: Batch, _send: Send) -> Outcome:
        if self.outcome is None:
            raise asyncio.CancelledError
        return self.outcome


@pytest.mark.parametrize(
    ("outcome", "is_remembered"),
    [(None, False), (Unknown("no answer"), False), (Refused({}), True), (NotDone("late"), True), (Applied(), True)],
)
async def test_a_batch_that_may_have_brought_something_is_taken_for_one_that_did(
    store: Batches, outcome: Outcome | None, is_remembered: bool
) -> None:
    sold_out = SoldOut(Elapsed())
    sold_out.remember("o", "cup", {64: 2}, sold_out.look("o", "cup"))
    batches = NotedBatches(Ending(store, outcome), sold_out, KnownWarehouses(Elapsed()), KnownStock(Elapsed()))
    with suppress(asyncio.CancelledError):
        await batches.apply(stock_rows.place("o", "cup", 1), [Write(stock_rows.STOCK, {}, {"available": 1})])
    assert (sold_out.left("o", "cup", allow_split=True) is not None) == is_remembered
