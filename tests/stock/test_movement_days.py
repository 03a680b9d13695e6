"""The index that leads to the movements of a day: a busy place is named once for many of them, and none is missed."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from random import Random

import pytest

from tests.stock.shop import Shop
from travio_inventory.protocol.batches import Index, IndexEntry, Outcome, Partition, Table
from travio_inventory.stock.records import movement_days
from travio_inventory.stock.records.movement_days import MovementDays, day_of
from travio_inventory.store.memory import MemoryBatches
from verification.kit.passing import Batch, PassingMemory, Send

DAY_MS = 86_400_000


class Listing(PassingMemory):
    """A store that keeps the entries of its index of stock."""

    def __init__(self) -> None:
        super().__init__(None, Random(1), asyncio.sleep)
        self.named: list[IndexEntry] = []

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        self.named += [each for each in batch.entries if each.of is Index.STOCK]
        return await send(batch)


async def found(shop: Shop, days: int = 1) -> Sequence[Sequence[int]]:
    """The quantities that moved on each of the days up to the present one."""
    today, moves = day_of(shop.clock.now_ms()), MovementDays(shop.store)
    return [
        [
            each.quantity
            async for _, each in moves.of(shop.actor.organization, today - timedelta(days=ago), warehouses=range(1_001))
        ]
        for ago in range(days)
    ]


async def test_movements_of_one_run_are_named_once() -> None:
    shop = Shop(store := Listing())
    await shop.entry("cup", 99)
    await shop.reserve("o1", ("cup", 1))
    await shop.commit("o1")
    store.named.clear()
    for order in ("o2", "o3"):
        await shop.reserve(order, ("cup", 1))
        await shop.commit(order)
    assert store.named == []
    assert await found(shop) == [[99, -1, -1, -1]]


async def test_every_movement_is_found_on_its_day_whatever_its_run() -> None:
    shop = Shop(MemoryBatches(None, Random(1), asyncio.sleep))
    cup = await shop.entry("cup", 1_000)
    jug = await shop.entry("jug", 10)
    for _ in range(movement_days.RUN // 2):
        await shop.adjust(cup, 1)
    shop.clock.pass_ms(DAY_MS)
    for _ in range(movement_days.RUN):
        await shop.adjust(cup, -1)
    await shop.adjust(jug, 5)
    today, before = await found(shop, 2)
    assert sorted(today) == [*[-1] * movement_days.RUN, 5]
    assert sorted(before) == [*[1] * (movement_days.RUN // 2), 10, 1_000]


async def test_a_day_of_more_runs_than_a_page_is_found_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movement_days, "PAGE", 2)
    shop = Shop(MemoryBatches(None, Random(1), asyncio.sleep))
    entries = [await shop.entry(f"cup{number}", 1) for number in range(3)]
    for number in range(2 * movement_days.RUN):
        await shop.adjust(entries[number % 2], 1)
    assert [len(each) for each in await found(shop)] == [3 + 2 * movement_days.RUN]


async def test_a_movement_that_was_named_by_its_own_version_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """So they were named before there were runs; a page may end between two of a run."""
    monkeypatch.setattr(movement_days, "PAGE", 1)
    shop = Shop(store := Listing())
    cup = await shop.entry("cup", 5)
    await shop.adjust(cup, 1)
    run = store.named[-1]
    assert run.entry.endswith("0" * 16)
    each = [run._replace(entry=f"{run.entry[:-16]}{version:016d}") for version in (1, 2)]
    await store.apply(Partition(Table.STOCK, shop.actor.organization, "cup"), [], each)
    assert await found(shop) == [[5, 1]]
