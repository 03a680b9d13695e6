"""A rolling upgrade under load, and back: processes of an earlier commit beside those of this one, on one store.

Every promise is checked over all of it: what was acknowledged by whichever version is so for both.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest

from tests.system.test_kill import (
    TRIPS,
    every_hold_is_as_it_was_acknowledged,
    every_seat_that_is_not_sold_can_be_won,
    every_step_has_its_event,
    holds_of,
    nobody_had_a_seat_that_another_had,
    nothing_is_held,
    the_maps_show_the_bookings_and_nothing_else,
    the_same_key_gives_the_same_answer,
)
from tests.typed import ROOT
from travio_inventory.client.stock import Site
from verification.kit.buyers import Buyer, nothing_is_reserved, orders_of, untrue_of_stock
from verification.kit.service_process import ServiceProcess, eventually
from verification.kit.shoppers import Attempt, Shopper
from verification.servers.cassandra import Cassandra
from verification.servers.redis import HOST, RedisServer

pytestmark = [pytest.mark.scylla, pytest.mark.redis, pytest.mark.thorough, pytest.mark.timeout(900)]

RELEASE = "c68638fe5ef7b3dcb07f36e360d876806f0e177c"
"""The version that runs before. A release names the one before it."""
BEFORE_THE_SCHEMA = "the last one of the schema before this one"
SHOPPERS = 4
HOLDS_PER_STAGE = 10
BUYERS = 3
ORDERS_PER_STAGE = 10
GOODS = {"ape": 4_000, "bee": 3_000}
"""What lies in two warehouses, half of it in each."""
STAGE_S_MAX = 120
TOLD_S_MAX = 180


def version_in(schema: str) -> int:
    """The version of that schema."""
    return int(schema.partition("-- version: ")[2].split()[0])


def before_the_schema() -> str:
    """The newest commit with an older schema than the tree has; "" where git knows none."""
    now, newest = version_in((ROOT / "schema.cql").read_text()), "HEAD"
    for commit in git("log", "--format=%H", "--", "schema.cql").split():
        if version_in(git("show", f"{commit}:schema.cql")) == now:
            newest = commit
        else:
            return git("rev-parse", f"{newest}^").strip()
    return ""


def git(*words: str) -> str:
    """What git says; "" where it cannot say it."""
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout  # noqa: S607 - of the PATH


@pytest.fixture(scope="module", params=[RELEASE, BEFORE_THE_SCHEMA], ids=["the-release", "the-schema-before"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of that version. Without it, as in a shallow clone, there is nothing to upgrade from, which is said."""
    commit = before_the_schema() if request.param == BEFORE_THE_SCHEMA else request.param
    asked = ["git", "archive", commit or "HEAD~nothing", "travio_inventory", "schema.cql"]
    archive = subprocess.run(asked, cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        pytest.skip(
            f"no code to upgrade from: {archive.stderr.decode(errors='replace').strip() or 'git has no such commit'}"
        )
    folder = tmp_path_factory.mktemp("base")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)  # noqa: S607 - of the PATH
    assert version_in((folder / "schema.cql").read_text()) < version_in((ROOT / "schema.cql").read_text())
    return folder


SELL_STOCK = """
import asyncio
from travio_inventory.app.stock import open_stock
from travio_inventory.kernel.actor import Actor
from travio_inventory.settings import load_settings
from travio_inventory.stock.commands import AddEntry, AddWarehouse
from travio_inventory.stock.reservation import Item, OfReservation, Reserve
from travio_inventory.stock.warehouse import Site

async def sell():
    clerk = Actor("acme", "ann")
    async with open_stock(load_settings()) as stock:
        north = await stock.warehouses.add(clerk, AddWarehouse("north", Site("North")))
        await stock.keep.add(clerk, AddEntry("cup", north.id, "cup", 10))
        await stock.reserve.reserve(clerk, Reserve("o1", [Item("cup", 3)], ttl_s=1))
        await stock.reserve.reserve(clerk, Reserve("o2", [Item("cup", 2)]))
        await stock.reserve.commit(clerk, OfReservation(order_id="o2"))

asyncio.run(sell())
"""
"""What a process of the new version does with stock, of which the last release knows nothing."""
STOCK_TOLD = {"inventory.reserved", "inventory.committed", "inventory.released"}


class Selling:
    """Shoppers of seats, and buyers of stock where the version before has it."""

    def __init__(self, shoppers: Sequence[Shopper], buyers: Sequence[Buyer]) -> None:
        self.shoppers = shoppers
        self.buyers = buyers

    async def goes_on(self) -> None:
        """Wait until each kind has had some more answers. Raises TimeoutError."""
        holds, orders = self._counts()

        async def is_enough() -> bool:
            now = self._counts()
            return now[0] >= holds + HOLDS_PER_STAGE and (not self.buyers or now[1] >= orders + ORDERS_PER_STAGE)

        await eventually(is_enough, within_s=STAGE_S_MAX)

    def _counts(self) -> tuple[int, int]:
        return holds_of(self.shoppers), len(orders_of(self.buyers))

    @property
    def attempts(self) -> list[Attempt]:
        """What the shoppers noted."""
        return [attempt for shopper in self.shoppers for attempt in shopper.attempts]


