"""The sale of a hot article: exactly as many are sold as there are."""

import random
from asyncio import sleep
from pathlib import Path

import pytest

from travio_inventory.store.memory import MemoryBatches
from verification.hot_article.__main__ import by_processes, measured, opened
from verification.pages.performance import _hot_article


@pytest.mark.once
async def test_exactly_as_many_are_sold_as_there_are_and_the_figures_are_told() -> None:
    store = MemoryBatches(None, random.Random(1), sleep)
    found = await measured(store, buyers=8, seconds=0.3, rounds=2, crowd=60, units=10)
    assert found["sold in rounds"]["sold"] == [10, 10]
    assert all(each > 0 for some in found["reservations per second"].values() for each in some)
    assert found["reservations per second"].keys() == {"1 shard", "16 shards", "16 entries"}
    assert found["refusals of what is sold out"]["per CPU second"] > 0
    *_, said = _hot_article({"memory": found})
    assert said.startswith("On memory crowds were sold 10 units 2 times; ")


@pytest.mark.thorough
async def test_a_hundred_units_are_sold_to_five_thousand_buyers_exactly(tmp_path: Path) -> None:
    async with opened("sqlite", tmp_path) as store:
        found = await measured(store, buyers=64, seconds=3, rounds=10, crowd=5_000, units=100)
    assert found["sold in rounds"]["sold"] == [100] * 10


@pytest.mark.thorough
async def test_processes_that_sell_from_one_shard_several_or_an_entry_each_say_how_many() -> None:
    found = await by_processes(2, 4, buyers=8, seconds=9)
    assert set(found["reservations per second"]) == {"1 shard", "4 shards", "an entry each"}
    assert all(each > 0 for some in found["reservations per second"].values() for each in some)
