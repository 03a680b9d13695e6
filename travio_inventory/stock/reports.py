"""Reports of stock by region: how much there is, and what moved on each day."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from travio_inventory.kernel.checking import Faults
from travio_inventory.stock.entry import Quantities
from travio_inventory.stock.movement import Movement, MovementType
from travio_inventory.stock.warehouse import REGION_BYTES_MAX, Warehouse

DAYS_MAX = 92
WEEK = timedelta(days=6)
"""Before its last day."""
YEAR_LEAST = 1970
MOVEMENTS_MAX = 200_000
"""That one report counts."""


@dataclass(frozen=True, slots=True)
class StockReportQuery:
    """The stock of a region, or of all, and the movements from one day to another, both included. Raises
    InvalidRequest.
    """

    first: date
    last: date
    region: str = ""

    def __post_init__(self) -> None:
        found = Faults()
        found.text("region", self.region, REGION_BYTES_MAX)
        if self.first.year < YEAR_LEAST or not 0 <= (self.last - self.first).days < DAYS_MAX:
            found.wrong("to_day", f"must be the first day or one of the {DAYS_MAX - 1} after it")
        found.finish()

    @property
    def days(self) -> Iterator[date]:
        """Each day of it."""
        return (self.first + timedelta(days=each) for each in range((self.last - self.first).days + 1))


def report_query(region: str, first: str, last: str, today: date) -> StockReportQuery:
    """Of days as 2027-06-01; without a last day until today, without a first one the week that ends with the last.
    Raises InvalidRequest.
    """
    found = Faults()
    until = _day(found, "to_day", last) or today
    since = _day(found, "from_day", first) or until - WEEK
    found.finish()
    return StockReportQuery(since, until, region)


def _day(found: Faults, field: str, text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        found.wrong(field, "must be a day as 2027-06-01")
        return None


class Moved(NamedTuple):
    """What moved on a day, of one type; `quantity` is signed."""

    day: date
    type: MovementType
    quantity: int
    movements: int


@dataclass(slots=True)
class RegionReport:
    """The stock of a region."""

    region: str
    warehouses: int = 0
    entries: int = 0
    available: int = 0
    reserved: int = 0
    low: int = 0
    """Entries of which it is time to order more."""
    in_transit: int = 0
    """What transfers bring there."""
    _quantities: Counter[tuple[date, MovementType]] = field(default_factory=Counter)
    _counts: Counter[tuple[date, MovementType]] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """All that lies there."""
        return self.available + self.reserved

    @property
    def moved(self) -> Sequence[Moved]:
        """By day and type."""
        return [Moved(*key, self._quantities[key], self._counts[key]) for key in sorted(self._counts)]

    def count(self, there: Quantities, reorder_point: int) -> None:
        """An entry that lies there."""
        self.entries += 1
        self.available += there.available
        self.reserved += there.reserved
        self.low += there.available <= reorder_point

    def count_movement(self, day: date, movement: Movement) -> None:
        """A movement there."""
        self._quantities[day, movement.type] += movement.quantity
        self._counts[day, movement.type] += 1


class Regions:
    """A report of each region, or of that one, found by the number of a warehouse there."""

    def __init__(self, warehouses: Iterable[Warehouse], region: str) -> None:
        self.reports: dict[str, RegionReport] = {}
        self.by_number: dict[int, RegionReport] = {}
        for each in warehouses:
            if region in ("", each.site.region):
                there = self.reports.setdefault(each.site.region, RegionReport(each.site.region))
                there.warehouses += 1
                self.by_number[each.number] = there

    def count(self, number: int, there: Quantities, reorder_point: int) -> None:
        """An entry that lies in the warehouse of that number."""
        self.by_number[number].count(there, reorder_point)

    @property
    def in_order(self) -> Sequence[RegionReport]:
        """By name."""
        return [self.reports[name] for name in sorted(self.reports)]
