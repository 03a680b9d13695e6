"""Calls about reservations of stock, and about which warehouses serve an order."""

from collections.abc import Sequence
from secrets import token_hex

from travio_inventory.client import stock_answers as answers
from travio_inventory.client.messages import large_number, number
from travio_inventory.client.stock_answers import StockAllocation, StockReservation
from travio_inventory.client.stock_purchases import PurchaseCalls
from travio_inventory.stock.allocation import ShipTo
from travio_inventory.wire.stock import v1 as wire


class ReservationCalls(PurchaseCalls):
    """Reservations of one organization, on behalf of one user."""

    async def reserve(
        self,
        order: str,
        items: Sequence[tuple[str, int]],
        *,
        warehouse: str = "",
        seconds: int = 0,
        allow_split: bool = True,
        ship_to: ShipTo | None = None,
        rules: Sequence[str] = (),
        key: str = "",
    ) -> StockReservation:
        """Reserve every item for the order, each a stock keeping unit and how many, or nothing; for so many seconds (0:
        900). The warehouses are chosen as `preview` says. An order has one reservation that lives. Raises
        InsufficientStock, OrderReserved, StockNotFound, ReservationEnded, StockContended, IdempotencyKeyReused.
        """
        request = wire.ReserveStockRequest(
            order_id=order,
            items=_items(items, warehouse),
            ttl_seconds=number("ttl_seconds", seconds),
            allow_split=allow_split,
            ship_to=_ship_to(ship_to),
            rules=list(rules),
            idempotency_key=key or token_hex(16),
        )
        reply = await self._connection.write(self.stub.reserve_stock, self._whose(request))
        return answers.read_reservation(reply.reservation)

    async def preview(
        self,
        items: Sequence[tuple[str, int]],
        *,
        warehouse: str = "",
        allow_split: bool = True,
        ship_to: ShipTo | None = None,
        rules: Sequence[str] = (),
    ) -> StockAllocation:
        """Which warehouses would serve such an order at this moment, and why; nothing is reserved. The fewest parcels,
        then by these rules in their order (region, nearest, priority, cost), by those of the service if there are none.
        Raises InsufficientStock.
        """
        request = wire.PreviewAllocationRequest(
            items=_items(items, warehouse), ship_to=_ship_to(ship_to), allow_split=allow_split, rules=list(rules)
        )
        return answers.read_allocation(await self._connection.read(self.stub.preview_allocation, self._whose(request)))

    async def reservation(self, reservation: str = "", *, order: str = "") -> StockReservation:
        """The reservation with that id, or the last one of an order. Raises StockNotFound."""
        request = wire.GetReservationRequest(reservation_id=reservation, order_id=order)
        reply = await self._connection.read(self.stub.get_reservation, self._whose(request))
        return answers.read_reservation(reply.reservation)

    async def commit(self, reservation: str = "", *, order: str = "", entries: Sequence[str] = ()) -> StockReservation:
        """What was reserved leaves the stock, or only the lines of these entries: the others are given back. Raises
        StockNotFound, ReservationExpired, ReservationCancelled, ReservationCommitted.
        """
        request = wire.CommitReservationRequest(reservation_id=reservation, order_id=order, inventory_ids=list(entries))
        reply = await self._connection.write(self.stub.commit_reservation, self._whose(request))
        return answers.read_reservation(reply.reservation)

    async def cancel(self, reservation: str = "", *, order: str = "", entries: Sequence[str] = ()) -> StockReservation:
        """Give back what was reserved, or only the lines of these entries; what was committed is returned. Raises
        StockNotFound, ReservationExpired.
        """
        request = wire.CancelReservationRequest(reservation_id=reservation, order_id=order, inventory_ids=list(entries))
        reply = await self._connection.write(self.stub.cancel_reservation, self._whose(request))
        return answers.read_reservation(reply.reservation)


def _items(items: Sequence[tuple[str, int]], warehouse: str) -> list[wire.ReservedItem]:
    return [
        wire.ReservedItem(sku=sku, quantity=large_number("quantity", quantity), warehouse_code=warehouse)
        for sku, quantity in items
    ]


def _ship_to(to: ShipTo | None) -> wire.ShipTo | None:
    return wire.ShipTo(to.latitude, to.longitude, to.region) if to else None
