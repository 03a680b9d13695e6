"""Chooses the warehouses that serve an order: the fewest parcels, the first ones by the rules.

    allocated(asked, shelves, warehouses) -> Allocation      raises InsufficientStock

`shelves` says how many are available of each stock keeping unit in each warehouse. Less than none counts as none, and
a warehouse that is not active as not there, before anything is added up: neither hides stock of another.

A parcel is a warehouse that sends something. Of the sets with the fewest parcels the first in the order of the rules is
chosen, and its warehouses give as much as they have in that order. Warehouses that send something for the order anyhow
(`Asked.used`, and those that an item names) cost no further parcel and come first: so an order stays where it is.

Exact while at most WORK_MAX quantities are looked at; beyond that warehouses are added that bring the most, which may
be more parcels than needed: `Allocation.is_fewest` says whether it is proven that fewer are not enough.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import combinations
from math import asin, cos, inf, radians, sin, sqrt
from typing import Final, NamedTuple, assert_never

from travio_inventory.kernel.checking import Faults
from travio_inventory.stock.entry import QUANTITY_MAX
from travio_inventory.stock.refusals import InsufficientStock
from travio_inventory.stock.warehouse import REGION_BYTES_MAX, Warehouse

WORK_MAX: Final = 50_000
"""Quantities that are looked at to find the fewest parcels: some 10 ms."""
ITEMS_MAX: Final = 100
EARTH_KM: Final = 6_371.0088
"""The mean radius."""
COST_MAX: Final = 10**9

Shelves = Mapping[str, Mapping[str, int]]
"""How many are available, by stock keeping unit, then by id of the warehouse."""


class Rule(StrEnum):
    """What puts one warehouse before another."""

    REGION = "region"
    """Those in the region of the customer first."""
    NEAREST = "nearest"
    """By the great circle to the customer; without a place last."""
    PRIORITY = "priority"
    """By the priority of the warehouse, 1 first."""
    COST = "cost"
    """By what a parcel costs from there."""


def rules_named(names: Sequence[str]) -> tuple[Rule, ...]:
    """Rules as a request names them, none for those of the service. Raises InvalidRequest."""
    found = Faults()
    if len(set(names)) != len(names) or not set(names) <= set(Rule):
        found.wrong("rules", f"must be some of {', '.join(Rule)}, each once")
    found.finish()
    return tuple(map(Rule, names))


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules, the first one that makes a difference decides; the code of the warehouse does in the end. A parcel
    costs what `parcel_costs` says by code, and `cost_per_km` on its way. Raises InvalidRequest.
    """

    order: Sequence[Rule] = (Rule.REGION, Rule.NEAREST, Rule.PRIORITY)
    parcel_costs: Mapping[str, int] = field(default_factory=dict)
    cost_per_km: int = 0

    def __post_init__(self) -> None:
        found = Faults()
        if not self.order or len(set(self.order)) != len(self.order):
            found.wrong("rules", f"must be some of {', '.join(Rule)}, each once")
        for code, cost in self.parcel_costs.items():
            found.number(f"parcel_costs[{code}]", cost, 0, COST_MAX)
        found.number("cost_per_km", self.cost_per_km, 0, COST_MAX)
        found.finish()

    def by(self, order: Sequence[Rule]) -> "Rules":
        """The same costs by these rules in this order, as they are if there are none. Raises InvalidRequest."""
        return replace(self, order=order) if order else self

    @property
    def go_by_priority(self) -> bool:
        """Whether nothing else tells warehouses apart where it is not known where an order goes."""
        return [rule for rule in self.order if rule not in (Rule.REGION, Rule.NEAREST)] == [Rule.PRIORITY]


@dataclass(frozen=True, slots=True)
class ShipTo:
    """Where an order goes. Degrees and region may be unknown. Raises InvalidRequest."""

    latitude: float | None = None
    longitude: float | None = None
    region: str = ""

    def __post_init__(self) -> None:
        found = Faults()
        for name, most in (("latitude", 90), ("longitude", 180)):
            degrees = getattr(self, name)
            if degrees is not None and not -most <= degrees <= most:
                found.wrong(f"ship_to.{name}", f"must be -{most} to {most}, not {degrees}")
        if (self.latitude is None) != (self.longitude is None):
            found.wrong("ship_to.latitude", "must come with a longitude, or neither")
        found.text("ship_to.region", self.region, REGION_BYTES_MAX)
        found.finish()


