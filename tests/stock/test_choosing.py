"""The pure rules that choose warehouses: what is below nothing, or closed, hides no stock of another."""

import pytest

from travio_inventory.stock.allocation import ShipTo
from travio_inventory.stock.availability import StockQuestion, answered
from travio_inventory.stock.entry import InventoryEntry, Quantities, inventory_id
from travio_inventory.stock.planning import planned
from travio_inventory.stock.refusals import InsufficientStock
from travio_inventory.stock.reservation import Item, Reserve
from travio_inventory.stock.warehouse import Site, Warehouse

WAREHOUSES = [
    Warehouse(code, number, code, Site("A warehouse", is_active=code != "closed"), 1, 0, 0)
    for number, code in enumerate(("below", "north", "closed", "south"), 1)
]


def entry(warehouse: str, available: int) -> InventoryEntry:
    """What lies there; the store refuses fewer than none, a fault of it may not spread."""
    quantities = Quantities(available, 0)
    return InventoryEntry(
        inventory_id("o", "cup", warehouse), "o", "cup", warehouse, "p", "", quantities, 0, 0, 1, 0, 0
    )


CUPS = [entry("below", -7), entry("north", 4), entry("closed", 9), entry("south", 2)]


@pytest.mark.parametrize("ship_to", [None, ShipTo(region="eu")])
def test_a_place_below_nothing_or_closed_hides_no_stock_of_another(ship_to: ShipTo | None) -> None:
    lines, is_chosen = planned(Reserve("o", [Item("cup", 6)], ship_to=ship_to), {"cup": CUPS}, WAREHOUSES)
    assert {line.warehouse_id: line.quantity for line in lines} == {"north": 4, "south": 2}
    assert is_chosen
    with pytest.raises(InsufficientStock) as few:
        planned(Reserve("o", [Item("cup", 7)], ship_to=ship_to), {"cup": CUPS}, WAREHOUSES)
    assert few.value.available == 6


def test_what_is_shown_as_available_leaves_out_what_is_below_nothing_and_closed() -> None:
    answer = answered(StockQuestion("cup", 6), CUPS, WAREHOUSES)
    assert (answer.available, answer.is_available) == (6, True)
    assert [each.warehouse_id for each in answer.warehouses] == ["north", "south"]
