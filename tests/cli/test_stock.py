"""Stock by command line and Python client, against a service."""

import csv
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

import pytest

from tests.cli.test_terminal import fits
from tests.typed import Type
from travio_inventory.cli.stock.changes import as_it_stands
from travio_inventory.client import BlockingInventoryClient, IdempotencyKeyReused, InvalidRequest, InventoryClient
from travio_inventory.client.stock import (
    InsufficientStock,
    LineState,
    Site,
    StockEntry,
    StockExists,
    StockLeft,
    StockLine,
    StockNotFound,
    VersionConflict,
)
from verification.kit.service_process import ServiceProcess

pytestmark = pytest.mark.once
WAREHOUSES = "warehouse: `travio-inventory stock warehouses` lists them"
LISTED = "`travio-inventory stock list` lists the entries"


def test_stock_is_kept_from_its_first_day_to_its_last(shop: Type) -> None:
    assert shop("list").out == "no entries\n"
    assert shop("warehouses").out == "no warehouses\n"
    assert (
        shop("warehouse-add", "north", "North", "--region", "eu", "--latitude", "-33.9", "--longitude", "18.4").status
        == 0
    )
    added = shop("add", "cup", "north", "--product", "crockery", "--quantity", "12", "--json").plain
    assert (added["total"], added["version"], added["warehouse"]) == (12, 1, "north")
    said = shop("adjust", "cup", "north", "-2", "--type", "damage", "--reason", "fell", "--key", "k")
    again = shop("adjust", "cup", "north", "-2", "--type", "damage", "--reason", "fell", "--key", "k")
    assert said.out == again.out == "cup in north: -2, 10 afterwards\nnow 10 available, 0 reserved, version 2\n"
    late = shop("count", "cup", "north", "9", "--version", "1", "--reason", "counted")
    assert (late.status, "version 2" in late.err) == (1, True)
    counted = shop("count", "cup", "north", "9", "--version", "2", "--reason", "counted", "--json").plain
    assert counted["movement"]["quantity"] == -1
    assert shop("reorder", "cup", "north", "--point", "3", "--json").plain["reorder_point"] == 3
    moved = shop("movements", "cup", "north", "--json").plain["movements"]
    assert [(each["type"], each["quantity"], each["balance"], each["by"]) for each in moved] == [
        ("INBOUND", 12, 12, "ann"),
        ("DAMAGE", -2, 10, "ann"),
        ("ADJUSTMENT", -1, 9, "ann"),
    ]
    assert shop("available", "cup", "10").out.startswith("no: 9 of cup can be had, 10 wanted\n")
    assert shop("warehouse-change", "north", "--inactive", "--json").plain["is_active"] is False
    assert shop("available", "cup", "--json").plain["available"] == 0
    left = shop("delete", "cup", "north")
    assert (left.status, "9 are left" in left.err) == (1, True)
    shop("adjust", "cup", "north", "-9", "--reason", "sold off")
    assert shop("delete", "cup", "north", "--json").plain["is_deleted"] is True
    assert shop("list", "--json").plain == {"entries": []}
    assert shop("show", "jug", "north").status == 1
    assert shop("warehouse-change", "south", "--name", "S").status == 1


