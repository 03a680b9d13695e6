"""The calls of `stock.v1` about suppliers and purchase orders: read the request, run the use case, write the reply."""

from collections.abc import Mapping, Sequence

from google.protobuf.message import Message

from travio_inventory.api.auth.identity import Grant, Identity
from travio_inventory.api.grpc.actor import member_of
from travio_inventory.api.grpc.decoding import paged
from travio_inventory.api.grpc.messages import Fields, asked
from travio_inventory.api.grpc.methods import UnaryMethod
from travio_inventory.api.page_tokens import token_of
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.checking import Faults
from travio_inventory.stock.commands import PAGE_MAX
from travio_inventory.stock.purchase import (
    LINES_MAX,
    Ordered,
    PlaceOrder,
    PurchaseOrder,
    PurchasesQuery,
    ReceiveOrder,
    order_named,
)
from travio_inventory.stock.restocking import Suggestion, SuggestionsQuery
from travio_inventory.stock.supplier import (
    AddSupplier,
    ChangeSupplier,
    Contact,
    DeleteSupplier,
    Supplier,
    supplier_named,
)
from travio_inventory.stock.use_cases import Stock
from travio_inventory.stock.warehouse import warehouse_named
from travio_inventory.wire.stock import v1

MS = 1_000


class PurchaseCalls:
    """Each is a step of a purchase order, or a use case of suppliers."""

    def __init__(self, stock: Stock) -> None:
        self._suppliers = stock.suppliers
        self._purchases = stock.purchases
        self._suggest = stock.suggest

    def answers(self) -> Mapping[str, UnaryMethod]:
        """The methods by their names, each with the grant that its caller needs."""
        return {
            "ListSuppliers": (Grant.STOCK_READ, self.list_suppliers),
            "AddSupplier": (Grant.STOCK_ADMIN, self.add_supplier),
            "ChangeSupplier": (Grant.STOCK_ADMIN, self.change_supplier),
            "PlacePurchaseOrder": (Grant.STOCK_ADJUST, self.place_purchase_order),
            "ReceivePurchaseOrder": (Grant.STOCK_ADJUST, self.receive_purchase_order),
            "CancelPurchaseOrder": (Grant.STOCK_ADJUST, self.cancel_purchase_order),
            "GetPurchaseOrder": (Grant.STOCK_READ, self.get_purchase_order),
            "ListPurchaseOrders": (Grant.STOCK_READ, self.list_purchase_orders),
            "SuggestPurchases": (Grant.STOCK_READ, self.suggest_purchases),
        }

    async def list_suppliers(self, caller: Identity, message: Message) -> v1.ListSuppliersResponse:
        found = await self._suppliers.all(member_of(caller, message))
        return v1.ListSuppliersResponse(items=list(map(supplier_told, found)))

    async def add_supplier(self, caller: Identity, message: Message) -> v1.AddSupplierResponse:
        added = await self._suppliers.add(*asked(caller, message, member_of, _added))
        return v1.AddSupplierResponse(supplier=supplier_told(added))

    async def change_supplier(self, caller: Identity, message: Message) -> v1.ChangeSupplierResponse:
        actor, command = _changed(caller, message)
        if isinstance(command, DeleteSupplier):
            supplier = await self._suppliers.delete(actor, command)
        else:
            supplier = await self._suppliers.change(actor, command)
        return v1.ChangeSupplierResponse(supplier=supplier_told(supplier))

    async def place_purchase_order(self, caller: Identity, message: Message) -> v1.PlacePurchaseOrderResponse:
        order = await self._purchases.place(*_placed(caller, message))
        return v1.PlacePurchaseOrderResponse(order=order_told(order))

    async def receive_purchase_order(self, caller: Identity, message: Message) -> v1.ReceivePurchaseOrderResponse:
        order = await self._purchases.receive(*_received(caller, message))
        return v1.ReceivePurchaseOrderResponse(order=order_told(order))

    async def cancel_purchase_order(self, caller: Identity, message: Message) -> v1.CancelPurchaseOrderResponse:
        order = await self._purchases.cancel(*asked(caller, message, member_of, _named))
        return v1.CancelPurchaseOrderResponse(order=order_told(order))

    async def get_purchase_order(self, caller: Identity, message: Message) -> v1.GetPurchaseOrderResponse:
        order = await self._purchases.one(*asked(caller, message, member_of, _named))
        return v1.GetPurchaseOrderResponse(order=order_told(order))

    async def list_purchase_orders(self, caller: Identity, message: Message) -> v1.ListPurchaseOrdersResponse:
        found = await self._purchases.page(*_listed(caller, message))
        more = token_of(found.after) if found.after else ""
        return v1.ListPurchaseOrdersResponse(items=list(map(order_told, found.orders)), next_page_token=more)

    async def suggest_purchases(self, caller: Identity, message: Message) -> v1.SuggestPurchasesResponse:
        found = await self._suggest(*_suggested(caller, message))
        more = token_of(found.after) if found.after else ""
        return v1.SuggestPurchasesResponse(items=list(map(suggestion_told, found.suggestions)), next_page_token=more)


