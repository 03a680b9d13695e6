"""Orders by command line: reserved, committed and returned, and the warehouses that serve them."""

import pytest

from tests.cli.test_terminal import fits
from tests.typed import Type

pytestmark = pytest.mark.once


def test_an_order_is_reserved_committed_and_returned(shop: Type) -> None:
    shop("warehouse-add", "north", "North")
    shop("add", "cup", "north", "--quantity", "5")
    shop("add", "jug", "north", "--quantity", "1")
    made = shop("reserve", "order-1", "cup=2", "jug", "--seconds", "60", "--json").plain
    assert (made["status"], [(line["sku"], line["quantity"]) for line in made["lines"]]) == (
        "PENDING",
        [("cup", 2), ("jug", 1)],
    )
    assert shop("reservation", made["reservation"], "--json").plain == made
    assert shop("reservation", "order-1", "--order", "--json").plain == made
    few = shop("reserve", "order-2", "jug")
    assert (few.status, "only 0" in few.err) == (1, True)
    assert shop("commit", "order-1", "--order", "--json").plain["status"] == "COMMITTED"
    assert shop("show", "cup", "north", "--json").plain["total"] == 3
    assert shop("cancel", made["reservation"], "--json").plain["status"] == "CANCELLED"
    assert shop("show", "cup", "north", "--json").plain["total"] == 5
    assert shop("reserve", "order-3", "cup=x").status == 2


def test_an_order_comes_from_where_it_goes_to(shop: Type) -> None:
    shop("warehouse-add", "north", "North", "--region", "eu")
    shop("warehouse-add", "south", "South", "--region", "us")
    for code in ("north", "south"):
        shop("add", "cup", code, "--quantity", "1")
    assert "south" in shop("reserve", "order-1", "cup", "--to", "us").out
    assert shop("show", "cup", "north", "--json").plain["available"] == 1
    for to, named in (("91,0", "latitude"), ("48.1,x", "LATITUDE,LONGITUDE,REGION")):
        wrong = shop("reserve", "order-2", "cup", "--to", to)
        assert (wrong.status, named in wrong.err) == (2, True), wrong
    assert "north" in shop("reserve", "order-2", "cup", "--to", "48.1,11.6,eu").out


def test_some_lines_of_an_order_are_committed_and_given_back(shop: Type) -> None:
    shop("warehouse-add", "north", "North")
    for sku in ("cup", "jug", "pan"):
        shop("add", sku, "north", "--quantity", "5")
    shop("reserve", "order-1", "cup=2", "jug=3", "pan")
    for _ in range(2):
        left = shop("cancel", "order-1", "pan@north", "--order", "--json").plain
        assert (left["status"], [line["sku"] for line in left["lines"]]) == ("PENDING", ["cup", "jug"])
    paid = shop("commit", "order-1", "cup@north", "--order", "--json").plain
    assert (paid["status"], [line["sku"] for line in paid["lines"]]) == ("COMMITTED", ["cup"])
    entries = {each["sku"]: each["total"] for each in shop("list", "--json").plain["entries"]}
    assert entries == {"cup": 3, "jug": 5, "pan": 5}
    wrong = shop("cancel", "order-1", "cup@north", "jug", "--order")
    assert (wrong.status, "SKU@WAREHOUSE, as in cup-blue@north, not 'jug'." in wrong.err) == (2, True)
    wrong = shop("reserve", "order-2", "cup=1", "jug=x")
    assert (wrong.status, "SKU=QUANTITY, as in cup-blue=2, not 'jug=x'." in wrong.err) == (2, True)


def test_a_preview_shows_what_an_order_would_get_and_why_and_the_order_gets_it(shop: Type) -> None:
    for priority, (code, region) in enumerate((("north", "eu"), ("south", "us"), ("west", "us")), 1):
        shop("warehouse-add", code, code.title(), "--region", region, "--priority", str(priority))
        shop("add", "cup", code, "--quantity", str(priority))
    asked = ("cup=2", "--to", "us", "--rules", "region,priority")
    told = shop("preview", *asked)
    assert [line.split() for line in told.out.splitlines()[:3]] == [
        ["sku", "warehouse", "quantity"], ["cup", "south", "2"], ["why"],
    ]  # fmt: skip
    for said in (
        "1 parcel: fewer are not enough.",
        "south is number 1 of 3: region us; priority 2.",
        "north is not used: it would be a further parcel, or others come first.",
    ):
        assert said in told.out.splitlines(), told.out
    assert fits(told.out)
    plain = shop("preview", *asked, "--json").plain
    assert (plain["parcels"], plain["is_fewest"]) == (1, True)
    assert shop("reserve", "order-1", *asked, "--json").plain["lines"] == plain["lines"]
    assert shop("preview", "cup=2", "--warehouse", "west", "--json").plain["lines"][0]["warehouse"] == "west"
    whole = shop("preview", "cup=4", "--whole")
    assert (whole.status, "only 3 of cup are available in one warehouse" in whole.err) == (1, True), whole
    for rules in ("luck", "cost,cost"):
        wrong = shop("preview", "cup", "--rules", rules)
        assert (wrong.status, "region, nearest, priority, cost" in wrong.err) == (2, True), wrong
