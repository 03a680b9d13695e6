"""Orders stock from suppliers: placed, received in parts, cancelled; more than was ordered is refused."""

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.refusals import IdempotencyKeyReused
from travio_inventory.stock.purchase import (
    PlaceOrder,
    PurchaseLine,
    PurchaseOrder,
    PurchasesQuery,
    ReceiveOrder,
)
from travio_inventory.stock.records.purchases import PurchasePage, Purchases
from travio_inventory.stock.records.suppliers import Suppliers
from travio_inventory.stock.records.warehouses import Warehouses
from travio_inventory.stock.use_cases.steps import Steps


class PurchasesStock:
    """Of each line ordered = received + outstanding + cancelled, at every moment; each receipt happens once."""

    def __init__(
        self, purchases: Purchases, suppliers: Suppliers, warehouses: Warehouses, steps: Steps, clock: Clock
    ) -> None:
        self._purchases = purchases
        self._suppliers = suppliers
        self._warehouses = warehouses
        self._steps = steps
        self._clock = clock

    async def place(self, actor: Actor, command: PlaceOrder) -> PurchaseOrder:
        """The order, with the same key the same one. Raises PermissionDenied, StockNotFound, TooManyOrders,
        IdempotencyKeyReused, Overloaded, BackendUnavailable, OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_ADJUST)
        named = self._purchases.named(actor.organization, command.key)
        order = await self._steps.run(self._purchases.placed(actor, named))
        if order is None:
            made = await self._made(actor, named, command)
            order = await self._steps.run(self._purchases.place(actor, made))
        if not command.is_of(order):
            raise IdempotencyKeyReused
        return order

    async def _made(self, actor: Actor, named: str, command: PlaceOrder) -> PurchaseOrder:
        """The order that is asked for. Raises StockNotFound, BackendUnavailable."""
        organization = actor.organization
        await self._suppliers.kept(organization, command.supplier_id)
        numbers = {
            each: (await self._warehouses.find(organization, each, f"warehouse of {sku}")).number
            for each, sku in {line.warehouse_id: line.sku for line in command.lines}.items()
        }
        lines = [
            PurchaseLine(line.sku, line.warehouse_id, numbers[line.warehouse_id], line.quantity)
            for line in command.lines
        ]
        now_ms = self._clock.now_ms()
        return PurchaseOrder(
            named, organization, command.supplier_id, lines, command.reference, actor.user, 0,
            False, "", 1, now_ms, now_ms,
        )  # fmt: skip

    async def receive(self, actor: Actor, command: ReceiveOrder) -> PurchaseOrder:
        """So many came of each of these lines: all of it is checked first, then each line is one step. Raises
        PermissionDenied, StockNotFound, InvalidRequest, PurchaseEnded, OverReceived, StockFull, PartlyReceived where
        the first lines were received and one after them was refused meanwhile, IdempotencyKeyReused, Overloaded,
        BackendUnavailable, OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_ADJUST)
        return await self._steps.run(self._purchases.receive(actor, command))

    async def cancel(self, actor: Actor, order: str) -> PurchaseOrder:
        """What has not come will not come any more; a repetition is answered alike. Raises PermissionDenied,
        StockNotFound, PurchaseEnded, Overloaded, BackendUnavailable, OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_ADJUST)
        return await self._steps.run(self._purchases.cancel(actor, order))

    async def one(self, actor: Actor, order: str) -> PurchaseOrder:
        """Raises PermissionDenied, StockNotFound, Overloaded, BackendUnavailable, OutcomeUnknown."""
        actor.needs(Scope.STOCK_READ)
        return await self._steps.run(self._purchases.find(actor, order))

    async def page(self, actor: Actor, query: PurchasesQuery) -> PurchasePage:
        """Oldest first. A page may have fewer than were asked for, or none, and be followed by others. Raises
        PermissionDenied, Overloaded, BackendUnavailable, OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_READ)
        return await self._steps.run(self._purchases.page(actor, query))
