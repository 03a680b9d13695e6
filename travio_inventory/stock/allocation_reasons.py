"""Says in sentences why an order is served from these warehouses."""

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Final, assert_never

from travio_inventory.stock.allocation import (
    WORK_MAX,
    Allocation,
    Asked,
    Rule,
    Shelves,
    distance_km,
    parcel_cost,
    ranked,
)
from travio_inventory.stock.warehouse import Warehouse

LEFT_OUT_MAX: Final = 10
"""So many warehouses that gave nothing are named."""


def reasons(asked: Asked, allocation: Allocation, shelves: Shelves, warehouses: Sequence[Warehouse]) -> Iterator[str]:
    """First what comes from where, then why these, then why not the others."""
    code = {each.id: each.code for each in warehouses}
    wanted = {sku: sum(each.quantity for each in asked.items if each.sku == sku) for sku in shelves}
    for sku, warehouse, quantity in allocation.taken:
        yield f"{quantity} of {wanted.get(sku, quantity)} {sku} come from {code[warehouse]}."
    yield _parcels(asked, allocation)
    order = ranked(asked, warehouses)
    yield f"Warehouses go by {', then '.join(asked.rules.order)}, then by code."
    serving = {each.warehouse_id for each in allocation.taken}
    for place, each in enumerate(order, 1):
        if each.id in serving:
            said = "; ".join(_fact(rule, each, asked) for rule in asked.rules.order)
            yield f"{each.code} is number {place} of {len(order)}: {said}."
    yield from _left_out(asked, serving, shelves, warehouses)


def _parcels(asked: Asked, allocation: Allocation) -> str:
    many = "1 parcel" if allocation.parcels == 1 else f"{allocation.parcels} parcels"
    if allocation.is_fewest:
        kept = ", beside those that are sent for the order anyhow" if asked.used else ""
        return f"{many}: fewer are not enough{kept}."
    return f"{many}: perhaps not the fewest, as the search ended after {WORK_MAX} quantities."


def _fact(rule: Rule, warehouse: Warehouse, asked: Asked) -> str:
    match rule:
        case Rule.REGION:
            return f"region {warehouse.site.region or 'unknown'}"
        case Rule.NEAREST:
            way_km = distance_km(warehouse, asked.ship_to)
            return f"{way_km:.0f} km away" if isfinite(way_km) else "distance unknown"
        case Rule.PRIORITY:
            return f"priority {warehouse.site.priority}"
        case Rule.COST:
            cost = parcel_cost(warehouse, asked)
            return f"a parcel costs {cost:.0f}" if isfinite(cost) else "cost unknown"
        case _:
            assert_never(rule)


def _left_out(asked: Asked, serving: set[str], shelves: Shelves, warehouses: Sequence[Warehouse]) -> Iterator[str]:
    left_out = [each for each in warehouses if each.id not in serving]
    for each in left_out[:LEFT_OUT_MAX]:
        if not each.site.is_active:
            yield f"{each.code} is not used: it is not active."
        elif all(shelves.get(item.sku, {}).get(each.id, 0) <= 0 for item in asked.items):
            yield f"{each.code} is not used: it has nothing of what is wanted."
        else:
            yield f"{each.code} is not used: it would be a further parcel, or others come first."
    if len(left_out) > LEFT_OUT_MAX:
        yield f"{len(left_out) - LEFT_OUT_MAX} more warehouses are not used."
