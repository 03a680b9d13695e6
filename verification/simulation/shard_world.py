"""A shop from a seed whose entries lie in shards: units go from one to another while they are sold."""

import asyncio
from collections.abc import Coroutine, Sequence
from random import Random
from typing import Any

from travio_inventory.protocol.batches import Partition
from travio_inventory.stock.commands import ChangeEntry
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.records.shards import Shards
from travio_inventory.store.memory import Change, Faults
from verification.simulation.mark_judge import MarkJudge
from verification.simulation.oracle import ORGANIZATION
from verification.simulation.plan import Plan
from verification.simulation.shard_judge import ShardJudge
from verification.simulation.shop_oracle import ShopOracle
from verification.simulation.shop_world import LIMIT, ShopProcess, ShopWorld
from verification.simulation.stock_oracle import StockOracle
from verification.simulation.stock_world import SHOP, SKUS
from verification.simulation.virtual_loop import now_s, run_virtually

SHARDS = 4


class ShardOracle(ShopOracle):
    """Judges moves between shards too, and what is told of all together."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.shards, self.marks = ShardJudge(), MarkJudge()

    def applied(self, now_s: float, partition: Partition, changes: Sequence[Change]) -> None:
        """See StockOracle."""
        super().applied(now_s, partition, changes)
        if any(key == stock_rows.STOCK for key, *_ in changes):
            self._all_broken(now_s, self.shards.applied(partition, changes, self.rows))
            self._all_broken(now_s, self.marks.applied(partition, changes, self.rows))

    def judge_leftovers(self) -> None:
        """See StockOracle."""
        super().judge_leftovers()
        self._all_broken(0.0, self.shards.leftovers(self.rows))
        self._all_broken(0.0, self.marks.leftovers(self.rows))


class ShardWorld(ShopWorld):
    """Runs a plan of a shop, each of whose entries lies in up to so many shards."""

    oracle: ShardOracle

    def _judge(self) -> StockOracle:
        return ShardOracle(LIMIT)

    def _besides(self) -> Sequence[Coroutine[Any, Any, None]]:
        drawn = [Random(f"{self.plan.seed} shards {number}") for number in range(2)]
        return [*super()._besides(), *map(self._rebalance, drawn), self._fail(Random(f"{self.plan.seed} outages"))]

    async def _prepare(self) -> None:
        await super()._prepare()
        for named in self.entries.values():
            await self._share(self.shops[0], named, SHARDS)

    async def _rebalance(self, random: Random) -> None:
        """Units go from shard to shard, sensible or not; now and then an entry gets another number of them."""
        warehouses = max(1, self.plan.seats // self.plan.seats_per_group)
        while now_s() < self.plan.day_s:
            await asyncio.sleep(random.uniform(0.1, 1.5))
            home = stock_rows.place(ORGANIZATION, random.choice(SKUS), random.randint(1, warehouses))
            giver, taker = random.sample(range(SHARDS), 2)
            units, shards = random.randint(1, 3), random.randint(1, SHARDS)
            fate, named = random.random(), random.choice(sorted(self.entries.values()))
            if fate < 0.7:
                await self._call("move", lambda on: Shards(on.sender).move(home, giver, taker, units))  # noqa: B023
            elif fate < 0.9:
                await self._call("gather", lambda on: Shards(on.sender).gather(home, taker, units))  # noqa: B023
            else:
                await self._call("share", lambda on: self._share(on, named, shards))  # noqa: B023

    async def _fail(self, random: Random) -> None:
        """Now and then the store is away, for longer than a process looks at what it changed."""
        while self.plan.faults and now_s() < self.plan.day_s:
            await asyncio.sleep(random.uniform(5, 20))
            usual, self.batches.faults = self.batches.faults, Faults(not_done=1.0, read_failed=1.0)
            await asyncio.sleep(random.uniform(0.2, 1.5))
            self.batches.faults = usual

    @staticmethod
    async def _share(on: ShopProcess, named: str, shards: int) -> None:
        seen = await on.stock.read.one(SHOP, named)
        await on.stock.keep.change(SHOP, ChangeEntry(named, None, None, seen.version, shards))


def simulate_shards(plan: Plan) -> ShardWorld:
    """Run it."""
    world = ShardWorld(plan)
    run_virtually(plan.seed, world.run())
    return world
