"""Orders from a seed that are paid when they have expired, in processes that die between their claims, again and again;
what they leave is given up by others before somebody asks once more.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from travio_inventory.protocol.batches import Kind, Partition
from travio_inventory.protocol.hold import base_id
from travio_inventory.protocol.rules import Rules
from travio_inventory.stock.reservation import Item, Reserve
from travio_inventory.store.memory import Change
from verification.simulation.plan import LAPSES_S, SKEW_S, TTL_S, Plan
from verification.simulation.process import running_in
from verification.simulation.stock_world import SKUS, StockWorld
from verification.simulation.virtual_loop import now_s, run_virtually

GIVEN_UP_S = Rules().grace_ms / 1_000 + 2 * SKEW_S + 5
"""After this time a sweeper has usually given up what a dead attempt left."""
CUTS_MAX = 2
"""An attempt of an order is cut off so often at most."""


class CutOffWorld(StockWorld):
    """Kills the process whose late commit has just claimed something away from its home."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._cuts: Counter[str] = Counter()
        """How often late commits of a reservation were cut off."""
        judge = self.batches.observe
        assert judge is not None

        def observe(partition: Partition, changes: Sequence[Change]) -> None:
            judge(partition, changes)
            self._cut_off(changes)

        self.batches.observe = observe

    def _cut_off(self, changes: Sequence[Change]) -> None:
        """A batch was applied: the process that sent it dies where it is the first part of a late commit."""
        if any(key.kind is Kind.HOLD for key, *_ in changes) or now_s() > self.plan.day_s:
            return
        for key, before, _ in changes:
            if key.kind is Kind.LINE and not before and key.id != base_id(key.id):
                own, process = base_id(key.id), running_in()
                if process is not None and self._cuts[own] < CUTS_MAX:
                    self._cuts[own] += 1
                    process.kill()

    def _wish(self, order: str, random: Random) -> Reserve:
        """Of each a few, so that it has several places."""
        some = [Item(sku, random.randint(1, 2)) for sku in SKUS]
        return Reserve(order, some, random.choice(("", f"key {order}")), TTL_S)

    async def _use(self, request: Reserve, random: Random) -> None:
        """Somebody pays when it has expired, and again while the first attempt is neither done nor given up, or when it
        is; or reserves anew meanwhile.
        """
        await asyncio.sleep(LAPSES_S)
        for _ in range(CUTS_MAX):
            if (await self._ask("commit", request)).answer == "ok":
                return
            await asyncio.sleep(random.uniform(0.5, 1.5) * GIVEN_UP_S)
        asking = [self._insist("commit", request, random)]
        if random.random() < self.plan.changes:
            asking.append(self._insist("reserve", replace(request, key=f"again {request.order_id}"), random))
        await asyncio.gather(*asking)


def simulate_cut_off(plan: Plan) -> CutOffWorld:
    """Run it."""
    world = CutOffWorld(plan)
    run_virtually(plan.seed, world.run())
    return world
