"""Crowds that want one article on bad days: of so many units exactly so many are sold, and each to whom it was said."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from math import inf
from random import Random
from typing import Any

from travio_inventory.kernel.refusals import RetryableRefusal
from travio_inventory.protocol.batches import Batches
from travio_inventory.stock.refusals import InsufficientStock
from travio_inventory.stock.reservation import Item, OfReservation, Reserve, Status
from verification.stock_load.chaos import BadDay
from verification.stock_load.shelves import Shop

PROCESSES = 3
AT_ONCE = 256
"""Buyers whose calls are under way; the others wait in line."""
ATTEMPTS_MAX = 1_000
PAUSE_S = 0.02
LEAVES = 0.01
"""The share of buyers who hang up, and ask again."""
HANGS_UP_S = 0.05
COMMITS, CANCELS = 0.5, 0.1
"""The shares of those who have one that pay for it, and that give it back."""


class Round:
    """A crowd, of which each wants one unit of a new article that lies in three warehouses."""

    def __init__(self, store: Batches, *, units: int, crowd: int, faults: float, random: Random) -> None:
        self._day = BadDay(store, random)
        self._faults = faults
        self._shops = [Shop(self._day)]
        self._shops += [Shop(self._day, self._shops[0].actor.organization) for _ in range(PROCESSES - 1)]
        self._units = units
        self._crowd = crowd
        self._random = random
        self.told: Counter[str] = Counter()
        self._have: dict[str, Status] = {}

    async def run(self) -> Counter[str]:
        """What was wrong: nothing, if it is empty. Raises AssertionError where somebody is never answered."""
        shop = self._shops[0]
        for number, place in enumerate(await shop.warehouses(3)):
            await shop.shelve("hot", place, self._units // 3 + (number < self._units % 3))
        self._day.share = self._faults
        gate = asyncio.Semaphore(AT_ONCE)

        async def buyer(number: int) -> None:
            async with gate:
                await self._buy(f"o{number}")

        await asyncio.gather(*(buyer(number) for number in range(self._crowd)))
        await self._day.settled()
        self._day.share = 0.0
        for each in self._shops:
            await each.settled()
        return await self._reckoned()

    @property
    def faults(self) -> Counter[str]:
        """How often the store failed."""
        return self._day.faults

    async def _buy(self, order: str) -> None:
        """One unit; who has one pays, gives it back, or leaves it at that."""
        command = Reserve(order, [Item("hot", 1)], f"key {order}")
        if not await self._insist("reserve", order, lambda shop: shop.stock.reserve.reserve(shop.actor, command)):
            self.told["sold out"] += 1
            return
        self.told["reserved"] += 1
        self._have[order] = Status.PENDING
        of, fate = OfReservation(order_id=order), self._random.random()
        if fate < COMMITS:
            await self._insist("commit", order, lambda shop: shop.stock.reserve.commit(shop.actor, of))
            self._have[order] = Status.COMMITTED
        elif fate < COMMITS + CANCELS:
            await self._insist("cancel", order, lambda shop: shop.stock.reserve.cancel(shop.actor, of))
            self._have[order] = Status.CANCELLED

    async def _insist(self, what: str, order: str, ask: Any) -> bool:  # noqa: ANN401 - of a shop, any call
        """Ask any process until one answers; False if it is sold out."""
        for _ in range(ATTEMPTS_MAX):
            call = asyncio.ensure_future(ask(self._random.choice(self._shops)))
            try:
                patience_s = HANGS_UP_S * self._random.random() if self._random.random() < LEAVES else None
                await asyncio.wait_for(call, patience_s)
            except InsufficientStock:
                return False
            except (RetryableRefusal, TimeoutError):
                self.told["asked again"] += 1
                await asyncio.sleep(PAUSE_S * self._random.random())
            else:
                return True
        raise AssertionError(f"{what} of {order} is never answered")

    async def _reckoned(self) -> Counter[str]:
        """Every unit is somewhere, every order has what it was told."""
        entries = await self._shops[0].of("hot")
        available = sum(entry.quantities.available for entry in entries)
        reserved = sum(entry.quantities.reserved for entry in entries)
        statuses = Counter(self._have.values())
        wrong: Counter[str] = Counter()
        gone = statuses[Status.COMMITTED] + statuses[Status.PENDING]
        wrong["oversold"] = max(0, gone - self._units)
        wrong["negative"] = sum(min(entry.quantities) < 0 for entry in entries)
        wrong["units lost or doubled"] = abs(self._units - available - gone)
        wrong["reserved and not said so"] = abs(reserved - statuses[Status.PENDING])
        for order, status in self._have.items():
            found = await self._shops[0].stock.reserve.of_order(self._shops[0].actor, order)
            wrong["not as it was told"] += found.status is not status
        return +wrong


async def contended(
    store: Batches,
    *,
    rounds: int,
    units: int,
    crowd: int,
    faults: float,
    seed: int,
    minutes: float = inf,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """So many rounds, none that would begin after so many minutes; what was told and what was wrong in all of them.
    `say` hears of each round when it is over.
    """
    random, began = Random(seed), time.perf_counter()
    told, failed, wrong, done = Counter[str](), Counter[str](), Counter[str](), 0
    while done < rounds and (not done or time.perf_counter() - began < minutes * 60):
        one = Round(store, units=units, crowd=crowd, faults=faults, random=random)
        wrong += await one.run()
        told += one.told
        failed += one.faults
        done += 1
        say(f"{done * crowd} of {rounds * crowd}: {sum(failed.values())} failed, wrong: {dict(wrong) or 'nothing'}")
    return {
        "rounds": done,
        "units": units,
        "reservations asked for": done * crowd,
        "told": dict(told),
        "faults": dict(failed),
        "wrong": dict(wrong),
        "seconds": round(time.perf_counter() - began, 1),
    }
