"""A shop with stock on any store, and words for what is done to it."""

from random import Random
from uuid import uuid4

from travio_inventory.app.assemble import Unwatched
from travio_inventory.app.stock import UNLIMITED, assemble_stock
from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.batches import Batches, Partition, Reads
from travio_inventory.protocol.rules import Rules
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.unpublished import Unpublished
from travio_inventory.seats.use_cases.step_runner import StepRunner
from travio_inventory.stock.allocation import ShipTo
from travio_inventory.stock.approval import ApprovalLimits
from travio_inventory.stock.audit.auditing import StockAuditor, StockAuditRules
from travio_inventory.stock.audit.rounds import StockRound
from travio_inventory.stock.commands import AddEntry, AddWarehouse, AdjustStock, EntriesQuery, MovementsQuery, Why
from travio_inventory.stock.commands import SetStock as Set
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.movement import Movement, MovementType
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.records.changing import Changed
from travio_inventory.stock.records.reservations import Reservations
from travio_inventory.stock.refusals import StockNotFound
from travio_inventory.stock.reservation import Item, OfReservation, Reservation, Reserve
from travio_inventory.stock.warehouse import Site, Warehouse, warehouse_id
from verification.kit.clocks import Clock

BY_HAND = "counted by hand"


class Shop:
    """One organization, in one process."""

    def __init__(
        self,
        store: Batches,
        organization: str | None = None,
        *,
        limits: ApprovalLimits = UNLIMITED,
        seed: int = 7,
        views: Reads | None = None,
    ) -> None:
        self.store = store
        self.steps = StepRunner(in_flight_max=1_000)
        self.clock = Clock()
        self.sender = Sender(
            store, clock=self.clock, background=self.steps.in_background, rules=Rules(), random=Random(seed)
        )
        self.stock = assemble_stock(self.sender, self.steps, watch=Unwatched(), views=views, limits=limits)
        self.reservations = Reservations(self.sender, self.steps.in_background)
        self.actor = Actor(organization or f"shop-{uuid4()}", "ann")

    async def warehouse(self, code: str = "north", **site: object) -> Warehouse:
        """A warehouse with that code."""
        return await self.stock.warehouses.add(self.actor, AddWarehouse(code, Site("A warehouse", **site)))  # type: ignore[arg-type]

    async def entry(self, sku: str = "cup", quantity: int = 0, *, code: str = "north", **said: int) -> InventoryEntry:
        """An entry with that opening stock."""
        try:
            warehouse = await self.stock.warehouses.one(self.actor, warehouse_id(self.actor.organization, code))
        except StockNotFound:
            warehouse = await self.warehouse(code)
        return await self.stock.keep.add(self.actor, AddEntry(sku, warehouse.id, f"p-{sku}", quantity, **said))  # type: ignore[arg-type]

    async def adjust(
        self, entry: InventoryEntry, quantity: int, kind: str = "ADJUSTMENT", *, cause: str = "", reason: str = BY_HAND
    ) -> Changed:
        """Change how many there are."""
        command = AdjustStock(entry.id, quantity, MovementType(kind), Why(reason, cause=cause))
        return await self.stock.adjust.by(self.actor, command)

    async def count(self, entry: InventoryEntry, total: int, *, version: int, cause: str = "") -> Changed:
        """Set how many there are."""
        return await self.stock.adjust.to(self.actor, Set(entry.id, total, version, Why(BY_HAND, cause=cause)))

    async def now(self, entry: InventoryEntry) -> InventoryEntry:
        """The entry as it stands."""
        return await self.stock.read.one(self.actor, entry.id)

    async def now_of(self, at: Partition) -> InventoryEntry:
        """The entry that is there."""
        return stock_rows.read_entry(at, (await self.store.get(at, [stock_rows.STOCK]))[stock_rows.STOCK])

    def auditor(self, rules: StockAuditRules, *sinks: str) -> StockAuditor:
        """An auditor of the store, whose events go to these sinks."""
        round_ = StockRound(self.store, self.clock, every_ms=86_400_000)
        return StockAuditor(self.reservations.protocol, Unpublished(self.sender, sinks), round_, rules)

    async def movements(self, entry: InventoryEntry) -> list[Movement]:
        """All of its movements, in pages of two."""
        found: list[Movement] = []
        query = MovementsQuery(entry.id, page_size=2)
        while page := await self.stock.read.movements(self.actor, query):
            found += page
            query = query.beyond(page[-1].version)
        return found

    async def listed(self, **of: str | bool) -> list[str]:
        """The entries of a list, in pages of two: stock keeping unit and how many."""
        found, after = [], ""
        while True:
            page = await self.stock.read.page(self.actor, EntriesQuery(**of, after=after, page_size=2))  # type: ignore[arg-type]
            found += [f"{each.sku} {each.quantities.total}" for each in page.entries]
            after = page.after
            if not after:
                return found

    async def reserve(
        self, order: str, *items: tuple[str, int], at: str = "", **said: int | str | bool | ShipTo
    ) -> Reservation:
        """Reserve these for an order."""
        warehouse = warehouse_id(self.actor.organization, at) if at else ""
        asked = [Item(sku, quantity, warehouse) for sku, quantity in items]
        return await self.stock.reserve.reserve(self.actor, Reserve(order, asked, **said))  # type: ignore[arg-type]

    async def commit(self, order: str, *lines: str) -> Reservation:
        """Commit the reservation of an order, or these lines of it."""
        return await self.stock.reserve.commit(self.actor, OfReservation(order_id=order, inventory_ids=lines))

    async def cancel(self, order: str, *lines: str) -> Reservation:
        """Cancel the reservation of an order, or these lines of it."""
        return await self.stock.reserve.cancel(self.actor, OfReservation(order_id=order, inventory_ids=lines))

    async def totals(self, *entries: InventoryEntry) -> list[tuple[int, int]]:
        """How many are available, and reserved, once what goes on in the background has ended."""
        await self.settled()
        return [(await self.now(entry)).quantities for entry in entries]

    async def settled(self) -> None:
        """What goes on in the background has ended."""
        await self.steps.drain(10)
