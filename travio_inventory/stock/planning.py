"""Chooses the warehouses that serve a request: as few as can, by priority or by where it goes; a pure rule."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from travio_inventory.stock.allocation import Asked, ShipTo, Wanted, allocated
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
    own_shard: int = 0,
) -> Plan:
    """The plan: entries are by stock keeping unit, warehouses in order. Where nothing is to be chosen nothing is judged
    here: the batch decides. Raises StockNotFound, InsufficientStock, Scattered.
    """
    lines, is_chosen = _by_entry(asked, entries, warehouses)
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


def _by_entry(asked: Reserve, entries: Mapping[str, Sequence[InventoryEntry]], warehouses: Sequence[Warehouse]) -> Plan:
    lines: dict[str, ReservedLine] = {}
    left = {entry.id: entry.quantities.available for each in entries.values() for entry in each}
    served_by = {item: _candidates(item, entries[item.sku], warehouses) for item in asked.merged}
    is_chosen = any(len(each) > 1 or any(entry.sharing is not None for entry, _ in each) for each in served_by.values())
    if is_chosen and asked.ship_to is not None:
        return _allocated(asked, asked.ship_to, served_by, warehouses), True
    for item in sorted(asked.merged, key=lambda item: not item.warehouse_id):  # what has no choice goes first
        chosen = _served(item, served_by[item], left, allow_split=asked.allow_split) if is_chosen else None
        for entry, number, count in chosen or [(*served_by[item][0], item.quantity)]:
            had = lines[entry.id].quantity if entry.id in lines else 0
            lines[entry.id] = ReservedLine(entry.id, entry.sku, entry.warehouse_id, number * SHARDS_MAX, had + count)
            left[entry.id] -= count
    return _in_order(lines.values()), is_chosen


def _in_order(lines: Iterable[ReservedLine]) -> tuple[ReservedLine, ...]:
    return tuple(sorted(lines, key=lambda line: (line.sku, line.place)))


def _allocated(
    asked: Reserve,
    to: ShipTo,
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
        wanted = Asked([Wanted(*item) for item in free], to, asked.allow_split, used=used)
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
    if item.warehouse_id:
        number = next((each.number for each in warehouses if each.id == item.warehouse_id), None)
        if number is None or item.warehouse_id not in by_warehouse:
            raise StockNotFound(f"entry of {item.sku} in warehouse {item.warehouse_id}")
        return [(by_warehouse[item.warehouse_id], number)]
    found = [
        (by_warehouse[each.id], each.number) for each in warehouses if each.site.is_active and each.id in by_warehouse
    ]
    if not found:
        raise StockNotFound(f"entry of {item.sku} in an active warehouse")
    return found


def _served(
    item: Item, candidates: Sequence[tuple[InventoryEntry, int]], left: Mapping[str, int], *, allow_split: bool
) -> Sequence[tuple[InventoryEntry, int, int]]:
    """How many come from where. Raises InsufficientStock."""
    for entry, number in candidates:
        if left[entry.id] >= item.quantity:
            return [(entry, number, item.quantity)]
    there = {entry.id: max(left[entry.id], 0) for entry, _ in candidates}
    if not allow_split or sum(there.values()) < item.quantity:
        raise InsufficientStock(sum(there.values()) if allow_split else max(there.values()), item.sku)
    wanted, taken = item.quantity, []
    for entry, number in sorted(candidates, key=lambda each: -there[each[0].id]):  # the fewest parcels
        count = min(wanted, there[entry.id])
        if count:
            taken.append((entry, number, count))
            wanted -= count
    return taken
