"""Chooses the warehouses that serve a request: as few as can, by the rules of `allocation`; a pure rule."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from travio_inventory.stock.allocation import Asked, Rules, ShipTo, Wanted, allocated
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.refusals import InsufficientStock, StockNotFound
from travio_inventory.stock.reservation import Item, Reserve, ReservedLine
from travio_inventory.stock.sharing import chosen
from travio_inventory.stock.warehouse import SHARDS_MAX, Warehouse

Plan: TypeAlias = tuple[tuple[ReservedLine, ...], bool]
"""The lines of a reservation, and whether others may have served."""


@dataclass(frozen=True, slots=True)
class Scattered(Exception):
    """All shards of an entry have what is wanted of it, and none has enough: so many are to be gathered in one."""

    entry: InventoryEntry
    warehouse_number: int
    units: int


def planned(
    asked: Reserve,
    entries: Mapping[str, Sequence[InventoryEntry]],
    warehouses: Sequence[Warehouse],
    rules: Rules,
    own_shard: int = 0,
) -> Plan:
    """The plan: entries are by stock keeping unit, warehouses by priority. Where nothing is to be chosen nothing is
    judged here: the batch decides. Raises StockNotFound, InsufficientStock, Scattered.
    """
    lines, is_chosen = _by_entry(asked, entries, warehouses, rules.by(asked.rules) if asked.rules else rules)
    of = {entry.id: entry for each in entries.values() for entry in each if entry.sharing is not None}
    if not of:
        return lines, is_chosen
    there = (_in_shard(each, of[each.inventory_id], own_shard) if each.inventory_id in of else each for each in lines)
    return _in_order(there), is_chosen


def _in_shard(line: ReservedLine, entry: InventoryEntry, own: int) -> ReservedLine:
    number = chosen(entry, own, line.quantity)
    if number is None:
        raise Scattered(entry, line.place // SHARDS_MAX, line.quantity)
    return line._replace(place=line.place + number)


def _by_entry(
    asked: Reserve,
    entries: Mapping[str, Sequence[InventoryEntry]],
    warehouses: Sequence[Warehouse],
    rules: Rules,
) -> Plan:
    served_by = {item: _candidates(item, entries[item.sku], warehouses) for item in asked.merged}
    if any(len(each) > 1 or any(entry.sharing is not None for entry, _ in each) for each in served_by.values()):
        first = _first(served_by) if asked.ship_to is None and rules.go_by_priority else None
        return first or _allocated(asked, rules, served_by, warehouses), True
    lines: dict[str, ReservedLine] = {}
    for item, ((entry, number),) in served_by.items():
        had = lines[entry.id].quantity if entry.id in lines else 0
        lines[entry.id] = _line(entry, number, had + item.quantity)
    return _in_order(lines.values()), False


def _line(entry: InventoryEntry, warehouse_number: int, quantity: int) -> ReservedLine:
    return ReservedLine(entry.id, entry.sku, entry.warehouse_id, warehouse_number * SHARDS_MAX, quantity)


def _first(served_by: Mapping[Item, Sequence[tuple[InventoryEntry, int]]]) -> tuple[ReservedLine, ...] | None:
    """What `allocated` says of an order of one item where one warehouse has all of it, as most have, for less work."""
    if len(served_by) > 1:
        return None
    ((item, candidates),) = served_by.items()
    for entry, number in candidates:
        if entry.quantities.available >= item.quantity:
            return (_line(entry, number, item.quantity),)
    return None


def _in_order(lines: Iterable[ReservedLine]) -> tuple[ReservedLine, ...]:
    return tuple(sorted(lines, key=lambda line: (line.sku, line.place)))


def _allocated(
    asked: Reserve,
    rules: Rules,
    served_by: Mapping[Item, Sequence[tuple[InventoryEntry, int]]],
    warehouses: Sequence[Warehouse],
) -> tuple[ReservedLine, ...]:
    """The lines by the rules of allocation, after what items name themselves. Raises InsufficientStock."""
    named = [item for item in asked.merged if item.warehouse_id]
    free = [item for item in asked.merged if not item.warehouse_id]
    there = {(entry.sku, entry.warehouse_id): (entry, number) for each in served_by.values() for entry, number in each}
    left = {item.sku: {entry.warehouse_id: entry.quantities.available for entry, _ in served_by[item]} for item in free}
    counts = {(item.sku, item.warehouse_id): item.quantity for item in named}
    for (sku, warehouse), count in counts.items():
        available = there[sku, warehouse][0].quantities.available
        if available < count:
            raise InsufficientStock(max(available, 0), sku)
        if warehouse in left.get(sku, {}):
            left[sku][warehouse] -= count
    if free:
        used = {item.warehouse_id for item in named}
        to = asked.ship_to or ShipTo()
        wanted = Asked([Wanted(*item) for item in free], to, asked.allow_split, rules, used)
        for sku, warehouse, count in allocated(wanted, left, warehouses).taken:
            counts[sku, warehouse] = counts.get((sku, warehouse), 0) + count
    return _in_order(
        ReservedLine(there[at][0].id, *at, there[at][1] * SHARDS_MAX, count) for at, count in counts.items()
    )


def _candidates(
    item: Item, entries: Sequence[InventoryEntry], warehouses: Sequence[Warehouse]
) -> Sequence[tuple[InventoryEntry, int]]:
    """The entries that may serve the item, in the order of their warehouses, with the number of each."""
    by_warehouse = {entry.warehouse_id: entry for entry in entries if not entry.is_deleted}
    found = [
        (by_warehouse[each.id], each.number)
        for each in warehouses
        if each.site.is_active and each.id in by_warehouse and item.warehouse_id in ("", each.id)
    ]
    if not found:
        raise not_kept(item.sku, item.warehouse_id)
    return found


def not_kept(sku: str, warehouse_id: str) -> StockNotFound:
    """Nothing of what an item names is kept where it may come from."""
    where = f"warehouse {warehouse_id}, or it is not active" if warehouse_id else "an active warehouse"
    return StockNotFound(f"entry of {sku} in {where}")
