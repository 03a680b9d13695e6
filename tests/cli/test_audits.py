"""The command that audits: beside the service that has the data, then alone to repair what was planted."""

import asyncio
import json
import os
import sqlite3
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import pytest
from redis import Redis

from tests.typed import Type, Typed
from travio_inventory.app.backends import open_batches
from travio_inventory.app.deeds import operator_here
from travio_inventory.app.service import open_inventory
from travio_inventory.app.stock import open_stock
from travio_inventory.edge.deployments import prefix_of
from travio_inventory.edge.keys import lock_keys, taken_keys
from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.batches import Applied, Kind, Row, RowKey, Write
from travio_inventory.seats.ports import Cell, SeatGroupKey
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.trip import Trip
from travio_inventory.settings import Settings, load_settings
from travio_inventory.stock.commands import AddEntry, AddWarehouse
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.warehouse import Site
from verification.kit.asking import open_trip
from verification.kit.child_process import child
from verification.kit.in_process import settings_of
from verification.kit.planted_faults import NOBODY
from verification.kit.trips import a_trip
from verification.servers.cassandra import Cassandra
from verification.servers.redis import HOST, RedisServer

SEAT = "A1"
ORPHAN: Row = {"status": "held", "owner": NOBODY, "since_ms": 1, "until_ms": 1}
"""What an attempt left that never committed, of 1970."""


def lines(typed: Typed) -> list[dict[str, Any]]:
    """What was printed with --json: a line for each trip, then one for all."""
    return [json.loads(line) for line in typed.out.splitlines()]


async def opened(settings: Settings) -> Trip:
    """A trip that is on sale there."""
    trip = a_trip(organization="default")
    async with open_inventory(settings) as inventory:
        await open_trip(inventory, trip)
    return trip


async def plant(settings: Settings, trip: Trip, values: Row) -> str:
    """Write to a cell, whatever is there; returns the name of the deployment."""
    async with open_batches(settings) as store:
        cell = RowKey(Kind.CELL, SEAT, 0)
        written = await store.batches.apply(seat_rows.group_partition(trip.key, 0), [Write(cell, {}, values)])
        assert isinstance(written, Applied)
        return store.deployment


