"""Warehouses that are chosen for an order, against every choice there is."""

from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.settings.stock import ALLOCATION_RULES
from travio_inventory.stock.allocation import (
    Allocation,
    Asked,
    Rule,
    Rules,
    Shelves,
    ShipTo,
    Taken,
    Wanted,
    allocated,
    great_circle_km,
)
from travio_inventory.stock.allocation_reasons import reasons
from travio_inventory.stock.refusals import InsufficientStock
from travio_inventory.stock.warehouse import Site, Warehouse

BERLIN, PARIS, TOKYO = (52.52, 13.405), (48.8566, 2.3522), (35.6762, 139.6503)


def warehouse(code: str, number: int = 1, **site: object) -> Warehouse:
    return Warehouse(code, number, code, Site("A warehouse", **site), 1, 0, 0)  # type: ignore[arg-type]


def at(code: str, place: tuple[float, float], **site: object) -> Warehouse:
    return warehouse(code, 1, latitude=place[0], longitude=place[1], **site)


def told(allocation: Allocation) -> list[str]:
    return [f"{quantity} {sku} {warehouse}" for sku, warehouse, quantity in allocation.taken]


def test_the_way_between_two_places_is_the_great_circle() -> None:
    assert great_circle_km(BERLIN, PARIS) == pytest.approx(878, abs=2)
    assert great_circle_km(BERLIN, TOKYO) == pytest.approx(8_918, abs=10)
    assert great_circle_km((0, 0), (0, 180)) == pytest.approx(20_015, abs=1)


def test_the_first_rule_that_makes_a_difference_decides() -> None:
    places = [at("a", TOKYO, region="eu", priority=1), at("b", PARIS, region="eu", priority=2), at("c", BERLIN)]
    shelves = {"cup": {"a": 1, "b": 1, "c": 1}}
    for order, chosen in (
        ((Rule.REGION, Rule.NEAREST), "b"),
        ((Rule.NEAREST,), "c"),
        ((Rule.REGION, Rule.PRIORITY), "a"),
        ((Rule.COST, Rule.NEAREST), "b"),
    ):
        rules = Rules(order, {"a": 9, "b": 4, "c": 7})
        asked = Asked([Wanted("cup", 1)], ShipTo(*BERLIN, region="eu"), rules=rules)
        assert told(allocated(asked, shelves, places)) == [f"1 cup {chosen}"], order


def test_a_parcel_costs_what_is_said_and_its_way() -> None:
    places = [at("a", TOKYO), at("b", PARIS), warehouse("c")]
    shelves = {"cup": {"a": 1, "b": 1, "c": 1}}
    rules = Rules((Rule.COST,), {"a": 1_000, "b": 5_000, "c": 2_000}, cost_per_km=2)
    for to, chosen, said in (
        (ShipTo(*BERLIN), "b", "a parcel costs 6755"),
        (ShipTo(), "a", "a parcel costs 1000"),
    ):
        asked = Asked([Wanted("cup", 1)], to, rules=rules)
        allocation = allocated(asked, shelves, places)
        assert told(allocation) == [f"1 cup {chosen}"]
        assert f"{chosen} is number 1 of 3: {said}." in reasons(asked, allocation, shelves, places)


def test_one_parcel_goes_before_a_better_place() -> None:
    shelves = {"cup": {"a": 2, "b": 5}, "jug": {"a": 1, "b": 1}}
    asked = Asked([Wanted("cup", 3), Wanted("jug", 1)])
    assert told(allocated(asked, shelves, [warehouse("a"), warehouse("b", priority=9)])) == ["3 cup b", "1 jug b"]


def test_stock_below_nothing_or_in_a_closed_warehouse_hides_none_of_another() -> None:
    places = [warehouse("a"), warehouse("b"), warehouse("c", is_active=False)]
    shelves = {"cup": {"a": -7, "b": 4, "c": 9}}
    assert told(allocated(Asked([Wanted("cup", 4)]), shelves, places)) == ["4 cup b"]
    with pytest.raises(InsufficientStock) as few:
        allocated(Asked([Wanted("cup", 5)]), shelves, places)
    assert few.value.available == 4


def test_an_order_stays_where_it_is() -> None:
    places = [warehouse("a"), warehouse("b", priority=5)]
    shelves = {"cup": {"a": 9, "b": 3}, "jug": {"b": 1}}
    assert told(allocated(Asked([Wanted("cup", 2)], used={"b"}), shelves, places)) == ["2 cup b"]
    assert told(allocated(Asked([Wanted("cup", 5)], used={"b"}), shelves, places)) == ["2 cup a", "3 cup b"]
    named = Asked([Wanted("cup", 2), Wanted("jug", 1, "b")])
    assert told(allocated(named, shelves, places)) == ["2 cup b", "1 jug b"]


