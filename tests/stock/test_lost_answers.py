"""Changes on a store that loses, delays and doubles batches: every answer is true, and nothing moves twice."""

import asyncio
from random import Random

import pytest

from tests.stock.shop import Shop
from travio_inventory.kernel.refusals import RetryableRefusal
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.refusals import InsufficientStock
from travio_inventory.store.memory import Faults, MemoryBatches
from verification.simulation.virtual_loop import run_virtually

CALLS = 40


async def until_told(shop: Shop, entry: InventoryEntry, quantity: int, cause: str) -> int:
    """What the change did in the end: its quantity, or 0 if it was refused for good."""
    while True:
        try:
            await shop.adjust(entry, quantity, cause=cause)
        except RetryableRefusal:
            await asyncio.sleep(1)
        except InsufficientStock:
            return 0
        else:
            return quantity


async def a_day(seed: int) -> None:
    """Callers of two processes change one entry, and repeat until they know; then all is added up."""
    random = Random(seed)
    store = MemoryBatches(None, Random(seed), asyncio.sleep)
    shops = [Shop(store, "org"), Shop(store, "org")]
    entry = await shops[0].entry(quantity=6)
    store.faults = Faults.share(0.5)
    calls = [
        until_told(random.choice(shops), entry, random.choice((-3, -2, -1, 1, 2)), f"c{number}")
        for number in range(CALLS)
    ]
    done = await asyncio.gather(*calls)
    await asyncio.sleep(60)
    store.faults = Faults.none()
    now, movements = await shops[0].now(entry), await shops[0].movements(entry)
    assert now.quantities.total == 6 + sum(done), "each answer says what was done, once"
    assert [each.balance_after for each in movements] == [
        sum(each.quantity for each in movements[: number + 1]) for number in range(len(movements))
    ], "the movements replayed are the balances"
    assert movements[-1].balance_after == now.quantities.total
    assert min(each.balance_after for each in movements) >= 0
    assert len(movements) == 1 + sum(map(bool, done))


@pytest.mark.parametrize("seed", range(3))
def test_each_change_is_made_once_or_refused_whatever_is_lost(seed: int) -> None:
    run_virtually(seed, a_day(seed))


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(3, 300))
def test_the_same_on_many_days(seed: int) -> None:
    run_virtually(seed, a_day(seed))
