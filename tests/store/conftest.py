"""The stores that the contract suite runs on."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from uuid import uuid4

import pytest

from travio_inventory.protocol.batches import (
    Applied,
    Batches,
    Index,
    IndexEntry,
    Kind,
    Outcome,
    Partition,
    Refused,
    Row,
    RowKey,
    Rows,
    Table,
    Write,
)
from travio_inventory.store.memory import MemoryBatches
from travio_inventory.store.scylla import ScyllaBatches, ScyllaOptions, schema
from travio_inventory.store.scylla.connecting import session as scylla_session
from travio_inventory.store.sqlite import SqliteBatches
from verification.servers.cassandra import DATACENTER, Cassandra

Store: TypeAlias = Batches


@dataclass(frozen=True)
class Group:
    """A partition that no other test uses."""

    store: Store
    partition: Partition

    async def apply(self, *writes: Write, entries: Sequence[IndexEntry] = ()) -> Outcome:
        """Try the batch."""
        return await self.store.apply(self.partition, writes, entries)

    async def stands(self, *writes: Write) -> None:
        """Apply the batch, which must work."""
        assert isinstance(await self.apply(*writes), Applied)

    async def refused(self, *writes: Write) -> Rows:
        """Try the batch, which must be refused; the rows that it names."""
        outcome = await self.apply(*writes)
        assert isinstance(outcome, Refused)
        return outcome.rows

    async def get(self, *keys: RowKey) -> Rows:
        """Those of the rows that stand."""
        return await self.store.get(self.partition, keys)

    async def row(self, key: RowKey) -> Row | None:
        """The row, None where there is none."""
        return (await self.get(key)).get(key)

    async def ids(self, kind: Kind, *, start: str = "", end: str = "") -> list[str]:
        """The ids of a range of rows, as they come."""
        rows = await self.store.read(self.partition, kind, start=start, end=end)
        return [key.id for key in rows]


def new_partition() -> Partition:
    """A partition that no other test uses."""
    return Partition(Table.SEAT_GROUPS, "store-tests", uuid4().hex, 3)


def index_entry(entry: str, bucket: str, index: Index = Index.EXPIRY) -> IndexEntry:
    """An entry of a bucket."""
    return IndexEntry(index, bucket, entry)


@asynccontextmanager
async def memory_store(_: Path) -> AsyncIterator[Store]:
    """In memory, without faults."""
    yield MemoryBatches(None, random.Random(1), asyncio.sleep)


def sqlite_store(folder: Path) -> AbstractAsyncContextManager[Store]:
    """In a folder of its own."""
    return SqliteBatches.open(folder)


STORES = {"memory": memory_store, "sqlite": sqlite_store}
NODES = {"scylla": "cassandra_node", "cluster": "cassandra_cluster"}
EVERY_STORE = [
    *STORES,
    pytest.param("scylla", marks=pytest.mark.scylla),
    pytest.param("cluster", marks=[pytest.mark.scylla, pytest.mark.cluster]),
]
"""The names of all stores: the last two are a real server, and three that keep a copy each."""


def store_of(request: pytest.FixtureRequest, folders: pytest.TempPathFactory) -> AbstractAsyncContextManager[Store]:
    """The store that the fixture's parameter names, to be opened."""
    if request.param in NODES:
        return scylla_store(scylla_options(request.getfixturevalue(NODES[request.param])))
    return STORES[request.param](folders.mktemp("store"))


def scylla_options(node: Cassandra, keyspace: str = "store_tests") -> ScyllaOptions:
    """These nodes, each of which keeps a copy, with patience for a loaded machine."""
    return ScyllaOptions(
        hosts=node.hosts,
        port=node.port,
        keyspace=keyspace,
        serial="home",
        datacenter=DATACENTER,
        user="",
        password="",
        tls=None,
        replication_min=len(node.nodes),
        rules={},
        clock_bound_ms=1_000,
        request_ms_max=10_000,
        wait_ms_max=10_000,
    )


@asynccontextmanager
async def scylla_store(options: ScyllaOptions) -> AsyncIterator[ScyllaBatches]:
    """On a real server, in a keyspace that is made if need be."""
    await asyncio.to_thread(make_tables, options)
    async with ScyllaBatches.connect(options) as opened:
        yield opened


def make_tables(options: ScyllaOptions) -> None:
    """Apply the schema to the options' keyspace."""
    with scylla_session(options) as opened:
        schema.apply(opened, options, replication=options.replication_min)


@pytest.fixture(scope="module", params=EVERY_STORE)
async def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    """Every store; many tests share it, each with partitions and buckets of its own."""
    async with store_of(request, tmp_path_factory) as opened:
        yield opened


@pytest.fixture(scope="session")
def scylla(cassandra_node: Cassandra) -> ScyllaOptions:
    """A real server with our tables in a keyspace, for tests that open stores of their own."""
    options = scylla_options(cassandra_node)
    make_tables(options)
    return options


@pytest.fixture
def group(store: Store) -> Group:
    """A partition of every store."""
    return Group(store, new_partition())