def test_what_one_item_names_another_does_not_get() -> None:
    asked = Asked([Wanted("cup", 3, "a"), Wanted("cup", 2), Wanted("cup", 1, "a")])
    assert told(allocated(asked, {"cup": {"a": 5, "b": 1}}, [warehouse("a"), warehouse("b")])) == [
        "5 cup a", "1 cup b",
    ]  # fmt: skip
    with pytest.raises(InsufficientStock):
        allocated(asked, {"cup": {"a": 3, "b": 9}}, [warehouse("a"), warehouse("b")])


def test_a_search_that_ends_early_still_serves_and_says_so() -> None:
    places = [warehouse(f"w{number:03d}") for number in range(300)]
    shelves = {
        f"s{item}": {each.id: int(number % 10 == item) for number, each in enumerate(places)} for item in range(10)
    }
    asked = Asked([Wanted(f"s{item}", 1) for item in range(10)])
    allocation = allocated(asked, shelves, places)
    assert (allocation.parcels, allocation.is_fewest) == (10, False)
    assert "perhaps not the fewest" in " ".join(reasons(asked, allocation, shelves, places))


def test_the_reasons_name_what_decided() -> None:
    places = [at("a", PARIS, region="eu"), warehouse("b", region="us"), warehouse("c", is_active=False), warehouse("d")]
    shelves = {"cup": {"a": 2, "b": 2}}
    asked = Asked([Wanted("cup", 3)], ShipTo(*BERLIN, region="eu"))
    assert list(reasons(asked, allocated(asked, shelves, places), shelves, places)) == [
        "2 of 3 cup come from a.",
        "1 of 3 cup come from b.",
        "2 parcels: fewer are not enough.",
        "Warehouses go by region, then nearest, then priority, then by code.",
        "a is number 1 of 3: region eu; 877 km away; priority 1.",
        "b is number 2 of 3: region us; distance unknown; priority 1.",
        "c is not used: it is not active.",
        "d is not used: it has nothing of what is wanted.",
    ]


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(InvalidRequest) as wrong:
        Asked([Wanted("", 0)])
    assert [each.field for each in wrong.value.violations] == ["items[0].sku", "items[0].quantity"]
    with pytest.raises(InvalidRequest):
        Rules((Rule.COST, Rule.COST))
    with pytest.raises(InvalidRequest):
        ShipTo(91, 0)


CODES = "abcde"
SKUS = st.sampled_from(("cup", "jug"))
SHELVES = st.fixed_dictionaries(
    {sku: st.fixed_dictionaries({code: st.integers(-2, 4) for code in CODES}) for sku in ("cup", "jug")}
)
ITEMS = st.lists(st.builds(Wanted, SKUS, st.integers(1, 6), st.just("")), min_size=1, max_size=3)


def serves(asked: Asked, shelves: Shelves, codes: Sequence[str]) -> bool:
    """Whether these warehouses together have everything, written as it is said."""
    for item in asked.merged:
        there = [max(shelves[item.sku][code], 0) for code in codes]
        if (sum(there) if asked.allow_split else max(there, default=0)) < item.quantity:
            return False
    return True


@given(SHELVES, ITEMS, st.booleans(), st.sets(st.sampled_from(CODES), max_size=2), st.permutations(CODES))
def test_no_choice_has_fewer_parcels_or_comes_before(
    shelves: Shelves, items: list[Wanted], allow_split: bool, used: set[str], order: list[str]
) -> None:
    places = [warehouse(code, priority=order.index(code) + 1, is_active=code != "e") for code in CODES]
    asked = Asked(items, allow_split=allow_split, used=used)
    open_ = [code for code in order if code != "e"]
    base = [code for code in open_ if code in used]
    others = [code for code in open_ if code not in used]
    sets = (some for size in range(5) for some in combinations(others, size) if serves(asked, shelves, [*base, *some]))
    best = next(sets, None)
    if best is None:
        with pytest.raises(InsufficientStock):
            allocated(asked, shelves, places)
        return
    allocation = allocated(asked, shelves, places)
    assert {each.warehouse_id for each in allocation.taken} - used == set(best)
    assert allocation.is_fewest
    for item in asked.merged:
        of_it = [each for each in allocation.taken if each.sku == item.sku]
        assert sum(each.quantity for each in of_it) == item.quantity
        assert allow_split or len(of_it) == 1
    assert all(0 < each.quantity <= shelves[each.sku][each.warehouse_id] for each in allocation.taken)
    assert len({(each.sku, each.warehouse_id) for each in allocation.taken}) == len(allocation.taken)


@given(SHELVES, ITEMS)
def test_the_same_question_has_the_same_answer(shelves: Shelves, items: list[Wanted]) -> None:
    places = [warehouse(code) for code in CODES]
    answers: list[Sequence[Taken] | int] = []
    for some in (items, items[::-1]):
        try:
            answers.append(allocated(Asked(some), shelves, places).taken)
        except InsufficientStock as few:
            answers.append(few.available)
    assert answers[0] == answers[1]


def test_every_rule_can_be_set() -> None:
    assert [*ALLOCATION_RULES] == [*dict.fromkeys(ALLOCATION_RULES)]
    assert {*ALLOCATION_RULES} == {rule.value for rule in Rule}
