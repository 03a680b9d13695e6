"""Calls at a given rate beside many live reservations: how long each takes from when it was to begin."""

import asyncio
import time
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable
from itertools import cycle
from random import Random
from typing import Any

from travio_inventory.bench.measuring import latency_ms
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.protocol.batches import Batches, Reads
from travio_inventory.stock.availability import StockQuestion
from travio_inventory.stock.bulk import StockLine, UpdateMany, counted
from travio_inventory.stock.reservation import TTL_S_MAX, Item, OfReservation, Reserve
from verification.stock_load.shelves import Shop

ENOUGH = 10**9
PREPARED_AT_ONCE = 64
WAITING_MAX = 5_000
"""Calls under way at once: more is a service that cannot keep up, and no latency describes it."""
BULK_S_MAX = 600.0
KINDS = ("reserve", "commit", "reserve", "cancel", "check")
"""As many begin to live as end."""


class Paced:
    """`articles` in three warehouses each, and so many live reservations, spread over them."""

    def __init__(self, store: Batches, *, articles: int, live: int, views: Reads | None = None) -> None:
        self._shop = Shop(store, views=views)
        self._skus = [f"sku-{number:05}" for number in range(articles)]
        self._orders = deque(f"o{number}" for number in range(live))
        self._made = 0
        self._random = Random(1)

    async def prepare(self) -> dict[str, float]:
        """Shelve the articles and make the reservations; says how long that took."""
        warehouses = await self._shop.warehouses(3)
        places = iter([(sku, warehouse) for sku in self._skus for warehouse in warehouses])
        orders, began = iter([*self._orders]), time.perf_counter()

        async def shelve() -> None:
            for sku, warehouse in places:
                await self._shop.shelve(sku, warehouse, ENOUGH)

        async def reserve() -> None:
            for order in orders:
                await self._reserve(order)

        await asyncio.gather(*(shelve() for _ in range(PREPARED_AT_ONCE)))
        await asyncio.gather(*(reserve() for _ in range(PREPARED_AT_ONCE)))
        took_s = time.perf_counter() - began
        return {"live reservations": len(self._orders), "prepared in seconds": round(took_s, 1)}

    async def calls(self, *, per_second: int, seconds: float, warm_up_s: float = 0) -> dict[str, Any]:
        """Latencies by kind, in milliseconds, each from the moment at which its call was to begin; those of the first
        `warm_up_s` apart.
        """
        latencies: defaultdict[str, list[float]] = defaultdict(list)
        warming: list[float] = []
        refusals: Counter[str] = Counter()
        under_way: set[asyncio.Task[None]] = set()
        kinds, began = cycle(KINDS), time.perf_counter()

        async def one(kind: str, due: float) -> None:
            try:
                await self._call(kind)
            except Refusal as refusal:
                refusals[f"{kind}: {type(refusal).__name__}"] += 1
            into = warming if due < began + warm_up_s else latencies[kind]
            into.append(time.perf_counter() - due)

        for number in range(round(per_second * (warm_up_s + seconds))):
            due = began + number / per_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if len(under_way) > WAITING_MAX:
                raise AssertionError(f"more than {WAITING_MAX} calls wait: {per_second} a second are too many here")
            task = asyncio.ensure_future(one(next(kinds), due))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)
        took_s = time.perf_counter() - began
        return {
            "asked a second": per_second,
            "answered a second": round((len(warming) + sum(map(len, latencies.values()))) / took_s, 1),
            "warming up": {"seconds": warm_up_s, "latency, ms": latency_ms(warming)},
            "latency, ms": {kind: latency_ms(latencies[kind]) for kind in sorted(latencies)},
            "refusals": dict(refusals),
        }

    async def bulk(self, lines: int) -> dict[str, Any]:
        """An update of so many lines, over all entries."""
        entries = [entry for sku in self._skus for entry in await self._shop.of(sku)]
        asked = [
            StockLine(entries[number % len(entries)].id, quantity=1 + number % 7, type="INBOUND", reason="delivery")
            for number in range(lines)
        ]
        began = time.perf_counter()
        outcomes = await self._shop.stock.update_many(self._shop.actor, UpdateMany(asked, "bulk"), within_s=BULK_S_MAX)
        took_s = time.perf_counter() - began
        counts = {str(state): count for state, count in counted(outcomes).items() if count}
        return {"lines": lines, "seconds": round(took_s, 2), "a second": round(lines / took_s), "outcomes": counts}

    async def _call(self, kind: str) -> None:
        ways: dict[str, Callable[[], Awaitable[object]]] = {
            "reserve": self._one_more,
            "commit": lambda: self._shop.stock.reserve.commit(self._shop.actor, self._next()),
            "cancel": lambda: self._shop.stock.reserve.cancel(self._shop.actor, self._next()),
            "check": lambda: self._shop.stock.check(self._shop.actor, [StockQuestion(self._sku(), 1)]),
        }
        await ways[kind]()

    async def _one_more(self) -> None:
        self._made += 1
        order = f"more-{self._made}"
        await self._reserve(order)
        self._orders.append(order)

    async def _reserve(self, order: str) -> None:
        await self._shop.stock.reserve.reserve(
            self._shop.actor, Reserve(order, [Item(self._sku(), 1)], ttl_s=TTL_S_MAX)
        )

    def _next(self) -> OfReservation:
        """The reservation that lives for the longest time."""
        return OfReservation(order_id=self._orders.popleft())

    def _sku(self) -> str:
        return self._random.choice(self._skus)
