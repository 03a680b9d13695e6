"""Moves of units between shards that are met again long after: units come once."""

import asyncio

import pytest

from tests.stock.shop import Shop
from tests.stock.spread import Spread
from travio_inventory.protocol.batches import Kind, Partition, Write
from travio_inventory.stock.entry import ShardMove
from travio_inventory.stock.records.shards import Shards
from travio_inventory.stock.records.stock_rows import shard_of
from verification.kit.judged_stock import unjudged

GONE_WITHIN_S = 60


class Unsettled(Shards):
    """The giver never forgets what it gave away."""

    async def _settle(self, at: Partition, move: ShardMove) -> None:
        pass


@pytest.mark.parametrize(("giver", "taker"), [(0, 2), (2, 0)])
async def test_a_move_that_stays_announced_for_longer_than_causes_are_kept_is_not_taken_twice(
    shop: Shop, giver: int, taker: int
) -> None:
    spread = await Spread.of(shop, 8, 3)
    await spread.lies(0, 4)
    await Unsettled(shop.sender).move(spread.home, giver, taker, 3)
    await expired(shop, shard_of(spread.home, taker))
    _, told = await shop.stock.read.in_shards(shop.actor, spread.entry.id)
    assert (sum(each.available for each in told), {each.on_the_way for each in told}) == (8, {0})
    for _ in range(2):
        await spread.shards.sweep(shard_of(spread.home, 2))
    there = await spread.available()
    assert (sum(there), there[taker]) == (8, 7)
    assert sum(each.quantity for each in await shop.movements(spread.entry)) == 8


async def expired(shop: Shop, at: Partition) -> None:
    """Their retention is over: no cause is known there any more."""
    causes = await shop.store.read(at, Kind.CAUSE)
    assert causes
    await unjudged(shop.store).apply(at, [Write(key, {}, row, 1) for key, row in causes.items()])
    async with asyncio.timeout(GONE_WITHIN_S):
        while await shop.store.read(at, Kind.CAUSE):  # noqa: ASYNC110 - a store tells nobody
            await asyncio.sleep(0.1)
