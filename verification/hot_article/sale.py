"""One sale: an article in pools, buyers who come at once, and the reckoning afterwards."""

import asyncio
import time
from collections.abc import Sequence
from itertools import count
from random import SystemRandom
from secrets import token_hex
from typing import Any

from travio_inventory.app.assemble import Unwatched
from travio_inventory.app.stock import assemble_stock
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.kernel.refusals import RetryableRefusal
from travio_inventory.protocol.batches import Batches
from travio_inventory.protocol.rules import Rules
from travio_inventory.protocol.sending import Sender
from travio_inventory.seats.use_cases.step_runner import StepRunner
from travio_inventory.stock.commands import AddEntry, AddWarehouse, ChangeEntry
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.refusals import InsufficientStock
from travio_inventory.stock.reservation import Item, Reserve
from travio_inventory.stock.warehouse import Site

ENOUGH = 10**9
ATTEMPTS_MAX = 1_000
DRAIN_S = 30
AT_ONCE = 256
"""Buyers of a crowd whose calls are under way, as a server has so many connections; the others wait in line."""


class Sale:
    """An organization, its own if none is named, in one process, whose orders begin with a name of their own."""

    def __init__(self, store: Batches, organization: str = "", name: str = "o") -> None:
        self._steps = StepRunner(in_flight_max=1_000)
        sender = Sender(
            store,
            clock=SystemClock(),
            background=self._steps.in_background,
            rules=Rules(),
            random=SystemRandom(),
        )
        self._stock = assemble_stock(sender, self._steps, watch=Unwatched())
        self.organization = organization or f"hot-{token_hex(6)}"
        self._actor = Actor(self.organization, "ann")
        self._name = name
        self._orders = count()

    async def reserved_per_s(self, *, buyers: int, seconds: float, entries: int = 1, shards: int = 1) -> float:
        """Reservations a second of one unit each, from so many entries in so many shards each; a buyer keeps to one
        entry.
        """
        made_entries = [await self.entry(f"w{number}", ENOUGH) for number in range(entries)]
        for each in made_entries if shards > 1 else []:
            await self.spread(each, shards)
        began = time.perf_counter()
        places = [made_entries[number % entries].warehouse_id for number in range(buyers)]
        made = await self.reserved(places, buyers=buyers, seconds=seconds)
        took_s = time.perf_counter() - began
        reserved = await self._reserved(made_entries)
        if reserved != made:
            raise AssertionError(f"{made} were reserved, and {reserved} are")
        return made / took_s

    async def reserved(self, warehouses: Sequence[str], *, buyers: int, seconds: float) -> int:
        """How many were reserved in so many seconds, by buyers who each keep to the warehouse in their place."""
        made, until = 0, time.perf_counter() + seconds

        async def buyer(warehouse_id: str) -> None:
            nonlocal made
            while time.perf_counter() < until:
                bought = await self._buy(warehouse_id)
                made += bought

        await asyncio.gather(*(buyer(warehouses[number]) for number in range(buyers)))
        await self._steps.drain(DRAIN_S)
        return made

    async def refused(self, *, buyers: int, seconds: float) -> dict[str, float]:
        """Refusals a second, and by second of CPU time of this process, when nothing is left."""
        await self.entry("w0", 1)
        await self._buy()
        refusals, until = 0, time.perf_counter() + seconds

        async def buyer() -> None:
            nonlocal refusals
            while time.perf_counter() < until:
                if await self._buy():
                    raise AssertionError("what was sold is sold again")
                refusals += 1

        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(buyer() for _ in range(buyers)))
        took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
        return {"per second": round(refusals / took_s), "per CPU second": round(refusals / cpu_s)}

    async def sold(self, *, units: int, crowd: int, places: int = 3) -> int:
        """How many of a crowd, who all want one, get it; and so many are reserved."""
        shares = [units // places + (place < units % places) for place in range(places)]
        entries = [await self.entry(f"w{place}", share) for place, share in enumerate(shares)]
        gate = asyncio.Semaphore(AT_ONCE)

        async def buyer() -> bool:
            async with gate:
                return await self._buy()

        sold = sum(await asyncio.gather(*(buyer() for _ in range(crowd))))
        await self._steps.drain(DRAIN_S)
        reserved = await self._reserved(entries)
        if reserved != sold:
            raise AssertionError(f"{sold} were told that they have one, and {reserved} are reserved")
        return sold

    async def _buy(self, warehouse_id: str = "") -> bool:
        """Whether the buyer got one; who is told to ask again does."""
        order = f"{self._name}{next(self._orders)}"
        for _ in range(ATTEMPTS_MAX):
            try:
                await self._stock.reserve.reserve(self._actor, Reserve(order, [Item("hot", 1, warehouse_id)]))
            except InsufficientStock:
                return False
            except RetryableRefusal:
                await asyncio.sleep(0.01)
            else:
                return True
        raise AssertionError("told to ask again too often")

    async def entry(self, code: str, quantity: int) -> InventoryEntry:
        """An entry of the article in a new warehouse."""
        warehouse = await self._stock.warehouses.add(self._actor, AddWarehouse(code, Site("A warehouse")))
        return await self._stock.keep.add(self._actor, AddEntry("hot", warehouse.id, "hot", quantity))

    async def spread(self, entry: InventoryEntry, shards: int) -> None:
        """Have it lie in so many shards."""
        await self._stock.keep.change(self._actor, ChangeEntry(entry.id, None, None, entry.version, shards))

    async def _reserved(self, entries: Sequence[InventoryEntry]) -> int:
        found = [await self._stock.read.one(self._actor, entry.id) for entry in entries]
        return sum(entry.quantities.reserved for entry in found)


async def sold_in_rounds(store: Batches, rounds: int, *, units: int, crowd: int) -> dict[str, Any]:
    """How many were sold in each round, and how long a round took."""
    began = time.perf_counter()
    sold = [await Sale(store).sold(units=units, crowd=crowd) for _ in range(rounds)]
    return {"sold": sold, "seconds each": round((time.perf_counter() - began) / max(rounds, 1), 2)}
