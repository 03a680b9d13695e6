"""Calls about suppliers and purchase orders of stock, and what they answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from secrets import token_hex
from typing import NamedTuple

from travio_inventory.client.messages import large_number, moment
from travio_inventory.client.stock_transfers import TransferCalls
from travio_inventory.stock.purchase import PurchaseStatus
from travio_inventory.stock.supplier import Contact
from travio_inventory.wire.stock import v1 as wire

ORDERS_DEFAULT = 10_000


@dataclass(frozen=True, slots=True)
class StockSupplier:
    """A supplier as it stands; `version` is wanted by what changes it."""

    id: str
    code: str
    contact: Contact
    is_deleted: bool
    version: int
    created_at: datetime
    updated_at: datetime


class StockOrdered(NamedTuple):
    """So many of a stock keeping unit for the warehouse with that code."""

    sku: str
    warehouse: str
    quantity: int


@dataclass(frozen=True, slots=True)
class StockPurchaseLine:
    """A line of an order; of one that is cancelled nothing is outstanding."""

    sku: str
    warehouse_id: str
    ordered: int
    received: int
    outstanding: int


@dataclass(frozen=True, slots=True)
class StockPurchase:
    """A purchase order as it stands."""

    id: str
    supplier_id: str
    status: PurchaseStatus
    lines: tuple[StockPurchaseLine, ...]
    reference: str
    is_automatic: bool
    ordered_by: str
    cancelled_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StockSuggestion:
    """An entry of which it is time to order so many more; `supplier_id` is "" where it was never ordered."""

    inventory_id: str
    sku: str
    warehouse_id: str
    available: int
    reorder_point: int
    reorder_quantity: int
    on_order: int
    in_transit: int
    quantity: int
    supplier_id: str


class PurchaseCalls(TransferCalls):
    """Suppliers and purchase orders of one organization, on behalf of one user."""

    async def suppliers(self) -> tuple[StockSupplier, ...]:
        """Those that are not deleted, by code."""
        reply = await self._connection.read(self.stub.list_suppliers, self._whose(wire.ListSuppliersRequest()))
        return tuple(map(read_supplier, reply.items))

    async def add_supplier(self, code: str, contact: Contact, *, key: str = "") -> StockSupplier:
        """Add a supplier; the same again changes nothing. Raises StockExists, IdempotencyKeyReused."""
        request = self._whose(
            wire.AddSupplierRequest(code=code, contact=_contact(contact), idempotency_key=key or token_hex(16))
        )
        return read_supplier((await self._connection.write(self.stub.add_supplier, request)).supplier)

    async def change_supplier(self, supplier: str, contact: Contact, *, version: int) -> StockSupplier:
        """Say something else of the supplier with that code. Raises StockNotFound, VersionConflict."""
        request = wire.ChangeSupplierRequest(
            supplier_code=supplier, contact=_contact(contact), version=large_number("version", version)
        )
        reply = await self._connection.write(self.stub.change_supplier, self._whose(request))
        return read_supplier(reply.supplier)

    async def delete_supplier(self, supplier: str, *, version: int) -> StockSupplier:
        """Order nothing there any more; its open orders may still be received. Raises StockNotFound,
        VersionConflict.
        """
        request = wire.ChangeSupplierRequest(
            supplier_code=supplier, delete=True, version=large_number("version", version)
        )
        reply = await self._connection.write(self.stub.change_supplier, self._whose(request))
        return read_supplier(reply.supplier)

    async def place_purchase(
        self, supplier: str, lines: Sequence[StockOrdered], *, reference: str = "", key: str = ""
    ) -> StockPurchase:
        """Order these from the supplier with that code. Raises StockNotFound, TooManyOrders, IdempotencyKeyReused."""
        request = wire.PlacePurchaseOrderRequest(
            supplier_code=supplier, lines=_lines(lines), reference=reference, idempotency_key=key or token_hex(16)
        )
        reply = await self._connection.write(self.stub.place_purchase_order, self._whose(request))
        return read_purchase(reply.order)

    async def receive_purchase(self, order: str, lines: Sequence[StockOrdered], *, key: str = "") -> StockPurchase:
        """So many came of these lines. Raises StockNotFound, PurchaseEnded, OverReceived, StockFull, PartlyReceived,
        IdempotencyKeyReused.
        """
        request = wire.ReceivePurchaseOrderRequest(
            purchase_order_id=order, lines=_lines(lines), idempotency_key=key or token_hex(16)
        )
        reply = await self._connection.write(self.stub.receive_purchase_order, self._whose(request))
        return read_purchase(reply.order)

    async def cancel_purchase(self, order: str) -> StockPurchase:
        """What has not come will not come any more; repeated, it is answered alike. Raises StockNotFound,
        PurchaseEnded.
        """
        request = self._whose(wire.CancelPurchaseOrderRequest(purchase_order_id=order))
        return read_purchase((await self._connection.write(self.stub.cancel_purchase_order, request)).order)

    async def purchase(self, order: str) -> StockPurchase:
        """The order with that id. Raises StockNotFound."""
        request = self._whose(wire.GetPurchaseOrderRequest(purchase_order_id=order))
        return read_purchase((await self._connection.read(self.stub.get_purchase_order, request)).order)

    async def purchases(
        self, *, supplier: str = "", only_open: bool = False, most: int = ORDERS_DEFAULT
    ) -> tuple[StockPurchase, ...]:
        """Orders, oldest first: all, or those of the supplier with that code; at most so many, read page by page."""
        request = self._whose(wire.ListPurchaseOrdersRequest(supplier_code=supplier, open=only_open))
        found: list[StockPurchase] = []
        while True:
            reply = await self._connection.read(self.stub.list_purchase_orders, request)
            found += map(read_purchase, reply.items)
            if len(found) >= most or not reply.next_page_token:
                return tuple(found[:most])
            request = replace(request, page_token=reply.next_page_token)

    async def suggestions(
        self, *, sku: str = "", warehouse: str = "", region: str = "", most: int = ORDERS_DEFAULT
    ) -> tuple[StockSuggestion, ...]:
        """What is to be ordered: of this stock keeping unit, warehouse (its code) and region, or all."""
        request = self._whose(wire.SuggestPurchasesRequest(sku=sku, warehouse_code=warehouse, region=region))
        found: list[StockSuggestion] = []
        while True:
            reply = await self._connection.read(self.stub.suggest_purchases, request)
            found += map(read_suggestion, reply.items)
            if len(found) >= most or not reply.next_page_token:
                return tuple(found[:most])
            request = replace(request, page_token=reply.next_page_token)


def _contact(contact: Contact) -> wire.Contact:
    return wire.Contact(
        name=contact.name,
        email=contact.email,
        phone=contact.phone,
        address=contact.address,
        lead_days=large_number("lead_days", contact.lead_days),
    )


def _lines(lines: Sequence[StockOrdered]) -> list[wire.OrderedLine]:
    return [
        wire.OrderedLine(sku=sku, warehouse_code=warehouse, quantity=large_number("quantity", quantity))
        for sku, warehouse, quantity in lines
    ]


def read_supplier(said: wire.Supplier | None) -> StockSupplier:
    """The supplier that a reply has."""
    told = said or wire.Supplier()
    contact = told.contact or wire.Contact(name="-")
    return StockSupplier(
        told.supplier_id,
        told.code,
        Contact(contact.name, contact.email, contact.phone, contact.address, contact.lead_days),
        told.is_deleted,
        told.version,
        moment(told.created_at),
        moment(told.updated_at),
    )


def read_purchase(said: wire.PurchaseOrder | None) -> StockPurchase:
    """The order that a reply has."""
    told = said or wire.PurchaseOrder()
    return StockPurchase(
        told.purchase_order_id,
        told.supplier_id,
        PurchaseStatus(told.status),
        tuple(
            StockPurchaseLine(
                line.sku,
                line.warehouse_id,
                line.quantity_ordered,
                line.quantity_received,
                line.quantity_outstanding,
            )
            for line in told.lines
        ),
        told.reference,
        told.is_automatic,
        told.ordered_by,
        told.cancelled_by,
        moment(told.created_at),
    )


def read_suggestion(told: wire.PurchaseSuggestion) -> StockSuggestion:
    """A suggestion as plain values."""
    return StockSuggestion(
        told.inventory_id,
        told.sku,
        told.warehouse_id,
        told.quantity_available,
        told.reorder_point,
        told.reorder_quantity,
        told.quantity_on_order,
        told.quantity_in_transit,
        told.quantity_suggested,
        told.supplier_id,
    )
