"""The pure rules that choose warehouses: what is below nothing, or closed, hides no stock of another."""

from dataclasses import replace
from itertools import starmap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.stock.allocation import Asked, Rule, Rules, ShipTo, Wanted, allocated
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
    lines, is_chosen = planned(Reserve("o", [Item("cup", 6)], ship_to=ship_to), {"cup": CUPS}, WAREHOUSES, Rules())
    assert {line.warehouse_id: line.quantity for line in lines} == {"north": 4, "south": 2}
    assert is_chosen
    with pytest.raises(InsufficientStock) as few:
        planned(Reserve("o", [Item("cup", 7)], ship_to=ship_to), {"cup": CUPS}, WAREHOUSES, Rules())
    assert few.value.available == 6


def test_what_is_shown_as_available_leaves_out_what_is_below_nothing_and_closed() -> None:
    answer = answered(StockQuestion("cup", 6), CUPS, WAREHOUSES)
    assert (answer.available, answer.is_available) == (6, True)
    assert [each.warehouse_id for each in answer.warehouses] == ["north", "south"]


def at(warehouse: str, sku: str, available: int) -> InventoryEntry:
    return replace(entry(warehouse, available), id=inventory_id("o", sku, warehouse), sku=sku)


RULES = st.sampled_from((Rules(), Rules((Rule.COST,), {"c": 1, "a": 2, "b": 3, "d": 3}), Rules((Rule.NEAREST,))))
PLACES = [Warehouse(code, number, code, Site("A warehouse", priority=5 - number), 1, 0, 0)
          for number, code in enumerate("abcd", 1)][::-1]  # fmt: skip
SHELF = st.fixed_dictionaries({code: st.integers(0, 4) for code in "abcd"})


@given(
    st.fixed_dictionaries({"cup": SHELF, "jug": SHELF}),
    st.lists(
        st.tuples(st.sampled_from(("cup", "jug")), st.integers(1, 5), st.sampled_from(("", "", "a", "b"))), min_size=1
    ),
    RULES,
    st.booleans(),
    st.sampled_from((None, ShipTo(region="eu"), ShipTo(48.1, 11.6))),
)
def test_an_order_is_served_as_a_preview_says(
    shelves: dict[str, dict[str, int]],
    wanted: list[tuple[str, int, str]],
    rules: Rules,
    allow_split: bool,
    to: ShipTo | None,
) -> None:
    entries = {sku: [at(code, sku, count) for code, count in there.items()] for sku, there in shelves.items()}
    order = Reserve("o", list(starmap(Item, wanted)), allow_split=allow_split, ship_to=to)
    asked = Asked(list(starmap(Wanted, wanted)), to or ShipTo(), allow_split, rules)
    try:
        shown = sorted(allocated(asked, shelves, PLACES).taken)
    except InsufficientStock as few:
        left = few.available
    else:
        lines, _ = planned(order, entries, PLACES, rules)
        assert sorted((each.sku, each.warehouse_id, each.quantity) for each in lines) == shown
        return
    if all(item.warehouse_id for item in order.items):
        assert not planned(order, entries, PLACES, rules)[1], "the batch says no"
        return
    with pytest.raises(InsufficientStock) as refused:
        planned(order, entries, PLACES, rules)
    assert refused.value.available == left
