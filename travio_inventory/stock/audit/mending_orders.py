"""Mends what is on order for an entry, and the lines of its orders, in one batch IF nothing of it changed meanwhile."""

from dataclasses import replace

from travio_inventory.kernel.actor import house_of
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import ABSENT, Row, Write
from travio_inventory.protocol.sending import Sender
from travio_inventory.stock.audit.comparing import movements
from travio_inventory.stock.audit.findings import StockFinding
from travio_inventory.stock.audit.orders import mended, order_of, receipt_of, standing
from travio_inventory.stock.counts import StockCounts
from travio_inventory.stock.records.purchase_rows import ON_ORDER, line_write
from travio_inventory.stock.records.purchases import Purchases
from travio_inventory.stock.records.stock_rows import STOCK


class OrderRepairs:
    """Repairs faults of purchase orders."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._purchases = Purchases(sender, StockCounts())

    async def go_on(self, finding: StockFinding) -> None:
        """What was begun of the order, by its own steps."""
        await self._purchases.find(house_of(finding.at.organization), finding.owner)

    async def bring_in_line(self, finding: StockFinding) -> None:
        """The line has what its movements brought, and is closed if it is of no order; on order is what is outstanding
        of it then. Where more came than was ordered, nothing is changed.
        """
        at, named, now_ms = finding.at, finding.owner, self._sender.clock.now_ms()
        there = await self._sender.batches.get(at, [STOCK, ON_ORDER])
        came: dict[str, int] = {}
        async for _, movement in movements(self._sender.batches, at, there[STOCK], 0):
            if of := receipt_of(movement):
                came[of] = came.get(of, 0) + rows.number(movement, "quantity")
        on_order = there.get(ON_ORDER)
        seen = await standing(self._sender.batches, at, came, on_order, now_ms)
        if seen is None:
            return
        order = await order_of(self._sender.batches, at.organization, named, now_ms)
        mending = mended(seen, at, named, order)
        writes, after = [], seen.on_order
        if mending is not None:
            order, line_before, line_after = mending
            after = seen.on_order.after(order, line_after, now_ms)
            write = line_write(order, line_before, line_after, now_ms)
            as_seen = seen.lines.get(named)
            writes = [write._replace(condition=ABSENT if as_seen is None else dict(as_seen))]
        elif named not in seen.lines:
            orders = {each: said for each, said in seen.on_order.orders.items() if each != named}
            after = replace(seen.on_order, orders=orders, version=seen.on_order.version + 1)
        else:
            return
        await self._sender.apply(at, [_as_seen(after.write(seen.on_order, now_ms), on_order), *writes], ())


def _as_seen(write: Write, seen: Row | None) -> Write:
    """On condition that nothing has changed it, not even what changes no version."""
    condition: Row = {} if seen is None else {"version": seen.get("version"), "definition": seen.get("definition")}
    return write._replace(condition=condition or ABSENT)
