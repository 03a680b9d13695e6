"""An order whose process stopped is planned anew by whoever repeats it: what the first plan reserved does not count."""

import asyncio
from dataclasses import replace
from itertools import count
from random import Random

import pytest

from tests.stock.shop import Shop
from tests.stock.test_transfers_cut_off import Mortal, Stopped
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.protocol.batches import Batches, Table
from travio_inventory.protocol.hold import Recorded
from travio_inventory.protocol.resource import Claim, OwnShare
from travio_inventory.protocol.retention import Retention
from travio_inventory.stock.audit.auditing import StockAuditRules
from travio_inventory.stock.audit.rounds import all_places
from travio_inventory.stock.records.stock_rows import STOCK
from travio_inventory.stock.records.stock_units import StockUnits
from travio_inventory.store.memory import MemoryBatches


async def faults(shop: Shop) -> list[str]:
    """What the auditor finds in all places."""
    auditor = shop.auditor(StockAuditRules(second_look_ms=10, places_per_second=10_000))
    places = [at async for at in all_places(shop.store, shop.actor.organization)]
    return [str(each) for at in places for each in (await auditor.entry(at)).left]


async def cut_off(store: Batches, calls: int) -> bool:
    """Whether the process was stopped after that call. Then the north, which was to serve most of it, has nothing any
    more, the south has all of it, and another process gets the order again.
    """
    shop = Shop(store)
    north, south = await shop.entry("cup", 3), await shop.entry("cup", 3, code="south")
    mortal, was_stopped = Shop(Mortal(store, calls, after=True), shop.actor.organization), False
    try:
        await mortal.reserve("o1", ("cup", 4), key="k")
    except Stopped:
        was_stopped = True
    await mortal.steps.drain(0)
    if (left := (await shop.now(north)).quantities.available) > 0:
        await shop.adjust(north, -left)
    await shop.adjust(south, 5)
    made = await shop.reserve("o1", ("cup", 4), key="k")
    assert sum(line.quantity for line in made.lines) == 4
    shop.clock.pass_s(20)
    await shop.stock.expire(HOUSE)
    assert sum(reserved for _, reserved in await shop.totals(north, south)) == 4
    assert await faults(shop) == []
    await shop.commit("o1")
    moved = [*await shop.movements(north), *await shop.movements(south)]
    assert sum(each.quantity for each in moved) == 3 + 3 - left + 5 - 4
    assert await faults(shop) == []
    return was_stopped


@pytest.mark.once
async def test_an_order_that_is_planned_otherwise_after_any_call_has_what_it_says() -> None:
    store = MemoryBatches(None, Random(1), asyncio.sleep)
    for calls in count():
        if not await cut_off(store, calls):
            break
    assert calls > 6


async def test_a_line_of_another_quantity_and_a_home_without_a_line_are_not_had(store: Batches) -> None:
    """Neither says that the reservation is there: its home row does."""
    shop = Shop(store)
    await shop.entry("cup", 5)
    made = await shop.reserve("o1", ("cup", 2))
    await shop.settled()
    (at,) = StockUnits(Retention(), None).partitions(made)
    assert at.table is Table.STOCK
    standing = await store.get(at, [STOCK, *StockUnits(Retention(), None).keys(made, at)])
    (line,) = made.lines
    for lines, own in (
        (made.lines, OwnShare.ALL),
        ((line._replace(quantity=1),), OwnShare.SOME),
        ((line._replace(place=9),), OwnShare.NONE),
    ):
        claim = Claim(at, [replace(made, lines=lines)], 1, None, is_intent=False, now=Recorded(0, 1))
        assert (await StockUnits(Retention(), None).in_the_way(store, claim, standing)).own is own