def test_help_of_options_that_all_commands_share_speaks_of_stock_too(typed: Type) -> None:
    told = typed("stock", "list", "--help").out
    assert "The organization whose trips and stock it is." in told
    assert "holds and books" not in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("adjust", "none", "none", "1", "--reason", "r"), f"entry: {LISTED}"),
        (("transfer", "none", "none", "nowhere", "1"), f"source {WAREHOUSES}"),
        (("warehouse-change", "none", "--name", "n"), WAREHOUSES),
        (("reserve", "o", "none=1"), f"entry of none in an active warehouse: {LISTED}"),
        (("commit", "order-7"), "reservation: add --order if it is the id of an order"),
        (("commit", "order-7", "--order"), "reservation of the order"),
        (("ship", "none"), "transfer: `travio-inventory stock transfers` lists them"),
        (("order", "none", "none@none=1"), "supplier: `travio-inventory stock suppliers` lists them"),
        (("order-show", "none"), "purchase order: `travio-inventory stock orders` lists them"),
        (("approve", "none"), "approval: `travio-inventory stock approvals --all` lists them"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told_with_where_to_look(shop: Type, words: tuple[str, ...], said: str) -> None:
    answer = shop(*words)
    assert (answer.status, answer.err) == (1, f"there is no such {said}\n")


def test_tables_show_every_column(shop: Type) -> None:
    shop("warehouse-add", "north", "A warehouse with a rather long name in the far north", "--region", "eu")
    shop("add", "a-stock-keeping-unit-with-a-long-name", "north", "--quantity", "4")
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    for words, parts in (
        (("list",), ["a-stock-keeping-unit-with-a-long-name", "north", "4", "low", "reorder at"]),
        (("warehouses",), ["north", "eu", "active", "far north"]),
        (("movements", "a-stock-keeping-unit-with-a-long-name", "north"), [today, "INBOUND", "+4", "opening stock"]),
        (("report",), ["eu", "warehouses", "4", today, "INBOUND", "+4"]),
    ):
        out = shop(*words).out
        assert all(part in out for part in parts), out
        assert fits(out) or len(out.splitlines()[0]) > 80


def test_an_entry_in_shards_is_shown_with_what_each_has(shop: Type) -> None:
    shop("warehouse-add", "north", "North")
    shop("add", "cup", "north", "--quantity", "9")
    assert "takes no orders" not in shop("show", "cup", "north").out
    assert [each["available"] for each in shop("show", "cup", "north", "--json").plain["in_shards"]] == [9]
    shop("shards", "cup", "north", "3")
    shop("shards", "cup", "north", "2")
    told = shop("show", "cup", "north")
    assert ("on the way" in told.out, "takes no orders" in told.out) == (True, True), told.out
    assert shop("show", "cup", "north", "--json").plain["in_shards"] == [
        {"shard": 0, "takes_orders": True, "available": 9, "reserved": 0, "on_the_way": 0},
        {"shard": 1, "takes_orders": True, "available": 0, "reserved": 0, "on_the_way": 0},
        {"shard": 2, "takes_orders": False, "available": 0, "reserved": 0, "on_the_way": 0},
    ]


def test_what_was_added_with_a_key_is_told_as_it_stands(shop: Type) -> None:
    for thing in ("warehouse", "supplier"):
        adding = (f"{thing}-add", "north", "North", "--key", "k")
        shop(*adding)
        changed = shop(f"{thing}-change", "north", "--name", "South", "--json").plain
        assert shop(*adding, "--json").plain == changed
        assert shop(f"{thing}-add", "north", "Other", "--key", "k").status == 2


def test_what_was_exported_is_imported_again_line_by_line(shop: Type, tmp_path: Path) -> None:
    shop("warehouse-add", "north", "North")
    for sku, quantity in (("cup", "5"), ("=jug", "2"), ("'pan", "1")):
        shop("add", sku, "north", "--quantity", quantity)
    file = tmp_path / "stock.csv"
    assert shop("export", str(file)).out == f"{file} has 3 entries\n"
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert {row["sku"]: row["total"] for row in rows} == {"cup": "5", "'=jug": "2", "''pan": "1"}
    file.write_text(file.read_text().replace(",5,10,", ",7,10,").replace(",2,10,", ",6,10,"))
    first = shop("import", str(file), "--json").plain
    assert (first["done"], first["refused"]) == (3, 0)
    again = shop("import", str(file), "--json").plain
    assert (again["key"], again["done"]) == (first["key"], 3)
    totals = {each["sku"]: each["total"] for each in shop("list", "--json").plain["entries"]}
    assert totals == {"cup": 7, "=jug": 6, "'pan": 1}
    assert len(shop("movements", "=jug", "north", "--json").plain["movements"]) == 2


def test_in_json_lines_that_are_refused_are_one_answer(shop: Type, tmp_path: Path) -> None:
    file = tmp_path / "delivery.csv"
    file.write_text("sku,warehouse,quantity\njug,south,1\n")
    told = shop("import", str(file), "--json")
    assert (told.status, told.plain["refused"]) == (1, 1)
    assert told.err == "1 of 1 lines were refused\n"


def test_lines_add_entries_and_change_them_and_those_that_are_refused_are_told(shop: Type, tmp_path: Path) -> None:
    shop("warehouse-add", "north", "North")
    file = tmp_path / "delivery.csv"
    file.write_text(
        "sku,warehouse,product,quantity,total,type,reference\n"
        "cup,north,crockery,,20,,\ncup,north,,-3,,damage,case 7\ncup,north,,-30,,,\njug,south,,1,,,\n"
    )
    told = shop("import", str(file), "--reason", "delivery")
    assert told.status == 1
    assert "2 lines are done; 2 lines were refused:" in told.out
    assert "only 17 are available" in told.out
    assert "2 of 4 lines were refused" in told.err
    plain = shop("import", str(file), "--reason", "delivery", "--json").plain
    assert [(each["line"], each["status"]) for each in plain["not_done_lines"]] == [(4, "REFUSED"), (5, "REFUSED")]
    moved = shop("movements", "cup", "north", "--json").plain["movements"]
    assert [(each["quantity"], each["reason"], each["reference"]) for each in moved][1:] == [(-3, "delivery", "case 7")]
    assert shop("import", str(file)).status == 1
    assert shop("show", "cup", "north", "--json").plain["total"] == 14, "another reason is another import"


def test_any_text_that_an_entry_may_have_comes_back_from_a_file(shop: Type, tmp_path: Path) -> None:
    """A spreadsheet adds a mark at the beginning and other ends of lines; a shop may have a comma in its name."""
    shop("warehouse-add", "north, 1", "North")
    skus = [
        "=1+1",
        "+cup",
        "@cup",
        "'cup'",
        'a "cup", blue',
        "tasse\u00a0bleue",
        "\u0645\u06cc\u200c\u062e",
        "\u2615",
        "a;b",
    ]
    file = tmp_path / "new.csv"
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(["sku", "warehouse", "product", "variant", "total", "reorder_point", "reorder_quantity"])
        writer.writerows([f"'{sku}", "north, 1", "'=x", "", 5, 33, 44] for sku in skus)
    assert shop("import", str(file)).out == f"{len(skus)} lines are done\n"
    exported = tmp_path / "stock.csv"
    shop("export", str(exported))
    file.write_bytes(b"\xef\xbb\xbf" + exported.read_bytes().replace(b",5,0,5,", b",5,0,6,").replace(b"\n", b"\r\n"))
    told = shop("import", str(file))
    assert told.out == f"{len(skus)} lines are done\n", told
    entries = shop("list", "--json").plain["entries"]
    assert {each["sku"] for each in entries} == {*skus}
    assert {(each["total"], each["product"], each["reorder_point"]) for each in entries} == {(6, "=x", 33)}
    assert {each["reorder_quantity"] for each in entries} == {44}
    unwritten = shop("export", str(tmp_path / "none" / "stock.csv"))
    assert (unwritten.status, "No such file" in unwritten.err, "stock.csv" in unwritten.err) == (2, True, True)


def test_a_file_may_say_the_same_twice_and_more_than_one_request_has_room_for(shop: Type, tmp_path: Path) -> None:
    shop("warehouse-add", "north", "North")
    shop("add", "cup", "north", "--quantity", "5")
    file = tmp_path / "delivery.csv"
    file.write_text("sku,warehouse,quantity\n" + "cup,north,1\n" * 501)
    for _ in range(2):
        assert shop("import", str(file)).out == "501 lines are done\n"
        assert shop("show", "cup", "north", "--json").plain["total"] == 506


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sku,total\na,1\n", "line 1: the column warehouse is missing"),
        ("sku,warehouse,totl\na,b,1\n", "line 1: there is no column 'totl'"),
        ("sku,warehouse\na,b\n", "line 1: there must be a column quantity or total"),
        (
            "sku,warehouse,quantity\na,b,1.5\n",
            "line 2: quantity must be a whole number of at most 18 digits, not '1.5'",
        ),
        (
            "sku,warehouse,quantity\na,b,1_0\n",
            "line 2: quantity must be a whole number of at most 18 digits, not '1_0'",
        ),
        ("sku,warehouse,total\na,b,1\na,b,1" + "0" * 18 + "\n", "line 3: total must be a whole number of at most 18"),
        ("sku;warehouse;quantity\na;b;1\n", "line 1: the columns must be parted by commas"),
        ("sku,sku,warehouse,quantity\na,b,c,1\n", "line 1: the column sku is there twice"),
        ('sku,warehouse,quantity\na,b,1\n"a,b,1\n', "line 3: unexpected end of data"),
        ("sku,warehouse,quantity\na,b\n", "line 2: has another number of values than the first line"),
        ("sku,warehouse,quantity\n", "has no lines"),
        ("sku,warehouse,quantity\n\n \n", "line 3: has another number of values than the first line"),
        ('"sku";"warehouse";"quantity"\n"a";"b";1\n', "line 1: the columns must be parted by commas"),
        ('"sku"x,warehouse,quantity\na,b,1\n', "line 1: ',' expected after '\"'"),
        ("", "line 1: the column sku is missing"),
        ("sku,warehouse,quantity\na,b,1\n\udce9t\udce9,b,1\n", "line 3: is no text in UTF-8"),
        ("\udcff\udcfes\0k\0u\0", "line 1: is no text in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_line(shop: Type, tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "stock.csv"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    told = shop("import", str(file))
    assert (told.status, told.out) == (2, "")
    assert f"{file}: {said}" in told.err
    assert shop("import", str(tmp_path / "none.csv")).status == 2


def test_a_report_is_a_table_csv_or_json(shop: Type) -> None:
    shop("warehouse-add", "north", "North", "--region", "eu")
    shop("add", "cup", "north", "--quantity", "12")
    shop("adjust", "cup", "north", "-5", "--reason", "x")
    (region,) = shop("report", "--json").plain["regions"]
    assert (region["region"], region["total"], region["low"]) == ("eu", 7, 1)
    assert [(each["type"], each["quantity"]) for each in region["moved"]] == [("ADJUSTMENT", -5), ("INBOUND", 12)]
    lines = list(csv.DictReader(shop("report", "--csv").out.splitlines()))
    assert [(line["total"], line["moved"]) for line in lines] == [("7", ""), ("", "-5"), ("", "12")]
    assert shop("report", "--region", "us").out == "no warehouses\n"
    assert shop("report", "--from", "2027-06-02", "--to", "2027-06-01").status == 2


async def test_the_client_raises_what_the_service_refuses(server: ServiceProcess) -> None:
    async with InventoryClient(server.target, organization=token_hex(4), user="ann") as inventory:
        stock = inventory.stock
        north = await stock.add_warehouse("north", Site("North", region="eu"))
        assert await stock.add_warehouse("north", Site("North", region="eu")) == north
        entry = await stock.add("cup", "north", "p", quantity=2, key="k")
        assert await stock.add("cup", "north", "p", quantity=2, key="k") == entry
        line = StockLine(inventory_id=entry.id, quantity=-3, reason="x")
        for attempt, refusal in (
            (stock.add_warehouse("north", Site("Other")), StockExists),
            (stock.add("cup", "north", "p"), StockExists),
            (stock.add("cup", "north", "p", quantity=3, key="k"), IdempotencyKeyReused),
            (stock.update(line), InsufficientStock),
            (stock.update(StockLine(inventory_id=entry.id, total=3, version=9, reason="x")), VersionConflict),
            (stock.delete(entry.id, version=1), StockLeft),
            (stock.entry("jug", "north"), StockNotFound),
            (stock.update(StockLine(inventory_id=entry.id, quantity=2**63, reason="x")), InvalidRequest),
        ):
            with pytest.raises(refusal) as refused:
                await attempt
            if refusal is InsufficientStock:
                assert refused.value.available == 2  # type: ignore[attr-defined]
        results = await stock.update_many([line, line._replace(quantity=1)], key="k2")
        assert [(each.state, each.total) for each in results] == [(LineState.REFUSED, 0), (LineState.DONE, 3)]
        answers = await stock.availabilities([("cup", 3), ("jug", 1)], region="eu")
        assert [(each.is_available, each.available) for each in answers] == [(True, 3), (False, 0)]
        assert (await stock.change_warehouse(north.id, Site("North 2"), version=1)).site.name == "North 2"


async def test_what_sells_all_the_time_is_changed_as_it_stands(server: ServiceProcess) -> None:
    async with InventoryClient(server.target, organization=token_hex(4), user="ann") as inventory:
        stock = inventory.stock
        await stock.add_warehouse("north", Site("North"))
        await stock.add("cup", "north", "p", quantity=9)
        seen: list[int] = []

        async def change(entry: str, version: int) -> StockEntry:
            seen.append(version)
            if len(seen) < 3:
                await stock.update(StockLine(inventory_id=entry, quantity=-1, reason="sold", type="OUTBOUND"))
            return await stock.change(entry, version=version, reorder_point=4)

        assert (await as_it_stands(inventory, "cup", "north", change, version=0)).reorder_point == 4
        assert seen == [1, 2, 3]
        with pytest.raises(VersionConflict):
            await as_it_stands(inventory, "cup", "north", change, version=2)
        assert seen[3:] == [2]


def test_the_client_without_asyncio_does_the_same(server: ServiceProcess) -> None:
    with BlockingInventoryClient(server.target, organization=token_hex(4)) as inventory:
        inventory.stock.add_warehouse("north", Site("North"))
        entry = inventory.stock.add("cup", "north", "p", quantity=2)
        update = inventory.stock.update(StockLine(inventory_id=entry.id, quantity=5, reason="x", type="INBOUND"))
        assert update.movement is not None
        assert (update.entry.total, update.movement.balance) == (7, 7)
        assert [each.quantity for each in inventory.stock.movements(entry.id)] == [2, 5]
        assert inventory.stock.entries(low=True) == (update.entry,)


def test_a_transfer_is_shipped_received_in_parts_and_the_rest_comes_back(shop: Type) -> None:
    for code, region, quantity in (("north", "eu", "9"), ("south", "us", "0")):
        shop("warehouse-add", code, f"The {code}", "--region", region)
        shop("add", "cup", code, "--quantity", quantity)
    assert shop("transfers").out == "no transfers\n"
    made = shop("transfer", "cup", "north", "south", "5", "--reason", "a fair", "--key", "k", "--json").plain
    assert shop("transfer", "cup", "north", "south", "5", "--reason", "a fair", "--key", "k", "--json").plain == made
    assert (made["status"], made["from"], made["to"]) == ("DRAFT", "north", "south")
    named = str(made["transfer"])
    assert shop("ship", named, "--json").plain["in_transit"] == 5
    assert shop("receive", named, "2", "--rejected", "1", "--json").plain["status"] == "PARTLY_RECEIVED"
    unclear = shop("transfer-cancel", named)
    assert (unclear.status, "BACK or is LOST" in unclear.err) == (1, True)
    (region,) = shop("report", "--region", "us", "--json").plain["regions"]
    assert (region["in_transit"], region["total"]) == (2, 2)
    assert shop("report", "--csv").out.splitlines()[0].endswith(",in transit")
    (listed,) = shop("transfers", "--in-transit", "--json").plain["transfers"]
    assert (listed["transfer"], listed["in_transit"]) == (named, 2)
    assert named in shop("transfers").out
    assert shop("transfer-cancel", named, "--in-transit", "back", "--json").plain["returned"] == 2
    assert shop("transfer-show", named, "--json").plain["status"] == "CANCELLED"
    assert shop("transfers", "--in-transit", "--json").plain == {"transfers": []}
    assert shop("show", "cup", "north", "--json").plain["total"] == 6
    shipped = shop("transfer", "cup", "north", "south", "1", "--ship", "--json").plain
    assert shipped["status"] == "SHIPPED"


def test_a_purchase_is_suggested_ordered_received_in_parts_and_cancelled(shop: Type) -> None:
    shop("warehouse-add", "north", "North", "--region", "eu")
    shop("add", "cup", "north", "--quantity", "2")
    assert shop("suppliers").out == "no suppliers\n"
    assert shop("supplier-add", "acme", "Acme", "--email", "sales@acme.example", "--json").plain["version"] == 1
    assert shop("supplier-change", "acme", "--lead-days", "3", "--json").plain["lead_days"] == 3
    assert shop("suppliers").out.splitlines()[-1].split() == ["acme", "Acme", "sales@acme.example", "3"]
    (suggested,) = shop("suggest", "--region", "eu", "--json").plain["suggestions"]
    assert (suggested["to_order"], suggested["warehouse"], suggested["supplier"]) == (50, "north", "")
    assert shop("orders").out == "no purchase orders\n"
    (made,) = shop("order", "acme", "cup@north=10", "--key", "k", "--json").plain["lines"]
    assert shop("order", "acme", "cup@north=10", "--key", "k", "--json").plain["lines"] == [made]
    assert (made["supplier"], made["status"], made["outstanding"]) == ("acme", "ORDERED", 10)
    named = str(made["order"])
    assert shop("suggest").out == "nothing is to be ordered\n"
    (part,) = shop("order-receive", named, "cup@north=4", "--json").plain["lines"]
    assert (part["received"], part["outstanding"]) == (4, 6)
    much = shop("order-receive", named, "cup@north=7")
    assert (much.status, "only 6 of cup are outstanding" in much.err) == (1, True)
    assert named in shop("orders", "--open", "--supplier", "acme").out
    assert shop("order-cancel", named, "--json").plain["lines"][0]["status"] == "CANCELLED"
    assert shop("order-show", named, "--json").plain["lines"][0]["outstanding"] == 0
    assert shop("orders", "--open").out == "no purchase orders\n"
    assert shop("supplier-delete", "acme", "--json").plain["deleted"] is True
    wrong = shop("order", "acme", "cup@north=1", "cup=5")
    assert (wrong.status, "SKU@WAREHOUSE=QUANTITY, as in cup-blue@north=50, not 'cup=5'." in wrong.err) == (2, True)
    assert shop("show", "cup", "north", "--json").plain["total"] == 6
