"""Compares what is on order for an entry with the lines of its purchase orders, and these with what came of them.

A line and what is on order are one batch, and so are a receipt and its movement: they agree at every moment at which
what is on order stood still. An order that was cancelled may have an open line until somebody goes on with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Batches, Kind, Partition, Row
from travio_inventory.stock.audit.findings import StockFault, StockFinding
from travio_inventory.stock.purchase import OPEN_MS, PurchaseLine, PurchaseOrder
from travio_inventory.stock.records.purchase_rows import (
    ON_ORDER,
    ORDER,
    OnOrder,
    partition_of,
    place_of,
    read_line,
    read_on_order,
    read_order,
)
from travio_inventory.stock.warehouse import SHARDS_MAX

LINES_PER_READ: Final = 200
RECEIPT: Final = "receipt "
"""Begins the cause of a movement that a receipt made; then come the order and the receipt's key."""
SLACK_MS: Final = 86_400_000
"""What is near its end by one clock may be beyond it by another."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is on order as it says itself, the rows of all lines, and how many units movements brought, by order; None
    where not all movements are known.
    """

    on_order: OnOrder
    lines: Mapping[str, Row]
    came: Mapping[str, int] | None
    now_ms: int

    def line(self, at: Partition, named: str) -> PurchaseLine:
        """The line of that order, which is there."""
        row = self.lines[named]
        ordered = PurchaseLine(at.name, "", at.number // SHARDS_MAX, rows.number(row, "quantity"))
        return read_line(ordered, row)

    def is_judged(self, since_ms: int) -> bool:
        """Whether an order of that moment takes receipts, and its movements are kept."""
        return self.now_ms < since_ms + OPEN_MS - SLACK_MS


async def standing(
    batches: Batches, at: Partition, came: Mapping[str, int] | None, before: Row | None, now_ms: int
) -> Standing | None:
    """All of it at one moment; None if it has changed since `before` was read. Raises StoreUnavailable."""
    lines: dict[str, Row] = {}
    start, is_more = "", True
    while is_more:
        found = await batches.read(at, Kind.PURCHASE, start=start, most=LINES_PER_READ)
        lines |= {key.id: row for key, row in found.items()}
        is_more = len(found) == LINES_PER_READ
        start = f"{next(reversed(list(found))).id}\0" if is_more else ""
    if (await batches.get(at, [ON_ORDER])).get(ON_ORDER) != before:
        return None
    return Standing(read_on_order(before), lines, came, now_ms)


async def order_of(batches: Batches, organization: str, named: str, now_ms: int) -> PurchaseOrder | None:
    """The order itself. Raises StoreUnavailable."""
    row = (await batches.get(partition_of(organization, named), [ORDER])).get(ORDER)
    return None if row is None else read_order(organization, named, row, now_ms)


def ordered_here(order: PurchaseOrder, at: Partition) -> PurchaseLine | None:
    """The line of the order that is for the entry there, as it was ordered."""
    return next((line for line in order.lines if place_of(order, line) == at), None)


class OrdersLook:
    """One look at what is on order in a place."""

    def __init__(self, batches: Batches, at: Partition, *, late_ms: int) -> None:
        self._batches = batches
        self._at = at
        self._late_ms = late_ms

    async def findings(self, seen: Standing) -> list[StockFinding]:
        """All faults that are seen. Raises StoreUnavailable."""
        found = self._of_sum(seen)
        for named, row in seen.lines.items():
            since_ms = rows.number(row, "created_at_ms")
            if seen.is_judged(since_ms):
                found += self._of_receipts(seen, named) + await self._of_line(seen, named)
        for named, _ in seen.on_order.open(seen.now_ms):
            if named not in seen.lines and (missing := await self._of_missing(named, seen.now_ms)) is not None:
                found.append(missing)
        return found

    def _of_sum(self, seen: Standing) -> list[StockFinding]:
        """On order is what was ordered, less what came and what was cancelled."""
        orders = seen.on_order.orders
        said = {named: count for named, (count, since_ms) in orders.items() if seen.is_judged(since_ms)}
        lines = {
            named: seen.line(self._at, named).outstanding
            for named, row in seen.lines.items()
            if seen.is_judged(rows.number(row, "created_at_ms"))
        }
        wrong = {
            named: (said.get(named, 0), lines.get(named, 0))
            for named in said.keys() | lines.keys()
            if said.get(named, 0) != lines.get(named, 0) and named in lines
        }
        return [
            self._finding(StockFault.ON_ORDER, named, f"{says} are on order, {has} outstanding", f"{says} {has}")
            for named, (says, has) in sorted(wrong.items())
        ]

    def _of_receipts(self, seen: Standing, named: str) -> list[StockFinding]:
        line = seen.line(self._at, named)
        if seen.came is None or line.received == seen.came.get(named, 0):
            return []
        came = seen.came.get(named, 0)
        other = f"{line.received} of {line.quantity} received, its movements brought {came}"
        return [self._finding(StockFault.RECEIVED, named, other, f"{line.version} {line.received} {came}")]

    async def _of_line(self, seen: Standing, named: str) -> list[StockFinding]:
        """A line that is open is of an order that is there, is for this entry, and was not cancelled."""
        line = seen.line(self._at, named)
        if not line.outstanding:
            return []
        order = await order_of(self._batches, self._at.organization, named, seen.now_ms)
        ordered = None if order is None else ordered_here(order, self._at)
        if order is None or ordered is None:
            return [self._finding(StockFault.STRAY_LINE, named, f"{line.outstanding} outstanding", line.version)]
        if ordered.quantity != line.quantity:
            other = f"{line.quantity} in its line, {ordered.quantity} were ordered"
            return [self._finding(StockFault.STRAY_LINE, named, other, line.version)]
        if order.is_cancelled and seen.now_ms - order.updated_at_ms >= self._late_ms:
            return [self._finding(StockFault.UNFINISHED, named, f"{line.outstanding} outstanding", line.version)]
        return []

    async def _of_missing(self, named: str, now_ms: int) -> StockFinding | None:
        order = await order_of(self._batches, self._at.organization, named, now_ms)
        is_ours = order is not None and ordered_here(order, self._at) is not None
        fault = StockFault.LOST_LINE if is_ours else StockFault.ON_ORDER
        return self._finding(fault, named, "it is on order, and has no line")

    def _finding(self, fault: StockFault, named: str, other: str, seen: object = "") -> StockFinding:
        return StockFinding(fault, self._at, named, other, str(seen))


def receipt_of(movement: Row) -> str:
    """The order of which a movement is a receipt, "" if it is none."""
    cause = rows.text(movement, "cause")
    return cause.removeprefix(RECEIPT).partition(" ")[0] if cause.startswith(RECEIPT) else ""


def mended(
    seen: Standing, at: Partition, named: str, order: PurchaseOrder | None
) -> tuple[PurchaseOrder, PurchaseLine, PurchaseLine] | None:
    """The order, its line as it is, and as it must be: as many came as movements brought, and of no order nothing is to
    come. None where that cannot be: more came than was ordered.
    """
    ordered = None if order is None else ordered_here(order, at)
    if named in seen.lines:
        before = seen.line(at, named)
    elif ordered is not None:
        before = replace(ordered, version=0)
    else:
        return None
    if order is None or ordered is None:
        since_ms = rows.number(seen.lines[named], "created_at_ms")
        order = PurchaseOrder(named, at.organization, "", [], "", "", 0, False, "", 1, since_ms, since_ms)
    came = before.received if seen.came is None else seen.came.get(named, 0)
    quantity = before.quantity if ordered is None else ordered.quantity
    is_over = ordered is None or order.is_cancelled or before.is_cancelled
    after = replace(before, quantity=quantity, received=came, is_cancelled=is_over, version=before.version + 1)
    return None if came > quantity else (order, before, after)