class Wanted(NamedTuple):
    """So many of a stock keeping unit, of that warehouse, or of any."""

    sku: str
    quantity: int
    warehouse_id: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an order wants. With `allow_split` an item may come from several warehouses. `used` are the ids of those
    that send something for the order anyhow. Raises InvalidRequest.
    """

    items: Sequence[Wanted]
    ship_to: ShipTo = ShipTo()
    allow_split: bool = True
    rules: Rules = Rules()
    used: Collection[str] = ()

    def __post_init__(self) -> None:
        found = Faults()
        if found.count("items", self.items, 1, ITEMS_MAX):
            for index, item in enumerate(self.items):
                within = found.at(f"items[{index}].")
                within.id("sku", item.sku)
                within.id("warehouse_id", item.warehouse_id, required=False)
                within.number("quantity", item.quantity, 1, QUANTITY_MAX)
        found.finish()

    @property
    def merged(self) -> Sequence[Wanted]:
        """Each stock keeping unit and warehouse once, in order."""
        sums: dict[tuple[str, str], int] = {}
        for sku, quantity, warehouse in self.items:
            sums[sku, warehouse] = sums.get((sku, warehouse), 0) + quantity
        return [Wanted(sku, quantity, warehouse) for (sku, warehouse), quantity in sorted(sums.items())]


class Taken(NamedTuple):
    """So many from there."""

    sku: str
    warehouse_id: str
    quantity: int


class Allocation(NamedTuple):
    """What comes from where. `allocation_reasons` says why."""

    taken: Sequence[Taken]
    parcels: int
    is_fewest: bool


def great_circle_km(from_: tuple[float, float], to: tuple[float, float]) -> float:
    """The way between two places (latitude, longitude) on a sphere; the haversine formula."""
    (lat_a, lon_a), (lat_b, lon_b) = (tuple(map(radians, place)) for place in (from_, to))
    half = sin((lat_b - lat_a) / 2) ** 2 + cos(lat_a) * cos(lat_b) * sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(half)))


def allocated(asked: Asked, shelves: Shelves, warehouses: Sequence[Warehouse]) -> Allocation:
    """Every item, from somewhere. Raises InsufficientStock, whose `available` is of the first item that is short."""
    ids = [each.id for each in ranked(asked, warehouses)]
    left = {item.sku: {each: max(shelves.get(item.sku, {}).get(each, 0), 0) for each in ids} for item in asked.merged}
    taken = [_named(item, left) for item in asked.merged if item.warehouse_id]
    free = [item for item in asked.merged if not item.warehouse_id]
    base = {*asked.used, *(each.warehouse_id for each in taken)} & set(ids)
    needs = _Needs(free, left, allow_split=asked.allow_split)
    for item in free:
        needs.check_enough(item, ids)
    chosen, is_fewest = _fewest(needs, ids, base)
    for item in free:
        taken += needs.filled(item, chosen)
    taken = sorted(_together(taken), key=lambda each: (each.sku, ids.index(each.warehouse_id)))
    parcels = len({each.warehouse_id for each in taken})
    return Allocation(taken, parcels, is_fewest)


def ranked(asked: Asked, warehouses: Sequence[Warehouse]) -> list[Warehouse]:
    """Those that are active, the first by the rules first."""

    def place(warehouse: Warehouse) -> tuple[float | str, ...]:
        return (*(_rank(rule, warehouse, asked) for rule in asked.rules.order), warehouse.code)

    return sorted((each for each in warehouses if each.site.is_active), key=place)


def _rank(rule: Rule, warehouse: Warehouse, asked: Asked) -> float:
    match rule:
        case Rule.REGION:
            return float(not asked.ship_to.region or warehouse.site.region != asked.ship_to.region)
        case Rule.NEAREST:
            return distance_km(warehouse, asked.ship_to)
        case Rule.PRIORITY:
            return warehouse.site.priority
        case Rule.COST:
            return parcel_cost(warehouse, asked)
        case _:
            assert_never(rule)


def distance_km(warehouse: Warehouse, to: ShipTo) -> float:
    """Infinite where a place is unknown."""
    site = warehouse.site
    if site.latitude is None or site.longitude is None or to.latitude is None or to.longitude is None:
        return inf
    return great_circle_km((site.latitude, site.longitude), (to.latitude, to.longitude))


def parcel_cost(warehouse: Warehouse, asked: Asked) -> float:
    """What a parcel costs from there; the way costs nothing where it is not known where it goes, and infinitely much
    from where the place is unknown.
    """
    has_way = asked.rules.cost_per_km and asked.ship_to.latitude is not None
    way = asked.rules.cost_per_km * distance_km(warehouse, asked.ship_to) if has_way else 0
    return asked.rules.parcel_costs.get(warehouse.code, 0) + way


def _together(taken: Iterable[Taken]) -> Iterator[Taken]:
    """Each stock keeping unit and warehouse once, for items that name it and items that do not."""
    sums: dict[tuple[str, str], int] = {}
    for sku, warehouse, quantity in taken:
        sums[sku, warehouse] = sums.get((sku, warehouse), 0) + quantity
    return (Taken(*at, quantity) for at, quantity in sums.items())


def _named(item: Wanted, left: Mapping[str, dict[str, int]]) -> Taken:
    """What is taken from where the item says. Raises InsufficientStock."""
    there = left[item.sku].get(item.warehouse_id, 0)
    if there < item.quantity:
        raise InsufficientStock(there, item.sku)
    left[item.sku][item.warehouse_id] -= item.quantity
    return Taken(item.sku, item.warehouse_id, item.quantity)


class _Needs:
    """What warehouses must give together."""

    def __init__(self, items: Sequence[Wanted], left: Shelves, *, allow_split: bool) -> None:
        self.items = items
        self._left = left
        self._allow_split = allow_split

    def check_enough(self, item: Wanted, ids: Sequence[str]) -> None:
        """Raises InsufficientStock if all together have too few."""
        there = self.had(item, ids)
        if there < item.quantity:
            in_one = there < sum(self._left[item.sku][each] for each in ids)
            raise InsufficientStock(there, item.sku, in_one=in_one)

    def had(self, item: Wanted, ids: Sequence[str]) -> int:
        """How many these can give."""
        found = [self._left[item.sku][each] for each in ids]
        return sum(found) if self._allow_split else max(found, default=0)

    def are_met(self, ids: Sequence[str]) -> bool:
        """Whether these have everything."""
        return all(self.had(item, ids) >= item.quantity for item in self.items)

    def given(self, ids: Sequence[str]) -> int:
        """How much of everything these can give: as many items, or units, as are wanted."""
        if not self._allow_split:
            return sum(self.had(item, ids) >= item.quantity for item in self.items)
        return sum(min(self.had(item, ids), item.quantity) for item in self.items)

    def at_least(self, base: Sequence[str], others: Sequence[str]) -> int:
        """Fewer of the others than this are not enough beside the base."""
        least = 0
        for item in self.items:
            missing = item.quantity - self.had(item, base)
            if missing > 0 and not self._allow_split:
                least = max(least, 1)
            elif missing > 0:
                each_has, count = sorted((self._left[item.sku][each] for each in others), reverse=True), 0
                while missing > 0:
                    missing -= each_has[count]
                    count += 1
                least = max(least, count)
        return least

    def filled(self, item: Wanted, chosen: Sequence[str]) -> Iterator[Taken]:
        """What each of the chosen ones gives, in their order."""
        wanted = item.quantity
        for each in chosen:
            there = self._left[item.sku][each]
            if not self._allow_split and there < item.quantity:
                continue
            if count := min(wanted, there):
                yield Taken(item.sku, each, count)
                wanted -= count


def _fewest(needs: _Needs, ids: Sequence[str], used: Collection[str]) -> tuple[list[str], bool]:
    """Those that are used, and the fewest others that have everything; whether it is proven that fewer do not."""
    base = [each for each in ids if each in used]
    others = [each for each in ids if each not in used and needs.given([each])]
    least, work = needs.at_least(base, others), 0
    for size in range(least, len(others) + 1):
        for some in combinations(others, size):
            work += max(len(needs.items), 1) * (len(base) + size)
            if work > WORK_MAX:
                chosen = _by_most(needs, base, others)
                return chosen, len(chosen) - len(base) == size
            if needs.are_met([*base, *some]):
                return [*base, *some], True
    raise AssertionError("all of them have everything")


def _by_most(needs: _Needs, base: list[str], others: Sequence[str]) -> list[str]:
    """The base, and each time the one that brings the most; then without those that the rest can do without."""
    added: list[str] = []
    while not needs.are_met([*base, *added]):
        brings = {each: needs.given([*base, *added, each]) for each in others if each not in added}
        added.append(max(brings, key=brings.__getitem__))
    for each in [*added]:
        without = [one for one in added if one != each]
        if needs.are_met([*base, *without]):
            added = without
    return [*base, *sorted(added, key=others.index)]
