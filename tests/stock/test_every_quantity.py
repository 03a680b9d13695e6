"""Every change of a quantity is one conditional batch with its movement and event: of every use case, on each store."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, replace
from datetime import timedelta
from inspect import iscoroutinefunction
from random import Random
from typing import Any

import pytest

from tests.stock.arriving import Arrivals
from tests.stock.carrying import Carrying
from tests.stock.purchasing import Purchasing
from tests.stock.shop import BY_HAND, Shop
from tests.stock.spread import Spread
from travio_inventory.kernel.actor import HOUSE, Actor
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.protocol.batches import ABSENT, Batches, Kind, Outcome, Write
from travio_inventory.stock.allocation import Asked, Wanted
from travio_inventory.stock.approval import ApprovalLimits, ApprovalsQuery, DecideAdjustment
from travio_inventory.stock.audit.rounds import all_places
from travio_inventory.stock.availability import StockQuestion
from travio_inventory.stock.bulk import StockLine, UpdateMany
from travio_inventory.stock.commands import ChangeEntry, ChangeWarehouse, DeleteEntry
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.records.movement_days import day_of
from travio_inventory.stock.records.stock_rows import STOCK
from travio_inventory.stock.reports import StockReportQuery
from travio_inventory.stock.reservation import Item, OfReservation, Reserve
from travio_inventory.stock.supplier import AddSupplier, ChangeSupplier, Contact, DeleteSupplier
from travio_inventory.stock.transfer import OnTheWay
from travio_inventory.stock.use_cases import Stock
from travio_inventory.stock.warehouse import Site
from travio_inventory.store.memory import MemoryBatches
from verification.kit.judged_stock import JudgedStock
from verification.kit.passing import Batch, Passing, Send

LIMIT = 5


class Noted:
    """A use case; notes what is called of it."""

    def __init__(self, name: str, of: Any, called: set[str]) -> None:  # noqa: ANN401 - any use case
        self._name = name
        self._of = of
        self._called = called

    def __call__(self, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - as it has it
        self._called.add(self._name)
        return self._of(*args, **named)

    def __getattr__(self, verb: str) -> Any:  # noqa: ANN401 - likewise
        self._called.add(f"{self._name}.{verb}")
        return getattr(self._of, verb)


def verbs(stock: Stock) -> set[str]:
    """All that can be done with stock."""
    found = set()
    for field in fields(stock):
        of = getattr(stock, field.name)
        if iscoroutinefunction(of) or "__call__" in vars(type(of)):
            found.add(field.name)
        else:
            named = (verb for verb in vars(type(of)) if not verb.startswith("_"))
            found |= {f"{field.name}.{verb}" for verb in named if iscoroutinefunction(getattr(of, verb))}
    return found


class Day:
    """A day on which a shop does everything that can be done."""

    def __init__(self, store: Batches) -> None:
        self.shop = Shop(store, limits=ApprovalLimits(LIMIT))
        self.verbs, self.called = verbs(self.shop.stock), set[str]()
        stock = self.shop.stock
        noted: dict[str, Any] = {
            field.name: Noted(field.name, getattr(stock, field.name), self.called)
            for field in fields(stock)
            if field.name != "counts"
        }
        self.shop.stock = replace(stock, **noted)
        self.bob = Actor(self.shop.actor.organization, "bob")

    async def pass_all(self) -> None:
        """Everything, in an order in which it makes sense."""
        shop = self.shop
        north = await shop.entry("cup", 20, reorder_point=12)
        way = Carrying(shop, north, await shop.entry("cup", 2, code="south"))
        for part in (self._adjusted, self._reserved, self._shared, self._told, self._looked_at):
            await part(north)
        await self._carried(way)
        await self._bought()
        await self._kept()
        await shop.settled()

    async def _adjusted(self, north: InventoryEntry) -> None:
        shop = self.shop
        await shop.adjust(north, -3, "DAMAGE")
        await shop.count(north, 16, version=2)
        for yes in (True, False):
            waits = (await shop.adjust(north, 9)).waits
            assert waits is not None
            await shop.stock.approvals.decide(self.bob, DecideAdjustment(waits.id, yes, ""))
            await shop.stock.approvals.one(shop.actor, waits.id)
        await shop.stock.approvals.page(shop.actor, ApprovalsQuery(is_pending=False))
        lines = [StockLine(north.id, quantity=each, reason=BY_HAND) for each in (1, 2, -50, 9)]
        await shop.stock.update_many(shop.actor, UpdateMany(lines, "k"), within_s=30)

    async def _reserved(self, _north: InventoryEntry) -> None:
        shop = self.shop
        for order in ("kept", "given back", "returned", "late", "gone"):
            await shop.reserve(order, ("cup", 2), ttl_s=60)
        for order in ("kept", "returned"):
            await shop.commit(order)
        for order in ("given back", "returned"):
            await shop.cancel(order)
        await shop.stock.reserve.reserved_before(shop.actor, Reserve("kept", [Item("cup", 2)], "k"))
        shop.clock.pass_ms(70_000)
        await shop.stock.expire(HOUSE)
        await shop.commit("late")
        await shop.settled()
        found = await shop.stock.reserve.of_order(shop.actor, "kept")
        await shop.stock.reserve.one(shop.actor, found.id)
        await shop.stock.reserve.commit(shop.actor, OfReservation(reservation_id=found.id))

    async def _shared(self, _north: InventoryEntry) -> None:
        spread = await Spread.of(self.shop, 9, 3, sku="hat")
        await spread.lies(3, 3)
        await self.shop.reserve("hats", ("hat", 3))
        await self.shop.commit("hats")
        await self.shop.cancel("hats")
        await spread.set(1)
        await self.shop.settled()

    async def _told(self, _north: InventoryEntry) -> None:
        heard = Arrivals(self.shop)
        for order, ends in (("told", "payment.successful"), ("unpaid", "payment.failed"), ("off", "order.cancelled")):
            await heard.take(heard.placed(order, ("cup", 1)))
            await heard.take(heard.told(ends, order))
        await heard.take(heard.told("order.cancelled", "told"))
        await heard.take(heard.event("product.created", productId="p", sku="plate"))

    async def _looked_at(self, north: InventoryEntry) -> None:
        shop, stock = self.shop, self.shop.stock
        await stock.check(shop.actor, [StockQuestion("cup", 1)])
        await stock.preview(shop.actor, Asked([Wanted("cup", 1)]))
        today = day_of(shop.clock.now_ms())
        await stock.report(shop.actor, StockReportQuery(today - timedelta(days=1), today), within_s=30)
        await stock.read.in_shards(shop.actor, north.id)
        await shop.listed()
        await shop.movements(north)
        await stock.audit.due(HOUSE)
        async for at in all_places(shop.store, shop.actor.organization):
            audited = await stock.audit.one(HOUSE, at, repair=True)
            assert (audited.left, audited.repaired, audited.unread) == ([], [], "")

    async def _carried(self, way: Carrying) -> None:
        for choice in OnTheWay:
            transfer = await way.ship(await way.draft(4))
            await way.receive(transfer, 1, rejected=1)
            await way.cancel(transfer, choice)
        await way.receive(await way.ship(await way.draft(1)), 1)
        await way.cancel(await way.draft(1))
        await self.shop.stock.transfers.one(self.shop.actor, transfer.id)
        await way.listed()

    async def _bought(self) -> None:
        shop, stock = self.shop, self.shop.stock
        mugs, pans = await shop.entry("mug"), await shop.entry("pan", code="west")
        supplier = await stock.suppliers.add(shop.actor, AddSupplier("acme", Contact("Acme")))
        buying = Purchasing(shop, mugs, pans, supplier)
        order = await buying.place(6, 2)
        await buying.receive(order, 4, 2, key="r")
        await buying.cancel(order)
        await buying.now(order)
        await buying.listed()
        await buying.suggested()
        await stock.reorder(HOUSE)
        await stock.suppliers.change(shop.actor, ChangeSupplier(supplier.id, supplier.contact, 1))
        await stock.suppliers.delete(shop.actor, DeleteSupplier(supplier.id, 2))
        await stock.suppliers.one(shop.actor, supplier.id)
        await stock.suppliers.all(shop.actor)

    async def _kept(self) -> None:
        shop, stock = self.shop, self.shop.stock
        lid = await shop.entry("lid")
        await stock.keep.change(shop.actor, ChangeEntry(lid.id, 3, 4, 1))
        await stock.keep.delete(shop.actor, DeleteEntry(lid.id, 2))
        east = await shop.warehouse("east")
        await stock.warehouses.change(shop.actor, ChangeWarehouse(east.id, Site("East"), 1))
        await stock.warehouses.all(shop.actor)


async def test_every_change_of_a_total_is_a_movement_whatever_is_done(store: JudgedStock) -> None:
    """What is wrong with any batch of it, a fixture says."""
    day = Day(store)
    await day.pass_all()
    assert day.verbs - day.called == set(), "a day has everything that can be done: what is new is added to it"
    assert day.called >= day.verbs


Spoil = Callable[[Write], Write | None]


def without(kind: Kind) -> Spoil:
    return lambda write: None if write.key.kind is kind else write


def of_entry(change: Callable[[Write], Write]) -> Spoil:
    """The row of the entry, otherwise."""
    return lambda write: change(write) if write.key == STOCK and write.condition is not ABSENT else write


def more(name: str) -> Callable[[Write], Write]:
    """One more than is said, where it is."""

    def changed(write: Write) -> Write:
        said = write.values.get(name)
        return write._replace(values={**write.values, name: said + 1}) if isinstance(said, int) else write

    return changed


PLANTED: dict[str, Spoil] = {
    "without its movement": without(Kind.MOVEMENT),
    "without its event": without(Kind.EVENT),
    "without its line": without(Kind.LINE),
    "whatever is there": of_entry(lambda write: write._replace(condition={})),
    "more available than was moved": of_entry(more("available")),
    "more reserved than lines say": of_entry(more("reserved")),
    "another balance": lambda write: more("balance")(write) if write.key.kind is Kind.MOVEMENT else write,
    "over another movement": lambda write: write._replace(condition={}) if write.key.kind is Kind.MOVEMENT else write,
}


class Careless(Passing):
    """A process that writes one thing otherwise than it should."""

    def __init__(self, store: Batches, spoil: Spoil) -> None:
        super().__init__(store)
        self._spoil = spoil

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        """See Passing."""
        return await send(batch._replace(writes=[new for each in batch.writes if (new := self._spoil(each))]))


@pytest.mark.parametrize("spoil", PLANTED.values(), ids=PLANTED.keys())
async def test_a_quantity_that_is_written_otherwise_is_seen(spoil: Spoil) -> None:
    judged = JudgedStock(MemoryBatches(None, Random(1), asyncio.sleep))
    await orders(Shop(judged))
    assert judged.wrong == []
    with suppress(Refusal):
        await orders(Shop(Careless(judged, spoil)))
    assert judged.wrong


async def orders(shop: Shop) -> None:
    """An adjustment, and one order that is committed."""
    entry = await shop.entry("cup", 10)
    await shop.adjust(entry, -2)
    await shop.reserve("o1", ("cup", 3))
    await shop.commit("o1")
    await shop.settled()
