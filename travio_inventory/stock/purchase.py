"""A purchase order: placed with a supplier, received in parts, or cancelled; never more comes than was ordered.

The order says what was ordered, and never changes but by its cancellation. Each line says how much of it came: it lies
beside its entry. A line that nobody has placed yet is open.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from travio_inventory.kernel.checking import Faults
from travio_inventory.protocol.hold import digest_of
from travio_inventory.stock.commands import PAGE_MAX, REASON_BYTES_MAX
from travio_inventory.stock.entry import QUANTITY_MAX
from travio_inventory.stock.refusals import OverReceived, PurchaseEnded

LINES_MAX: Final = 100
"""Of one order."""
OPEN_MS: Final = 400 * 86_400_000
"""So long an order takes receipts."""
KEPT_MS: Final = 2 * OPEN_MS
"""So long it is kept, from when it was placed."""
OPEN_ORDERS_MAX: Final = 100
"""Of one entry. Orders that are placed at the same moment may bring it above that."""


class PurchaseStatus(StrEnum):
    """How far an order is."""

    ORDERED = "ORDERED"
    PARTLY_RECEIVED = "PARTLY_RECEIVED"
    RECEIVED = "RECEIVED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    """Not all of it came in time, and nothing will."""


@dataclass(frozen=True, slots=True)
class PurchaseLine:
    """So many of a stock keeping unit for a warehouse, and what came of them."""

    sku: str
    warehouse_id: str
    warehouse_number: int = field(repr=False)
    quantity: int
    received: int = 0
    is_cancelled: bool = False
    version: int = field(default=0, repr=False)
    """0 for a line that nobody has placed yet."""

    @property
    def outstanding(self) -> int:
        """What is still to come."""
        return 0 if self.is_cancelled else self.quantity - self.received

    @property
    def entry(self) -> tuple[str, str]:
        """The entry that it is for: no order has two lines for one."""
        return self.sku, self.warehouse_id


@dataclass(frozen=True, slots=True)
class PurchaseOrder:
    """An order as it stands. `automatic` is its number among those that were made for its entry by itself, 0 for one
    that somebody asked for.
    """

    id: str
    organization: str
    supplier_id: str
    lines: Sequence[PurchaseLine]
    reference: str
    ordered_by: str
    automatic: int
    is_cancelled: bool
    cancelled_by: str
    version: int
    created_at_ms: int
    updated_at_ms: int
    is_expired: bool = False

    @property
    def is_open(self) -> bool:
        """Whether more may come of it."""
        return self.status in (PurchaseStatus.ORDERED, PurchaseStatus.PARTLY_RECEIVED)

    @property
    def status(self) -> PurchaseStatus:
        """How far it is."""
        received = sum(line.received for line in self.lines)
        if received == sum(line.quantity for line in self.lines):
            return PurchaseStatus.RECEIVED
        if self.is_cancelled:
            return PurchaseStatus.CANCELLED
        if self.is_expired:
            return PurchaseStatus.EXPIRED
        return PurchaseStatus.PARTLY_RECEIVED if received else PurchaseStatus.ORDERED


class Ordered(NamedTuple):
    """So many of a stock keeping unit for a warehouse."""

    sku: str
    warehouse_id: str
    quantity: int


def purchase_id(organization: str, key: str) -> str:
    """The id of the order that was asked for with that key; so a repetition is the same one."""
    return str(UUID(digest_of("purchase order", organization, key)))


def automatic_id(inventory: str, number: int) -> str:
    """The id of the automatic order of that number for an entry; so two who make it make one."""
    return str(UUID(digest_of("automatic order", inventory, str(number))))


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """Order these from a supplier. A repetition with the same `key` is the same order; "" never repeats. Raises
    InvalidRequest.
    """

    supplier_id: str
    lines: Sequence[Ordered]
    reference: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        found = Faults()
        found.id("supplier_id", self.supplier_id)
        _check_lines(found, self.lines)
        found.text("reference", self.reference, REASON_BYTES_MAX)
        found.id("idempotency_key", self.key, required=False)
        found.finish()

    def is_of(self, order: PurchaseOrder) -> bool:
        """Whether it asks for that order."""
        lines = [Ordered(line.sku, line.warehouse_id, line.quantity) for line in order.lines]
        return (self.supplier_id, list(self.lines), self.reference) == (order.supplier_id, lines, order.reference)


@dataclass(frozen=True, slots=True)
class ReceiveOrder:
    """So many came of these lines. A repetition with the same `key` is the same receipt; "" never repeats, and is for
    one line only. Raises InvalidRequest.
    """

    order_id: str
    lines: Sequence[Ordered]
    key: str = ""

    def __post_init__(self) -> None:
        found = Faults()
        found.id("order_id", self.order_id)
        _check_lines(found, self.lines)
        found.id("idempotency_key", self.key, required=len(self.lines) > 1)
        found.finish()


def _check_lines(found: Faults, lines: Sequence[Ordered]) -> None:
    if not found.count("lines", lines, 1, LINES_MAX):
        return
    seen: dict[tuple[str, str], int] = {}
    for number, line in enumerate(lines):
        at = found.at(f"lines[{number}].")
        at.id("sku", line.sku)
        at.id("warehouse_id", line.warehouse_id)
        at.number("quantity", line.quantity, 1, QUANTITY_MAX)
        first = seen.setdefault((line.sku, line.warehouse_id), number)
        if first != number:
            at.wrong("sku", f"must not be that of lines[{first}] for the same warehouse: say the sum in one line")


def order_named(named: str) -> str:
    """The id of a purchase order. Raises InvalidRequest."""
    found = Faults()
    found.id("order_id", named)
    found.finish()
    return named


@dataclass(frozen=True, slots=True)
class PurchasesQuery:
    """Purchase orders, oldest first; those of a supplier or of all. Raises InvalidRequest."""

    supplier_id: str = ""
    is_open: bool = False
    """Only those of which something is outstanding."""
    after: str = ""
    page_size: int = PAGE_MAX

    def __post_init__(self) -> None:
        found = Faults()
        found.id("supplier_id", self.supplier_id, required=False)
        found.number("page_size", self.page_size, 1, PAGE_MAX)
        found.finish()


def received(order: PurchaseOrder, line: PurchaseLine, quantity: int) -> PurchaseLine:
    """The line with so many that came. Raises PurchaseEnded, OverReceived."""
    if order.is_cancelled or order.is_expired:
        raise PurchaseEnded(order.status)
    if line.is_cancelled:
        raise PurchaseEnded(PurchaseStatus.CANCELLED)
    if quantity > line.outstanding:
        raise OverReceived(line.outstanding, line.sku)
    return replace(line, received=line.received + quantity, version=line.version + 1)
