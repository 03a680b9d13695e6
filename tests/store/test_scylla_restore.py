"""Snapshots of a cluster that sells are restored into a new cluster, which is audited, repaired and sells on."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from tests.stock.shop import Shop
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.seats.hold import Hold
from travio_inventory.stock.audit.auditing import StockAuditRules
from travio_inventory.stock.audit.rounds import all_places
from travio_inventory.stock.reservation import Status
from travio_inventory.stock.use_cases.audit_stock import AuditStock
from verification.kit.planted_faults import audit
from verification.kit.sale import Market, Sale
from verification.kit.stores import scylla_options, scylla_store
from verification.servers.cassandra import Cassandra, Node, cassandra
from verification.servers.fixtures import need

pytestmark = [pytest.mark.scylla, pytest.mark.thorough, pytest.mark.timeout(600)]

KEYSPACE = "sold"
TAG = "copy"
MADE_ANEW = {"agreements", "schema_version"}
"""`schema apply` writes them: so the new cluster has another name, under which Redis knows nothing."""
SEATS = 18


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Cassandra]:
    need("scylla")
    with cassandra(tmp_path / "first", takes_commands=True) as running:
        yield running


async def booked(sale: Sale, seats: str, by: str) -> Hold:
    return await sale.confirm(await sale.hold(seats, "A-C", by=by), order=f"order-{by}")


async def go_on(sale: Sale) -> None:
    """Hold, move and give back seats over several seat groups, until cancelled; those of bookings are left alone."""
    draw = Random(3)
    while True:
        with suppress(Refusal):
            one, two, three = (f"A{seat}" for seat in draw.sample(range(7, SEATS + 1), 3))
            hold = await sale.hold(f"{one} {two}", "A-D", by="zoe")
            await sale.release(await sale.move(hold, f"{one}>{three}"))


async def buy(shop: Shop, order: str) -> None:
    await shop.reserve(order, ("cup", 1), ("jug", 1))
    await shop.commit(order)


async def buy_on(shop: Shop) -> None:
    """Reserve, commit and cancel cups with jugs, until cancelled."""
    number = 0
    while True:
        number += 1
        with suppress(Refusal):
            await buy(shop, f"more-{number}")
            if number % 2:
                await shop.cancel(f"more-{number}")


async def stocked(shop: Shop) -> Shop:
    """Cups in one warehouse, jugs in another."""
    await shop.entry("cup", 100_000)
    await shop.entry("jug", 100_000, code="south")
    return shop


async def left(shop: Shop) -> list[str]:
    """What an audit of its stock leaves."""
    audits = AuditStock(shop.auditor(StockAuditRules(second_look_ms=10, places_per_second=10_000)))
    places = [at async for at in all_places(shop.store, shop.actor.organization)]
    assert len(places) == 2
    found = [await audits.one(HOUSE, at, repair=True) for at in places]
    return [str(each) for audited in found for each in (*audited.left, *filter(None, [audited.unread]))]


def taken(node: Node, to: Path) -> None:
    """Take a snapshot of every table, and keep it elsewhere, as an operator does."""
    node.nodetool("snapshot", "-t", TAG, KEYSPACE)
    for snapshot in (node.process.folder / "data" / KEYSPACE).glob(f"*/snapshots/{TAG}"):
        table = snapshot.parents[1].name.rpartition("-")[0]
        shutil.copytree(snapshot, to / table, ignore=shutil.ignore_patterns("manifest.json", "schema.cql"))


def loaded(node: Node, source: Path) -> None:
    """Load the snapshots into the tables of a new cluster."""
    for table in sorted(source.iterdir()):
        if table.name not in MADE_ANEW and any(table.iterdir()):
            node.nodetool("import", "--copy-data", KEYSPACE, table.name, str(table))


async def test_what_was_booked_before_the_snapshot_is_there_after_the_restore(first: Cassandra, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    async with scylla_store(scylla_options(first, KEYSPACE)) as store, Market(store) as market:
        sale = await market.open(seats_per_group=4)
        before = [await booked(sale, f"A{seat} A{seat + 1}", f"user-{seat}") for seat in (1, 3, 5)]
        await sale.settled()
        shop = await stocked(Shop(store))
        for order in ("o1", "o2"):
            await buy(shop, order)
        await shop.settled()
        selling = [asyncio.ensure_future(each) for each in (go_on(sale), buy_on(shop))]
        await asyncio.to_thread(taken, first.nodes[0], copies)
        for task in selling:
            task.cancel()
        await asyncio.wait(selling)
        after = await booked(sale.elsewhere(), "A18", "late")
    first.close()

    with cassandra(tmp_path / "second", takes_commands=True) as second:
        async with scylla_store(scylla_options(second, KEYSPACE)) as store, Market(store) as market:
            await asyncio.to_thread(loaded, second.nodes[0], copies)
            restored = market.prepare(sale.trip)
            restored.clock.pass_s(3_600)
            await audit(restored, repair=True)
            audited = await audit(restored, repair=True)
            assert (audited.left, audited.unread) == ([], {})
            assert audited.sums.match
            shelves = Shop(store, shop.actor.organization)
            shelves.clock.pass_ms(3_600_000)
            await left(shelves)
            assert await left(shelves) == []
            for order in ("o1", "o2"):
                found = await shelves.stock.reserve.of_order(shelves.actor, order)
                assert (found.status, len(found.lines)) == (Status.COMMITTED, 2)
            await buy(shelves, "again")
            assert await left(shelves) == []
            for hold in before:
                assert (await restored.find(hold)).state == hold.state
            with pytest.raises(Refusal):
                await restored.find(after)
            await booked(restored, "A18", "again")
            await restored.assert_legal()
            assert {event.type for event in await restored.relay_all()} >= {"hold.created", "seats.purchased"}
