"""When to order more of what, and how many: pure rules."""

from dataclasses import dataclass

from travio_inventory.kernel.checking import Faults
from travio_inventory.stock.commands import PAGE_MAX
from travio_inventory.stock.entry import QUANTITY_MAX, InventoryEntry
from travio_inventory.stock.warehouse import REGION_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An entry of which it is time to order more: what is there, on order and on the way is not above its point."""

    entry: InventoryEntry
    on_order: int
    in_transit: int
    quantity: int
    """How many to order."""
    supplier_id: str
    """With whom it was ordered last, "" where it never was."""


@dataclass(frozen=True, slots=True)
class SuggestionsQuery:
    """Of the entries of which all of this is so. Raises InvalidRequest."""

    sku: str = ""
    warehouse_id: str = ""
    region: str = ""
    after: str = ""
    page_size: int = PAGE_MAX

    def __post_init__(self) -> None:
        found = Faults()
        found.id("sku", self.sku, required=False)
        found.id("warehouse_id", self.warehouse_id, required=False)
        found.text("region", self.region, REGION_BYTES_MAX)
        found.number("page_size", self.page_size, 1, PAGE_MAX)
        found.finish()


def to_order(entry: InventoryEntry, *, on_order: int, in_transit: int) -> int:
    """The fewest times the reorder quantity that bring the entry above its reorder point once all has come; 0 where it
    is above it, or where nothing is to be ordered of it.
    """
    due = entry.quantities.available + on_order + in_transit
    if entry.is_deleted or due > entry.reorder_point or not entry.reorder_quantity:
        return 0
    wanted = ((entry.reorder_point - due) // entry.reorder_quantity + 1) * entry.reorder_quantity
    return min(wanted, QUANTITY_MAX)
