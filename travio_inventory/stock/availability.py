"""How many of a stock keeping unit can be had: of each warehouse that is open, never less than none."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from travio_inventory.kernel.checking import Faults
from travio_inventory.stock.entry import QUANTITY_MAX, InventoryEntry
from travio_inventory.stock.warehouse import REGION_BYTES_MAX, Warehouse

QUESTIONS_MAX = 1_000
"""Asked together."""


@dataclass(frozen=True, slots=True)
class StockQuestion:
    """Whether so many can be had, in all warehouses or in those of a region. Raises InvalidRequest."""

    sku: str
    quantity: int
    region: str = ""

    def __post_init__(self) -> None:
        found = Faults()
        found.id("sku", self.sku)
        found.number("quantity", self.quantity, 1, QUANTITY_MAX)
        found.text("region", self.region, REGION_BYTES_MAX)
        found.finish()


@dataclass(frozen=True, slots=True)
class StockQuestions:
    """Questions that are asked together. Raises InvalidRequest."""

    items: Sequence[StockQuestion]

    def __post_init__(self) -> None:
        found = Faults()
        if not 1 <= len(self.items) <= QUESTIONS_MAX:
            found.wrong("items", f"must be 1 to {QUESTIONS_MAX}, not {len(self.items)}")
        found.finish()


class AvailableThere(NamedTuple):
    """How many can be had in a warehouse."""

    warehouse_id: str
    available: int


class StockAnswer(NamedTuple):
    """How many can be had in all, and where: warehouses that are first in order first."""

    question: StockQuestion
    available: int
    warehouses: Sequence[AvailableThere]

    @property
    def is_available(self) -> bool:
        """Whether there are as many as were asked for."""
        return self.available >= self.question.quantity


def answered(
    question: StockQuestion, entries: Iterable[InventoryEntry], warehouses: Iterable[Warehouse]
) -> StockAnswer:
    """What the entries of the stock keeping unit say. `warehouses` are those of the organization, in order."""
    by_warehouse = {each.warehouse_id: each.quantities.available for each in entries if not each.is_deleted}
    there = [
        AvailableThere(each.id, by_warehouse[each.id])
        for each in warehouses
        if each.site.is_active and question.region in ("", each.site.region) and by_warehouse.get(each.id, 0) > 0
    ]
    return StockAnswer(question, sum(each.available for each in there), there)
