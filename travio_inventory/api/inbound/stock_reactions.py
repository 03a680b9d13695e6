"""What stock does when an event comes in: an order reserves, a payment commits or not, a product gets entries."""

from collections.abc import Sequence

from travio_inventory.api.inbound.payloads import OrderPlaced, OrderTold, ProductCreated, read
from travio_inventory.api.inbound.reactions import house_in
from travio_inventory.kernel.incoming import Decisions, Incoming, Reaction, Reactions
from travio_inventory.stock.reservation import Item
from travio_inventory.stock.use_cases import Stock
from travio_inventory.stock.use_cases.settle_order import OrderEvent

NAMES_A_HOLD = ("hold_id", "holdId")
"""A payment that names a hold of seats is none for an order of stock."""


def with_stock(seats: Reactions, stock: Stock) -> Reactions:
    """The reactions by type, of seats and of stock: a payment is for what it names."""
    orders = _Orders(stock)
    made, failed = orders.paid, orders.not_paid
    return {
        **seats,
        "order.created": orders.placed,
        "order.cancelled": orders.cancelled,
        "payment.successful": _either(seats.get("payment.successful"), made),
        "payment.succeeded": _either(seats.get("payment.succeeded"), made),
        "payment.failed": _either(seats.get("payment.failed"), failed),
        "product.created": orders.product,
    }


def _either(of_seats: Reaction | None, of_stock: Reaction) -> Reaction:
    async def react(event: Incoming, decisions: Decisions) -> str:
        names_a_hold = any(event.data.get(name) is not None for name in NAMES_A_HOLD)
        return await (of_seats if of_seats and names_a_hold else of_stock)(event, decisions)

    return react


class _Orders:
    """Settles orders, and begins to keep products."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock

    async def placed(self, event: Incoming, decisions: Decisions) -> str:
        said = read(OrderPlaced, event.data)
        return await self._stock.settle.placed(house_in(event), _order(event, said.order_id), _items(said), decisions)

    async def paid(self, event: Incoming, decisions: Decisions) -> str:
        said = read(OrderTold, event.data)
        return await self._stock.settle.paid(house_in(event), _order(event, said.order_id), decisions)

    async def not_paid(self, event: Incoming, _decisions: Decisions) -> str:
        said = read(OrderTold, event.data)
        return await self._stock.settle.not_paid(house_in(event), _order(event, said.order_id))

    async def cancelled(self, event: Incoming, _decisions: Decisions) -> str:
        said = read(OrderTold, event.data)
        return await self._stock.settle.cancelled(house_in(event), _order(event, said.order_id))

    async def product(self, event: Incoming, _decisions: Decisions) -> str:
        said = read(ProductCreated, event.data)
        added = await self._stock.keep.add_everywhere(house_in(event), said.sku, said.product_id)
        return f"{added} entries added"


def _order(event: Incoming, order: str) -> OrderEvent:
    return OrderEvent(order, event.source, event.id)


def _items(said: OrderPlaced) -> Sequence[Item]:
    return [Item(each.sku, each.quantity, each.warehouse_id) for each in said.items]
