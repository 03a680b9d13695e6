"""Words for purchase orders of a shop, and what must be so of them whatever happens."""

from collections.abc import Sequence

from tests.stock.shop import Shop
from travio_inventory.protocol.batches import Kind
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.purchase import (
    Ordered,
    PlaceOrder,
    PurchaseLine,
    PurchaseOrder,
    PurchasesQuery,
    ReceiveOrder,
)
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.records.purchase_rows import ON_ORDER, read_line, read_on_order
from travio_inventory.stock.restocking import Suggestion, SuggestionsQuery
from travio_inventory.stock.supplier import AddSupplier, Contact, Supplier


class Purchasing:
    """A shop with cups in the north and plates in the south, and a supplier."""

    def __init__(self, shop: Shop, cups: InventoryEntry, plates: InventoryEntry, supplier: Supplier) -> None:
        self.shop = shop
        self.cups = cups
        self.plates = plates
        self.supplier = supplier

    @classmethod
    async def begun(cls, shop: Shop, *, stock: int = 0) -> "Purchasing":
        cups, plates = await shop.entry("cup", stock), await shop.entry("plate", stock, code="south")
        command = AddSupplier("acme", Contact("Acme", "sales@acme.example"))
        return cls(shop, cups, plates, await shop.stock.suppliers.add(shop.actor, command))

    def lines(self, cups: int = 0, plates: int = 0) -> list[Ordered]:
        """So many of each."""
        both = ((self.cups, cups), (self.plates, plates))
        return [Ordered(entry.sku, entry.warehouse_id, count) for entry, count in both if count]

    async def place(self, cups: int = 0, plates: int = 0, *, key: str = "") -> PurchaseOrder:
        command = PlaceOrder(self.supplier.id, self.lines(cups, plates), "by hand", key)
        return await self.shop.stock.purchases.place(self.shop.actor, command)

    async def receive(self, order: PurchaseOrder, cups: int = 0, plates: int = 0, *, key: str = "") -> PurchaseOrder:
        command = ReceiveOrder(order.id, self.lines(cups, plates), key)
        return await self.shop.stock.purchases.receive(self.shop.actor, command)

    async def cancel(self, order: PurchaseOrder) -> PurchaseOrder:
        return await self.shop.stock.purchases.cancel(self.shop.actor, order.id)

    async def now(self, order: PurchaseOrder) -> PurchaseOrder:
        return await self.shop.stock.purchases.one(self.shop.actor, order.id)

    async def listed(self, **of: object) -> list[PurchaseOrder]:
        """All orders of a list, in pages of two."""
        found: list[PurchaseOrder] = []
        after, is_more = "", True
        while is_more:
            query = PurchasesQuery(after=after, page_size=2, **of)  # type: ignore[arg-type]
            page = await self.shop.stock.purchases.page(self.shop.actor, query)
            found += page.orders
            after, is_more = page.after, bool(page.after)
        return found

    async def suggested(self, **of: str) -> Sequence[Suggestion]:
        return (await self.shop.stock.suggest(self.shop.actor, SuggestionsQuery(**of))).suggestions  # type: ignore[arg-type]

    async def totals(self) -> tuple[int, int]:
        cups, plates = await self.shop.now(self.cups), await self.shop.now(self.plates)
        return cups.quantities.total, plates.quantities.total

    async def check(self) -> dict[tuple[str, str], tuple[int, int]]:
        """What must be so of the rows, whatever happened; none of them is touched by this. What was received and is
        outstanding, by order and stock keeping unit.
        """
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for entry, number in ((self.cups, 1), (self.plates, 2)):
            at = stock_rows.place(self.shop.actor.organization, entry.sku, number)
            now, moved = await self.shop.now(entry), await self.shop.movements(entry)
            assert now.quantities.total == sum(each.quantity for each in moved)
            outstanding = {}
            for key, row in (await self.shop.store.read(at, Kind.PURCHASE)).items():
                ordered = PurchaseLine(entry.sku, entry.warehouse_id, number, int(row["quantity"] or 0))
                line = read_line(ordered, row)
                assert 0 <= line.received <= line.quantity
                came = sum(each.quantity for each in moved if each.reference == key.id)
                assert came == line.received, "what was received of a line is what its movements brought"
                if line.outstanding:
                    outstanding[key.id] = line.outstanding
                found[key.id, entry.sku] = (line.received, line.outstanding)
            standing = read_on_order((await self.shop.store.get(at, [ON_ORDER])).get(ON_ORDER))
            assert {order: count for order, (count, _) in standing.orders.items()} == outstanding
        return found