def _added(message: Fields) -> AddSupplier:
    return AddSupplier(message.code, _contact(message), message.idempotency_key)


def _contact(message: Fields) -> Contact:
    said = message.contact
    return Contact(said.name, said.email, said.phone, said.address, said.lead_days)


def _changed(caller: Identity, message: Fields) -> tuple[Actor, ChangeSupplier | DeleteSupplier]:
    organization = caller.organization_for(message.organization_id)

    def command(message: Fields) -> ChangeSupplier | DeleteSupplier:
        supplier = _supplier(organization, message)
        if message.delete:
            return DeleteSupplier(supplier, message.version)
        return ChangeSupplier(supplier, _contact(message), message.version)

    return asked(caller, message, member_of, command)


def _supplier(organization: str, message: Fields) -> str:
    return supplier_named(organization, message.supplier_id, message.supplier_code)


def _lines(organization: str, message: Fields) -> Sequence[Ordered]:
    """Of more than there may be, as many as say so."""
    found, lines = Faults(), []
    for index, line in enumerate(message.lines[: LINES_MAX + 1]):
        with found.at(f"lines[{index}]."):
            where = warehouse_named(organization, line.warehouse_id, line.warehouse_code)
            lines.append(Ordered(line.sku, where, line.quantity))
    found.finish()
    return lines


def _placed(caller: Identity, message: Fields) -> tuple[Actor, PlaceOrder]:
    organization = caller.organization_for(message.organization_id)

    def command(message: Fields) -> PlaceOrder:
        supplier, lines = _supplier(organization, message), _lines(organization, message)
        return PlaceOrder(supplier, lines, message.reference, message.idempotency_key)

    return asked(caller, message, member_of, command)


def _received(caller: Identity, message: Fields) -> tuple[Actor, ReceiveOrder]:
    organization = caller.organization_for(message.organization_id)

    def command(message: Fields) -> ReceiveOrder:
        return ReceiveOrder(message.purchase_order_id, _lines(organization, message), message.idempotency_key)

    return asked(caller, message, member_of, command)


def _named(message: Fields) -> str:
    return order_named(message.purchase_order_id)


def _listed(caller: Identity, message: Fields) -> tuple[Actor, PurchasesQuery]:
    organization = caller.organization_for(message.organization_id)

    def query(message: Fields) -> PurchasesQuery:
        supplier, size = _supplier(organization, message), message.page_size or PAGE_MAX
        return paged(message, lambda after: PurchasesQuery(supplier, message.open, after, size))

    return asked(caller, message, member_of, query)


def _suggested(caller: Identity, message: Fields) -> tuple[Actor, SuggestionsQuery]:
    organization = caller.organization_for(message.organization_id)

    def query(message: Fields) -> SuggestionsQuery:
        warehouse = warehouse_named(organization, message.warehouse_id, message.warehouse_code)
        size = message.page_size or PAGE_MAX
        return paged(message, lambda after: SuggestionsQuery(message.sku, warehouse, message.region, after, size))

    return asked(caller, message, member_of, query)


def supplier_told(supplier: Supplier) -> v1.Supplier:
    """A supplier as it is told."""
    contact = supplier.contact
    return v1.Supplier(
        supplier_id=supplier.id,
        code=supplier.code,
        contact=v1.Contact(
            name=contact.name,
            email=contact.email,
            phone=contact.phone,
            address=contact.address,
            lead_days=contact.lead_days,
        ),
        is_deleted=supplier.is_deleted,
        version=supplier.version,
        created_at=supplier.created_at_ms // MS,
        updated_at=supplier.updated_at_ms // MS,
    )


def order_told(order: PurchaseOrder) -> v1.PurchaseOrder:
    """An order as it is told."""
    return v1.PurchaseOrder(
        purchase_order_id=order.id,
        supplier_id=order.supplier_id,
        status=order.status.value,
        lines=[
            v1.PurchaseLine(
                sku=line.sku,
                warehouse_id=line.warehouse_id,
                quantity_ordered=line.quantity,
                quantity_received=line.received,
                quantity_outstanding=line.outstanding,
            )
            for line in order.lines
        ],
        reference=order.reference,
        is_automatic=bool(order.automatic),
        ordered_by=order.ordered_by,
        cancelled_by=order.cancelled_by,
        created_at=order.created_at_ms // MS,
    )


def suggestion_told(suggestion: Suggestion) -> v1.PurchaseSuggestion:
    """A suggestion as it is told."""
    entry = suggestion.entry
    return v1.PurchaseSuggestion(
        inventory_id=entry.id,
        sku=entry.sku,
        warehouse_id=entry.warehouse_id,
        quantity_available=entry.quantities.available,
        reorder_point=entry.reorder_point,
        reorder_quantity=entry.reorder_quantity,
        quantity_on_order=suggestion.on_order,
        quantity_in_transit=suggestion.in_transit,
        quantity_suggested=suggestion.quantity,
        supplier_id=suggestion.supplier_id,
    )
