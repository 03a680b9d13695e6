"""A shop in this process on a given store: its use cases, and articles in warehouses."""

from collections.abc import Sequence
from itertools import count
from random import Random
from secrets import token_hex

from travio_inventory.app.assemble import Unwatched
from travio_inventory.app.stock import UNLIMITED, assemble_stock
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.clock import Clock, SystemClock
from travio_inventory.protocol.batches import Batches, Reads
from travio_inventory.protocol.rules import Rules
from travio_inventory.protocol.sending import Sender
from travio_inventory.seats.use_cases.step_runner import StepRunner
from travio_inventory.stock.approval import ApprovalLimits
from travio_inventory.stock.commands import AddEntry, AddWarehouse, EntriesQuery
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.use_cases import Stock
from travio_inventory.stock.warehouse import Site

DRAIN_S = 60


class Shop:
    """A process of an organization, a new one if none is named."""

    def __init__(
        self,
        store: Batches,
        organization: str = "",
        *,
        views: Reads | None = None,
        clock: Clock | None = None,
        limits: ApprovalLimits = UNLIMITED,
    ) -> None:
        self.steps = StepRunner(in_flight_max=10_000)
        background, random = self.steps.in_background, Random(token_hex(8))
        self.clock = clock or SystemClock()
        sender = Sender(store, clock=self.clock, background=background, rules=Rules(), random=random)
        self.stock: Stock = assemble_stock(sender, self.steps, watch=Unwatched(), views=views, limits=limits)
        self.store = store
        self.sender = sender
        self.actor = Actor(organization or f"load-{token_hex(6)}", "ann")
        self._codes = count()

    async def warehouses(self, number: int) -> Sequence[str]:
        """The ids of so many new ones."""
        added = [
            await self.stock.warehouses.add(self.actor, AddWarehouse(f"w{next(self._codes)}", Site("A warehouse")))
            for _ in range(number)
        ]
        return [each.id for each in added]

    async def shelve(self, sku: str, warehouse: str, quantity: int) -> InventoryEntry:
        """So many of an article there."""
        return await self.stock.keep.add(self.actor, AddEntry(sku, warehouse, f"p-{sku}", quantity))

    async def of(self, sku: str) -> Sequence[InventoryEntry]:
        """What there is of an article."""
        return (await self.stock.read.page(self.actor, EntriesQuery(sku=sku))).entries

    async def settled(self) -> None:
        """What goes on in the background has ended."""
        await self.steps.drain(DRAIN_S)