@pytest.mark.once
def test_an_edge_that_does_not_answer_is_not_told_as_one_without_faults(typed: Type, tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    trip = anyio.run(opened, settings)
    silent = {"TRAVIO_DATA": str(tmp_path / "data"), "TRAVIO_EDGE": "redis", "REDIS_ADDR": "127.0.0.1:1"}
    told = typed("audit", trip.key.trip, **silent)
    assert (told.status, "0 found" in told.out) == (3, True)
    assert f"the edge did not answer: what it remembers of {trip.group_count} seat groups" in told.out
    (_, of_all) = lines(typed("audit", trip.key.trip, "--json", **silent))
    assert of_all["edge_seen"] is False


@pytest.mark.once
def test_a_fault_is_told_beside_the_service_and_repaired_without_it(typed: Type, tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    data = {"TRAVIO_DATA": str(tmp_path / "data"), "TRAVIO_EDGE": "local"}
    trip = anyio.run(opened, settings)
    anyio.run(plant, settings, trip, ORPHAN)

    async def beside() -> tuple[Typed, Typed]:
        async with open_inventory(settings):
            told = await anyio.to_thread.run_sync(lambda: typed("audit", "--groups-per-second", "1000", **data))
            return told, await anyio.to_thread.run_sync(lambda: typed("audit", "--repair", **data))

    told, refused = anyio.run(beside)
    assert told.status == 1
    assert f"orphan intent: trip {trip.key.trip} of default, group 0 seat {SEAT} segment 0 of {NOBODY}" in told.out
    assert "1 found" in told.out
    assert "the edge was not looked at" in told.out
    assert (refused.status, "is in use by process" in refused.err) == (1, True)

    repaired = typed("audit", trip.key.trip, "--repair", "--json", **data)
    (of_trip, of_all) = lines(repaired)
    assert repaired.status == 0
    assert [each["fault"] for each in of_trip["repaired"]] == ["orphan intent"]
    assert (of_all["left"], of_all["repaired"], of_all["cells"]["free"]) == (0, 1, 54)
    assert typed("audit", **data).status == 0


async def shelved(settings: Settings, *, reserved: int) -> None:
    """Six cups in the north, of which the entry calls so many reserved that nobody has."""
    async with open_stock(settings) as stock:
        clerk = Actor("default", "ann")
        north = await stock.warehouses.add(clerk, AddWarehouse("north", Site("North")))
        await stock.keep.add(clerk, AddEntry("cup", north.id, "cup", 6))
    async with open_batches(settings) as store:
        values: Row = {"available": 6 - reserved, "reserved": reserved}
        at = stock_rows.place("default", "cup", north.number)
        assert isinstance(await store.batches.apply(at, [Write(stock_rows.STOCK, {}, values)]), Applied)


@pytest.mark.once
def test_a_fault_of_stock_is_told_and_repaired(typed: Type, tmp_path: Path) -> None:
    data = {"TRAVIO_DATA": str(tmp_path / "data"), "TRAVIO_EDGE": "local"}
    anyio.run(partial(shelved, settings_of(tmp_path), reserved=2))
    told = typed("audit", "--only", "stock", **data)
    assert told.status == 1
    assert "wrong reserved: cup of default, place 64 (2, its reservations have 0)" in told.out
    assert "1 entries of stock" in told.out
    assert "wrong reserved" not in typed("audit", "--only", "trips", **data).out

    repaired = typed("audit", "--repair", "--json", **data)
    (of_entry, of_all) = lines(repaired)
    assert (repaired.status, of_entry["sku"]) == (0, "cup")
    assert [each["fault"] for each in of_entry["repaired"]] == ["wrong reserved"]
    assert (of_all["entries"], of_all["left"], of_all["repaired"]) == (1, 0, 1)
    (again,) = lines(typed("audit", "--json", **data))
    assert (again["entries"], again["left"], again["repaired"]) == (1, 0, 0)
    (deed,) = (each for each in lines(typed("deeds", "--json", **data)) if each["verb"] == "repair stock")
    assert (deed["about"], deed["outcome"]) == ("cup 64", "1 repaired")
    assert deed["who"] == f"house {operator_here().user}"


REPAIRED_S_MAX = 120


async def plant_everywhere(settings: Settings, trip: Trip) -> None:
    """An orphan in each seat group."""
    async with open_batches(settings) as store:
        for group in range(trip.group_count):
            seat = next(seat.id for seat in trip.seats if trip.group_of(seat.id) == group)
            write = Write(RowKey(Kind.CELL, seat, 0), {}, ORPHAN)
            assert isinstance(await store.batches.apply(seat_rows.group_partition(trip.key, group), [write]), Applied)


def orphans(folder: Path) -> int:
    """How many are left, as the file says."""
    with closing(sqlite3.connect(folder / "data" / "inventory.db")) as connection:
        (left,) = connection.execute("SELECT count(*) FROM seat_groups WHERE owner = ?", (NOBODY,)).fetchone()
    return int(left)


@pytest.mark.once
async def test_a_repair_that_is_killed_is_in_the_record_and_goes_on_when_it_is_asked_again(
    typed: Type, tmp_path: Path
) -> None:
    """It is killed when it has freed one of five cells."""
    settings, data = settings_of(tmp_path), {"TRAVIO_DATA": str(tmp_path / "data"), "TRAVIO_EDGE": "local"}
    trip = a_trip(organization="default", seats_per_group=4)
    async with open_inventory(settings) as inventory:
        await open_trip(inventory, trip)
    await plant_everywhere(settings, trip)
    assert orphans(tmp_path) == trip.group_count > 4
    words = sys.executable, "-m", "travio_inventory.cli", "audit", "--repair", "--groups-per-second", "0.2"
    async with asyncio.timeout(REPAIRED_S_MAX), child(words, os.environ | data) as process:
        while orphans(tmp_path) == trip.group_count:  # noqa: ASYNC110 - another process tells no event loop
            await asyncio.sleep(0.05)
        process.kill()
        await process.wait()
    left = orphans(tmp_path)
    assert 0 < left < trip.group_count
    again = await anyio.to_thread.run_sync(lambda: typed("audit", "--repair", "--json", **data))
    (of_trip, of_all) = lines(again)
    assert (again.status, len(of_trip["repaired"]), of_all["left"], orphans(tmp_path)) == (0, left, 0, 0)
    told = await anyio.to_thread.run_sync(lambda: typed("deeds", "--json", **data))
    repairs = [deed["outcome"] for deed in lines(told) if deed["verb"] == "repair trip"]
    assert repairs == ["began", f"{left} repaired"]


def test_what_cannot_be_audited_is_told_in_one_line(typed: Type, tmp_path: Path) -> None:
    data = {"TRAVIO_DATA": str(tmp_path / "data"), "TRAVIO_EDGE": "local"}
    missing = typed("audit", **data)
    assert (missing.status, missing.err.count("\n")) == (1, 1)
    assert "no database in" in missing.err
    anyio.run(opened, settings_of(tmp_path))
    gone = typed("audit", "no-such-trip", **data)
    said = "trip no-such-trip of default was not audited: there is no such trip any more: name its --organization\n"
    assert (gone.status, gone.err) == (1, said)
    for wrong in (("--groups-per-second", "0"), ("--from-shard", "60")):
        assert typed("audit", *wrong, **data).status == 2


def test_a_cluster_and_its_redis_are_audited_and_repaired(
    typed: Type, cassandra_node: Cassandra, redis_node: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the row of the store: a lock and a mark that do not lapse, and one of each that do, which are right."""
    where = {
        "SCYLLA_HOSTS": f"{cassandra_node.hosts[0]}:{cassandra_node.port}",
        "TRAVIO_SCYLLA_KEYSPACE": f"audit_{uuid4().hex[:12]}",
        "REDIS_ADDR": f"{HOST}:{redis_node.port}",
        "TRAVIO_ENVIRONMENT": "development",
        "TRAVIO_REDIS_REPLY_MS_MAX": "5000",
    }
    assert typed("schema", "apply", "--replication", "1", **where).status == 0
    for name, value in where.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(events="none", background=False)
    trip = anyio.run(opened, settings)
    prefix = prefix_of(anyio.run(plant, settings, trip, ORPHAN))
    group = SeatGroupKey(trip.key, 0)
    (lock,), (mark,) = lock_keys(group, [Cell(SEAT, 0)]), taken_keys(group, [Cell(SEAT, 1)])
    (young,) = lock_keys(group, [Cell(SEAT, 2)])
    with Redis(host=HOST, port=redis_node.port) as redis:
        redis.set(prefix + lock, "claimant token-1")
        redis.set(prefix + mark, f"claimant {NOBODY} sold 0 1")
        redis.set(prefix + young, "claimant token-2", px=4_000)
        told = typed("audit", "--json", **where)
        (of_trip, of_all) = lines(told)
        assert (told.status, of_all["edge_seen"]) == (1, True)
        faults = ["lasting lock", "lasting mark", "orphan intent"]
        assert sorted(each["fault"] for each in of_trip["left"]) == faults
        repaired = typed("audit", "--repair", "--json", **where)
        (of_trip, of_all) = lines(repaired)
        assert sorted(each["fault"] for each in of_trip["repaired"]) == faults
        assert (repaired.status, of_all["left"]) == (0, 0)
        assert redis.exists(prefix + lock, prefix + mark) == 0
    assert typed("audit", **where).status == 0
