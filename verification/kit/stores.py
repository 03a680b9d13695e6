"""The stores that tests run on, embedded and on real servers, each opened in one way."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from secrets import token_hex

import pytest

from travio_inventory.protocol.batches import Batches
from travio_inventory.store.group_commit import GroupCommit
from travio_inventory.store.memory import MemoryBatches
from travio_inventory.store.scylla import ScyllaBatches, ScyllaOptions, schema
from travio_inventory.store.scylla.connecting import session as scylla_session
from travio_inventory.store.sqlite import Pace, SqliteBatches
from verification.servers.cassandra import DATACENTER, Cassandra


@asynccontextmanager
async def memory_store(_: Path) -> AsyncIterator[Batches]:
    """In memory, without faults."""
    yield MemoryBatches(None, random.Random(1), asyncio.sleep)


def sqlite_store(folder: Path) -> AbstractAsyncContextManager[Batches]:
    """In a folder of its own; ended rows are looked for often, because tests wait for them."""
    return SqliteBatches.open(folder, pace=Pace(interval_s=0.2))


STORES = {"memory": memory_store, "sqlite": sqlite_store}
NODES = {"scylla": "cassandra_node", "cluster": "cassandra_cluster"}
EVERY_STORE = [
    *STORES,
    pytest.param("scylla", marks=pytest.mark.scylla),
    pytest.param("cluster", marks=[pytest.mark.scylla, pytest.mark.cluster, pytest.mark.thorough]),
]
"""The names of all stores: the last two are one real server with group commit, as a service has it, and three servers
with a replica each, where every batch goes alone."""


def store_of(request: pytest.FixtureRequest, folders: pytest.TempPathFactory) -> AbstractAsyncContextManager[Batches]:
    """The store that the fixture's parameter names, to be opened."""
    if request.param in NODES:
        store = scylla_store(scylla_options(request.getfixturevalue(NODES[request.param])))
        return in_company(store) if request.param == "scylla" else store
    return STORES[request.param](folders.mktemp("store"))


def scylla_options(node: Cassandra, keyspace: str = "store_tests") -> ScyllaOptions:
    """These nodes, each with a replica, and timeouts for a loaded machine."""
    return options_on(node.hosts, node.port, keyspace, nodes=len(node.nodes))


def options_on(hosts: Sequence[str], port: int, keyspace: str, *, nodes: int = 1) -> ScyllaOptions:
    """So many nodes at these addresses."""
    return ScyllaOptions(
        hosts=hosts,
        port=port,
        keyspace=keyspace,
        serial="home",
        datacenter=DATACENTER,
        user="",
        password="",
        tls=None,
        replication_min=nodes,
        rules={},
        clock_bound_ms=1_000,
        request_ms_max=10_000,
        wait_ms_max=10_000,
    )


@asynccontextmanager
async def scylla_store(options: ScyllaOptions) -> AsyncIterator[ScyllaBatches]:
    """On a real server, in a keyspace that is created if necessary."""
    await asyncio.to_thread(make_tables, options)
    async with ScyllaBatches.connect(options) as opened:
        yield opened


@asynccontextmanager
async def in_company(store: AbstractAsyncContextManager[Batches]) -> AsyncIterator[Batches]:
    """The store with group commit."""
    async with store as opened:
        yield GroupCommit(opened)


def make_tables(options: ScyllaOptions) -> None:
    """Apply the schema to the options' keyspace."""
    with scylla_session(options) as opened:
        schema.apply(opened, options, replication=options.replication_min)


def services_on(node: Cassandra) -> dict[str, str]:
    """The variables with which services share these nodes, in a new keyspace with our tables."""
    keyspace = f"services_{token_hex(4)}"
    make_tables(scylla_options(node, keyspace))
    return {
        "SCYLLA_HOSTS": ",".join(f"{host}:{node.port}" for host in node.hosts),
        "TRAVIO_SCYLLA_KEYSPACE": keyspace,
        "TRAVIO_ENVIRONMENT": "development",
    }
