"""Two services on one Cassandra: each is a process of its own, and they share what one of them could do alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from tests.system.test_kill import TRIPS
from travio_inventory.bench.free_ports import free_port
from travio_inventory.protocol.batches import Batches, Index, Kind
from travio_inventory.protocol.minute_cursor import cursor_of
from travio_inventory.protocol.rows import text
from travio_inventory.protocol.slices import SLICES
from verification.kit.service_process import ServiceProcess, eventually
from verification.kit.stores import scylla_options, scylla_store, services_on
from verification.servers.cassandra import Cassandra

SINK = "told"
TAKEN_OVER_S_MAX = 60.0
"""Leases are over after ten seconds; they are looked for every three."""


@asynccontextmanager
async def two_services(node: Cassandra, folder: Path, **variables: str) -> AsyncIterator[list[ServiceProcess]]:
    """They run, in a keyspace of their own. What is left of them is killed."""
    variables |= await asyncio.to_thread(services_on, node)
    services = [
        ServiceProcess(folder / name, **variables, TRAVIO_METRICS_PORT=str(free_port())) for name in ("one", "other")
    ]
    with ExitStack() as stack:
        for service in services:
            service.data.mkdir(parents=True)
            stack.callback(service.kill)
            await service.start()
        yield services


@asynccontextmanager
async def two_sellers(
    node: Cassandra, folder: Path, sink: str, **variables: str
) -> AsyncIterator[tuple[list[ServiceProcess], Batches]]:
    """They sell TRIPS, and share what is told to the sink; and their store."""
    variables = {"TRAVIO_ATTEMPT_GRACE_SECONDS": "2", "TRAVIO_EVENTS": f"{SINK}={sink}", **variables}
    async with two_services(node, folder, **variables) as services:
        options = scylla_options(node, services[0].environment["TRAVIO_SCYLLA_KEYSPACE"])
        async with scylla_store(options) as store:
            async with services[0].client() as client:
                for trip in TRIPS:
                    await client.open_trip(trip)
            await eventually(partial(are_shared_by, 2, store, SINK), within_s=TAKEN_OVER_S_MAX)
            yield services, store


async def owners(store: Batches, sink: str) -> list[str]:
    """Who has each slice of the sink, as the store says."""
    rows = await store.read(cursor_of(Index.JOURNAL, sink)[0], Kind.LEASE)
    return [text(row, "owner") for key, row in sorted(rows.items()) if key.id.isdigit()]


async def are_shared_by(count: int, store: Batches, sink: str) -> bool:
    """Whether all slices are leased, by so many relays."""
    found = await owners(store, sink)
    return len(found) == SLICES and len({*found}) == count and "" not in found
