"""The stores that the contract suite runs on."""

from collections.abc import AsyncIterator

import pytest

from tests.store.partitions import Group, new_partition
from travio_inventory.protocol.batches import Batches
from travio_inventory.store.scylla import ScyllaOptions
from verification.kit.stores import EVERY_STORE, make_tables, scylla_options, store_of
from verification.servers.cassandra import Cassandra


@pytest.fixture(scope="module", params=EVERY_STORE)
async def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Batches]:
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
def group(store: Batches) -> Group:
    """A partition of every store."""
    return Group(store, new_partition())
