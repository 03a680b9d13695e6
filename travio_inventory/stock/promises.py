"""What stock promises on a store, as cases that its use cases can be held to: on an operator's own cluster as well."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import uuid4

from travio_inventory.kernel.actor import HOUSE, Actor
from travio_inventory.kernel.promises import Promise, PromiseBroken, PromiseUnchecked, expect
from travio_inventory.kernel.refusals import RetryableRefusal
from travio_inventory.stock.commands import AddEntry, AddWarehouse, AdjustStock, MovementsQuery, Why
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.refusals import InsufficientStock
from travio_inventory.stock.reservation import Item, OfReservation, Reserve
from travio_inventory.stock.use_cases import Stock
from travio_inventory.stock.warehouse import Site, Warehouse

UNITS = 4
RIVALS = 8
TRIES_MAX = 60

T = TypeVar("T")


class _Shop:
    """Cups in one warehouse and jugs in another, of an organization that nobody else has."""

    def __init__(self, stock: Stock) -> None:
        self.stock = stock
        self.clerk = Actor(f"verify-{uuid4().hex}", "clerk")
        self.places: dict[str, tuple[Warehouse, InventoryEntry]] = {}

    async def has(self, sku: str, quantity: int) -> InventoryEntry:
        there = await self.stock.warehouses.add(self.clerk, AddWarehouse(sku, Site(sku)))
        entry = await self.stock.keep.add(self.clerk, AddEntry(sku, there.id, sku, quantity))
        self.places[sku] = there, entry
        return entry

    async def reserve(self, order: str, **units: int) -> bool:
        """Whether there were enough."""
        asked = Reserve(order, [Item(sku, count) for sku, count in units.items()])
        try:
            await _persist(lambda: self.stock.reserve.reserve(self.clerk, asked))
        except InsufficientStock:
            return False
        return True

    async def commit(self, order: str) -> None:
        await _persist(lambda: self.stock.reserve.commit(self.clerk, OfReservation(order_id=order)))

    async def quantities(self, sku: str) -> tuple[int, int]:
        return (await self.stock.read.one(self.clerk, self.places[sku][1].id)).quantities

    async def eventually(self, sku: str, quantities: tuple[int, int]) -> None:
        """What goes on in the background ends there."""
        for _ in range(TRIES_MAX):
            if await self.quantities(sku) == quantities:
                return
            await asyncio.sleep(0.1)
        expect(await self.quantities(sku), quantities, f"available and reserved of {sku}")

    async def is_whole(self) -> None:
        """The auditor finds nothing."""
        for sku, (there, _) in self.places.items():
            at = stock_rows.place(self.clerk.organization, sku, there.number)
            audited = await self.stock.audit.one(HOUSE, at)
            if audited.left:
                raise PromiseBroken(f"the audit of {sku}: {'; '.join(map(str, audited.left))}")
            if audited.unread:
                raise PromiseUnchecked(f"the audit of {sku} could not read it: {audited.unread}")


async def _persist(call: Callable[[], Awaitable[T]]) -> T:
    """What the call comes to, however often it must be repeated."""
    for tries_left in reversed(range(TRIES_MAX)):
        try:
            return await call()
        except RetryableRefusal:
            if not tries_left:
                raise
            await asyncio.sleep(0.05)
    raise AssertionError


async def _of_rivals_as_many_win_as_there_are_units(stock: Stock) -> None:
    shop = _Shop(stock)
    await shop.has("cup", UNITS)
    won = await asyncio.gather(*(shop.reserve(f"o{number}", cup=1) for number in range(RIVALS)))
    expect(sum(won), UNITS, "orders that were served")
    expect(await shop.quantities("cup"), (0, UNITS), "available and reserved")
    await asyncio.gather(*(shop.commit(f"o{number}") for number, has_won in enumerate(won) if has_won))
    expect(await shop.quantities("cup"), (0, 0), "available and reserved once they are committed")
    await shop.is_whole()


async def _an_order_gets_every_line_or_none(stock: Stock) -> None:
    shop = _Shop(stock)
    await shop.has("cup", 3)
    await shop.has("jug", 1)
    expect(await shop.reserve("o1", cup=2, jug=2), False, "an order for more than there is")
    for sku, quantities in (("cup", (3, 0)), ("jug", (1, 0))):
        await shop.eventually(sku, quantities)
    expect(await shop.reserve("o2", cup=2, jug=1), True, "an order for what there is")
    await shop.commit("o2")
    for sku, quantities in (("cup", (1, 0)), ("jug", (0, 0))):
        await shop.eventually(sku, quantities)
    await shop.is_whole()


async def _a_change_is_one_movement_however_often_it_is_asked(stock: Stock) -> None:
    shop = _Shop(stock)
    entry = await shop.has("cup", 10)
    change = AdjustStock(entry.id, -3, MovementType.DAMAGE, Why("a trial", cause="fell"))
    many = [_persist(lambda: stock.adjust.by(shop.clerk, change)) for _ in range(RIVALS)]
    changed = await asyncio.gather(*many)
    expect({each.movement.version for each in changed if each.movement}, {2}, "the versions of the movement")
    found = await stock.read.movements(shop.clerk, MovementsQuery(entry.id))
    expect([(each.quantity, each.balance_after) for each in found], [(10, 10), (-3, 7)], "the movements")
    expect(await shop.quantities("cup"), (7, 0), "available and reserved")
    await shop.is_whole()


PROMISES: tuple[Promise[Stock], ...] = (
    Promise("of rivals for the last units as many win as there are", _of_rivals_as_many_win_as_there_are_units),
    Promise("an order gets every line of stock, or none", _an_order_gets_every_line_or_none),
    Promise(
        "a change of stock is one movement, however often it is asked",
        _a_change_is_one_movement_however_often_it_is_asked,
    ),
)
