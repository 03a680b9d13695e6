"""Requests and answers about suppliers, purchase orders, and what is to be ordered."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from travio_inventory.api.rest.json_text import moment
from travio_inventory.api.rest.json_types import Int64, Shown
from travio_inventory.api.rest.stock.models import MS, Sku, StockBody, StockTold, WarehouseId
from travio_inventory.api.rest.stock.routing import version_seen
from travio_inventory.stock.purchase import LINES_MAX, Ordered, PlaceOrder, PurchaseOrder, ReceiveOrder
from travio_inventory.stock.restocking import Suggestion
from travio_inventory.stock.supplier import AddSupplier, ChangeSupplier, Contact, Supplier

Said: TypeAlias = Literal["ORDERED", "PARTLY_RECEIVED", "RECEIVED", "CANCELLED", "EXPIRED"]
Name = Annotated[str, Field(examples=["Acme"])]
SupplierId = Annotated[str, Field(examples=["3b0c5f0e-7a4e-5f25-8d0a-6a1d7d7f3e21"])]


class ContactBody(StockBody):
    """What is said of a supplier."""

    name: Name
    email: str = ""
    phone: str = ""
    address: str = ""
    lead_days: Int64 = 0

    def contact(self) -> Contact:
        """Raises InvalidRequest."""
        return Contact(self.name, self.email, self.phone, self.address, self.lead_days)


class SupplierRequest(ContactBody):
    """A supplier to add."""

    code: Annotated[str, Field(examples=["acme"])]

    def command(self, key: str) -> AddSupplier:
        """Raises InvalidRequest."""
        return AddSupplier(self.code, self.contact(), key)


class SupplierChange(ContactBody):
    """What is said of a supplier from now on."""

    version: Annotated[Int64, Field(examples=[1])] = 0

    def command(self, supplier_id: str, seen: int) -> ChangeSupplier:
        """Raises InvalidRequest."""
        return ChangeSupplier(supplier_id, self.contact(), version_seen(seen, self.version))


class SupplierShown(StockTold):
    """A supplier as it stands."""

    supplier_id: str
    code: str
    name: str
    email: str
    phone: str
    address: str
    lead_days: int
    is_deleted: bool
    version: int
    created_at: Shown | None
    updated_at: Shown | None


class SupplierPage(StockTold):
    """Some suppliers, by code, and where the next ones begin, if there are more."""

    items: list[SupplierShown]
    next_page_token: str


class OrderedBody(StockBody):
    """So many of a stock keeping unit for a warehouse."""

    sku: Sku
    warehouse_id: WarehouseId
    quantity: Annotated[Int64, Field(examples=[50])]

    def ordered(self) -> Ordered:
        return Ordered(self.sku, self.warehouse_id, self.quantity)


Lines = Annotated[list[OrderedBody], Field(min_length=1, max_length=LINES_MAX)]


class PurchaseRequest(StockBody):
    """What is ordered from a supplier."""

    supplier_id: SupplierId
    lines: Lines
    reference: str = ""

    def command(self, key: str) -> PlaceOrder:
        """Raises InvalidRequest."""
        return PlaceOrder(self.supplier_id, [each.ordered() for each in self.lines], self.reference, key)


class PurchaseReceipt(StockBody):
    """What came of some lines of an order; of more than one with an idempotency key."""

    lines: Lines

    def command(self, order_id: str, key: str) -> ReceiveOrder:
        """Raises InvalidRequest."""
        return ReceiveOrder(order_id, [each.ordered() for each in self.lines], key)


class PurchaseLineShown(StockTold):
    """A line of an order; of one that is cancelled nothing is outstanding."""

    sku: str
    warehouse_id: str
    quantity_ordered: int
    quantity_received: int
    quantity_outstanding: int


class PurchaseShown(StockTold):
    """A purchase order as it stands."""

    purchase_order_id: str
    supplier_id: str
    status: Said
    lines: list[PurchaseLineShown]
    reference: str
    is_automatic: bool
    ordered_by: str
    cancelled_by: str
    created_at: Shown | None


class PurchasePage(StockTold):
    """Some orders, oldest first, and where the next ones begin, if there are more."""

    items: list[PurchaseShown]
    next_page_token: str


class SuggestionShown(StockTold):
    """An entry of which it is time to order more, and how many; with whom it was ordered last, if it was."""

    inventory_id: str
    sku: str
    warehouse_id: str
    quantity_available: int
    reorder_point: int
    reorder_quantity: int
    quantity_on_order: int
    quantity_in_transit: int
    quantity_suggested: int
    supplier_id: str | None


class SuggestionPage(StockTold):
    """Some suggestions, and where the next ones begin, if there are more."""

    items: list[SuggestionShown]
    next_page_token: str


def supplier_shown(supplier: Supplier) -> SupplierShown:
    """A supplier as it is told."""
    contact = supplier.contact
    return SupplierShown(
        supplier_id=supplier.id,
        code=supplier.code,
        name=contact.name,
        email=contact.email,
        phone=contact.phone,
        address=contact.address,
        lead_days=contact.lead_days,
        is_deleted=supplier.is_deleted,
        version=supplier.version,
        created_at=moment(supplier.created_at_ms // MS),
        updated_at=moment(supplier.updated_at_ms // MS),
    )


def purchase_shown(order: PurchaseOrder) -> PurchaseShown:
    """An order as it is told."""
    lines = [
        PurchaseLineShown(
            sku=line.sku,
            warehouse_id=line.warehouse_id,
            quantity_ordered=line.quantity,
            quantity_received=line.received,
            quantity_outstanding=line.outstanding,
        )
        for line in order.lines
    ]
    return PurchaseShown(
        purchase_order_id=order.id,
        supplier_id=order.supplier_id,
        status=order.status.value,
        lines=lines,
        reference=order.reference,
        is_automatic=bool(order.automatic),
        ordered_by=order.ordered_by,
        cancelled_by=order.cancelled_by,
        created_at=moment(order.created_at_ms // MS),
    )


def suggestion_shown(suggestion: Suggestion) -> SuggestionShown:
    """A suggestion as it is told."""
    entry = suggestion.entry
    return SuggestionShown(
        inventory_id=entry.id,
        sku=entry.sku,
        warehouse_id=entry.warehouse_id,
        quantity_available=entry.quantities.available,
        reorder_point=entry.reorder_point,
        reorder_quantity=entry.reorder_quantity,
        quantity_on_order=suggestion.on_order,
        quantity_in_transit=suggestion.in_transit,
        quantity_suggested=suggestion.quantity,
        supplier_id=suggestion.supplier_id or None,
    )
