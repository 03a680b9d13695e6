"""What each shard of an entry has is told, with what is on its way there."""

import asyncio
from random import Random

import pytest

from tests.stock.shop import Shop
from tests.stock.spread import Frozen, Spread
from travio_inventory.kernel.refusals import Refusal


async def test_what_left_one_shard_and_has_not_come_to_another_is_told_as_on_its_way() -> None:
    store = Frozen(None, Random(1), asyncio.sleep)
    shop = Shop(store)
    spread = await Spread.of(shop, 9, 3)
    await spread.lies(4)
    store.is_frozen = True
    with pytest.raises(Refusal):
        await spread.shards.move(spread.home, 0, 2, 3)
    _, told = await shop.stock.read.in_shards(shop.actor, spread.entry.id)
    assert [(each.available, each.on_the_way, each.takes_orders) for each in told] == [
        (2, 0, True),
        (4, 0, True),
        (0, 3, True),
    ]
    store.is_frozen = False
    await spread.available()
    _, told = await shop.stock.read.in_shards(shop.actor, spread.entry.id)
    assert [(each.available, each.on_the_way) for each in told] == [(2, 0), (4, 0), (3, 0)]
    await spread.set(2)
    _, told = await shop.stock.read.in_shards(shop.actor, spread.entry.id)
    assert [each.takes_orders for each in told] == [True, True, False]
    assert sum(each.available for each in told) == 9


async def test_an_entry_that_is_in_no_shards_is_told_as_one(shop: Shop) -> None:
    entry = await shop.entry("cup", 5)
    _, (only,) = await shop.stock.read.in_shards(shop.actor, entry.id)
    assert (only.number, only.available, only.reserved, only.on_the_way, only.takes_orders) == (0, 5, 0, 0, True)
