"""Reports by region on the screen, as CSV and as JSON agree, by command line and over HTTP, and with all movements."""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from secrets import token_hex
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal

from tests.typed import Type, Typed
from travio_inventory.bench.free_ports import free_port
from verification.kit.service_process import ServiceProcess, serving

pytestmark = pytest.mark.once

PLACES = {"hamburg": "eu", "milan": "eu", "boston": "us", "nowhere": ""}
SKUS = ("cup", "jug")
LOW = 10
STOCK = ("warehouses", "entries", "low", "available", "reserved", "total", "in transit")
PLAIN = [name.replace(" ", "_") for name in STOCK]
OVER_HTTP = (
    "warehouses", "entries", "lowStockEntries", "quantityAvailable", "quantityReserved", "quantityTotal",
    "quantityInTransit",
)  # fmt: skip

Say = Callable[..., Typed]


@dataclass(slots=True)
class Region:
    """What is said of one."""

    stock: dict[str, int] = field(default_factory=dict)
    moved: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """By day and type: how many units, in how many movements."""


@pytest.fixture(scope="module")
def server(portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service with HTTP."""
    folder = tmp_path_factory.mktemp("server")
    with portal.wrap_async_context_manager(serving(folder, TRAVIO_HTTP_PORT=str(free_port()))) as server:
        yield server


def a_day(say: Say, random: Random) -> None:
    """Deliveries, breakages, orders and transfers between four warehouses."""
    for code, region in PLACES.items():
        say("warehouse-add", code, code, *(("--region", region) if region else ()))
        for sku in SKUS:
            say("add", sku, code, "--quantity", str(random.randint(0, 30)))
    for number in range(14):
        sku, (here, there) = random.choice(SKUS), random.sample(sorted(PLACES), 2)
        count = str(random.randint(1, 9))
        match random.choice(("adjust", "order", "transfer")):
            case "adjust":
                kind = random.choice(("inbound", "damage", "adjustment"))
                say("adjust", sku, here, f"{'' if kind == 'inbound' else '-'}{count}", "--type", kind, "--reason", "x")
            case "order":
                say("reserve", f"o{number}", f"{sku}={count}")
                for step in random.choice(((), ("commit",), ("cancel",), ("commit", "cancel"))):
                    say(step, f"o{number}", "--order")
            case _:
                made = say("transfer", sku, here, there, count, "--ship", "--json")
                if made.status == 0:
                    say("receive", made.plain["transfer"], "1", "--lost", "1" if count > "2" else "0")


def from_rows(rows: Iterable[Mapping[str, str]]) -> dict[str, Region]:
    """What CSV says."""
    found: dict[str, Region] = {}
    for row in rows:
        of = found.setdefault(row["region"], Region())
        if row["day"]:
            of.moved[row["day"], row["type"]] = int(row["moved"]), int(row["movements"])
        else:
            of.stock = {name: int(row[name]) for name in STOCK}
    return found


def from_screen(text: str) -> dict[str, Region]:
    """What two tables say."""
    stock, _, moved = text.partition("\n\n")
    found = {}
    for line in stock.splitlines()[1:]:
        region, *numbers = line.split()
        found[region.strip("-")] = Region(dict(zip(STOCK, map(int, numbers), strict=True)))
    for line in moved.splitlines()[1:]:
        region, day, kind, quantity, many = line.split()
        found[region.strip("-")].moved[day, kind] = int(quantity), int(many)
    return found


def from_json(regions: Iterable[Mapping[str, Any]], stock: Iterable[str], moved: str) -> dict[str, Region]:
    """What JSON says, where the numbers have these names."""
    return {
        each["region"]: Region(
            dict(zip(STOCK, (each[name] for name in stock), strict=True)),
            {(one["day"], one["type"]): (one["quantity"], one["movements"]) for one in each[moved]},
        )
        for each in regions
    }


def replayed(say: Say) -> dict[str, Region]:
    """What all movements, one by one, and all transfers come to."""
    found = {region: Region(dict.fromkeys(STOCK, 0)) for region in PLACES.values()}
    units, counts = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
    for code, region in PLACES.items():
        stock = found[region].stock
        stock["warehouses"] += 1
        for sku in SKUS:
            entry = say("show", sku, code, "--json").plain
            balance = 0
            for each in say("movements", sku, code, "--json").plain["movements"]:
                balance += each["quantity"]
                assert each["balance"] == balance >= 0
                of = (region, each["at"][:10], each["type"])
                units[of] += each["quantity"]
                counts[of] += 1
            stock["entries"] += 1
            stock["total"] += balance
            stock["reserved"] += entry["reserved"]
            stock["available"] += balance - entry["reserved"]
            stock["low"] += balance - entry["reserved"] <= LOW
    for (region, day, kind), quantity in units.items():
        found[region].moved[day, kind] = quantity, counts[region, day, kind]
    for each in say("transfers", "--in-transit", "--json").plain["transfers"]:
        found[PLACES[each["to"]]].stock["in transit"] += each["in_transit"]
    return found


@pytest.mark.parametrize("seed", range(2))
def test_what_is_reported_is_what_moved_in_every_form(server: ServiceProcess, typed: Type, seed: int) -> None:
    organization = token_hex(4)
    environment = {"TRAVIO_TARGET": server.target, "TRAVIO_ORGANIZATION": organization, "TRAVIO_USER": "ann"}

    def say(*words: str) -> Typed:
        return typed("stock", *words, **environment)

    a_day(say, Random(seed))
    truth = replayed(say)
    assert any(each.stock["in transit"] for each in truth.values())
    plain = say("report", "--json").plain["regions"]
    assert from_json(plain, PLAIN, "moved") == truth
    assert from_rows(csv.DictReader(say("report", "--csv").out.splitlines())) == truth
    assert from_screen(say("report").out) == truth
    address = f"http://127.0.0.1:{server.web_port}/api/v1/reports/stock"
    told = httpx.get(address, headers={"x-organization-id": organization}).json()["regions"]
    assert from_json(told, OVER_HTTP, "movements") == truth
    as_csv = httpx.get(address, params={"format": "csv"}, headers={"x-organization-id": organization}).text
    assert from_rows(csv.DictReader(as_csv.splitlines())) == truth
    for region in ("eu", "us"):
        of = say("report", "--region", region, "--json").plain["regions"]
        assert from_json(of, PLAIN, "moved") == {region: truth[region]}