class Rolled(ServiceProcess):
    """A service that is started anew with the code of another version, on the same port."""

    async def with_code(self, folder: Path) -> None:
        """Stop it, if it runs, and start it with the code in that folder."""
        if self.is_running:
            assert await self.stop() == 0
        self.environment |= of_version(folder)
        await self.start()


def of_version(folder: Path) -> dict[str, str]:
    """The variables with which Python runs the code in that folder, whatever it is installed for."""
    return {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}


def run(folder: Path, environment: dict[str, str], *words: str) -> str:
    """What Python of that version says."""
    done = subprocess.run(
        [sys.executable, *words], env={**environment, **of_version(folder)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
async def services(
    cassandra_node: Cassandra, redis_node: RedisServer, tmp_path: Path
) -> AsyncIterator[tuple[Rolled, Rolled]]:
    """Two, on one keyspace and one Redis; the first relays events. They are not started yet."""
    shared = {
        "SCYLLA_HOSTS": f"{cassandra_node.hosts[0]}:{cassandra_node.port}",
        "TRAVIO_SCYLLA_KEYSPACE": f"rolled_{uuid4().hex[:12]}",
        "REDIS_ADDR": f"{HOST}:{redis_node.port}",
        "TRAVIO_ENVIRONMENT": "development",
        "TRAVIO_REDIS_REPLY_MS_MAX": "1000",
        "TRAVIO_ATTEMPT_GRACE_SECONDS": "2",
    }
    first, second = Rolled(tmp_path / "first", **shared), Rolled(tmp_path / "second", TRAVIO_RELAY="off", **shared)
    try:
        for service in (first, second):
            service.data.mkdir(parents=True)
        yield first, second
    finally:
        first.kill()
        second.kill()


async def sell_while_it_is_rolled(first: Rolled, second: Rolled, base: Path) -> Selling:
    """What was told while one process after the other got the new version, and then the old one again."""
    is_over = asyncio.Event()
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        clients = [await stack.enter_async_context((first, second)[n % 2].client()) for n in range(SHOPPERS)]
        shoppers = [Shopper(f"s{n}", client, TRIPS, Random(n)) for n, client in enumerate(clients)]
        buyers = [Buyer(f"b{n}", clients[:2], [*GOODS], Random(n)) for n in range(BUYERS if knows_stock(base) else 0)]
        selling = Selling(shoppers, buyers)
        tasks = [group.create_task(shopper.shop(is_over)) for shopper in shoppers]
        tasks += [group.create_task(buyer.buy(is_over)) for buyer in buyers]
        for service, folder in ((first, ROOT), (second, ROOT), (second, base), (first, base)):
            await selling.goes_on()
            await service.with_code(folder)
        await asyncio.to_thread(run, ROOT, first.environment, "-c", SELL_STOCK)  # both processes are old ones
        await selling.goes_on()
        is_over.set()
        await asyncio.wait(tasks)
    return selling


def knows_stock(folder: Path) -> bool:
    """Whether that version sells stock."""
    return (folder / "travio_inventory" / "wire" / "stock").is_dir()


async def open_goods(service: Rolled) -> None:
    """Half of them in each of two warehouses."""
    async with service.client() as client:
        for code in ("east", "west"):
            await client.stock.add_warehouse(code, Site(code))
            for sku, units in GOODS.items():
                await client.stock.add(sku, code, sku, quantity=units // 2)


async def test_two_versions_sell_beside_each_other_forward_and_back(
    services: tuple[Rolled, Rolled], base: Path
) -> None:
    first, second = services
    schema = ("-m", "travio_inventory.cli", "schema", "apply", "--replication", "1")
    assert str(base) in run(base, first.environment, "-c", "import travio_inventory; print(travio_inventory.__file__)")
    run(base, first.environment, *schema)
    for service in services:
        await service.with_code(base)
    async with first.client() as client:
        for trip in TRIPS:
            await client.open_trip(trip)
    if knows_stock(base):
        await open_goods(first)
    run(ROOT, first.environment, *schema)  # before the first process of the new version; the old ones go on
    selling = await sell_while_it_is_rolled(first, second, base)
    attempts = selling.attempts
    held = [attempt for attempt in attempts if attempt.hold_id]
    nobody_had_a_seat_that_another_had(held)

    for service in services:
        await service.with_code(ROOT)
    async with second.client() as client:
        await eventually(lambda: nothing_is_held(client), within_s=STAGE_S_MAX)
        await every_hold_is_as_it_was_acknowledged(client, attempts)
        await the_maps_show_the_bookings_and_nothing_else(client, held)
        await the_same_key_gives_the_same_answer(client, attempts)
        orders = orders_of(selling.buyers)
        if orders:
            await eventually(lambda: nothing_is_reserved(client), within_s=STAGE_S_MAX)
            assert await untrue_of_stock(client, orders, GOODS) == []
    audit = ("-m", "travio_inventory.cli", "audit", "--groups-per-second", "1000")
    said = run(ROOT, first.environment, *audit)
    assert "0 found" in said
    assert f"{5 if orders else 1} entries of stock" in said

    async def all_told() -> bool:
        try:
            every_step_has_its_event(first.events(), held)
        except AssertionError:
            return False
        return {event["type"] for event in first.events()} >= STOCK_TOLD

    await eventually(all_told, within_s=TOLD_S_MAX)
    async with second.client() as client:
        await every_seat_that_is_not_sold_can_be_won(client)
    for service in services:
        assert await service.stop() == 0
        service.assert_nothing_broke_down()
