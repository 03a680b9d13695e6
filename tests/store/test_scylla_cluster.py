"""Three nodes with a replica each: which one coordinates, and what the death of a node costs."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from subprocess import run

import pytest

from tests.store import coordinators
from tests.store.coordinators import BATCHES, Asked
from tests.store.partitions import index_entry, new_partition
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Kind,
    NotDone,
    Outcome,
    Partition,
    RowKey,
    StoreUnavailable,
    Unknown,
    Write,
)
from travio_inventory.store.scylla import ScyllaBatches, ScyllaOptions
from verification.kit.stores import make_tables
from verification.servers.cassandra import Cassandra

PROCESS_S_MAX = 180
RECOVERY_S_MAX = 40
BACK_S_MAX = 60
STANDS_STILL_S = 8
"""Shorter than the time limit of a request."""


class Cluster:
    """Three nodes, and one partition on them."""

    def __init__(self, nodes: Cassandra, batches: ScyllaBatches, asked: Asked) -> None:
        self.nodes = nodes
        self.batches = batches
        self.partition = new_partition()
        self.tried: dict[str, Outcome] = {}
        self._asked = asked

    async def write(self) -> Outcome:
        """One more batch on the partition."""
        name = f"h{len(self.tried)}"
        write = Write(RowKey(Kind.HOLD, name), ABSENT, {"status": "held"})
        outcome = self.tried[name] = await self.batches.apply(self.partition, [write])
        return outcome

    async def coordinator(self) -> str:
        """The node that the next batch, which must work, goes to."""
        self._asked.take()
        assert await self.write() == Applied()
        (address,) = self._asked.take()
        return address

    async def coordinator_of(self, partition: Partition) -> str:
        """The node that batches of the partition go to."""
        self._asked.take()
        await self.batches.get(partition, [RowKey(Kind.HOLD, "none")])
        (address,) = self._asked.take()
        return address

    async def kill(self, address: str) -> None:
        """The node at the address dies."""
        await asyncio.to_thread(self.nodes.nodes[self.nodes.hosts.index(address)].kill)

    async def start_all(self) -> None:
        """Start those that died again."""
        for node in self.nodes.nodes:
            if not node.process.runs:
                node.process.start()
        await asyncio.to_thread(self.nodes.settle)

    async def until(self, is_so: Callable[[], Awaitable[bool]], limit_s: float) -> None:
        """Wait until it is."""
        began = time.monotonic()
        while not await is_so():
            assert time.monotonic() - began < limit_s
            await asyncio.sleep(0.1)

    async def works(self) -> bool:
        """Whether a batch is applied."""
        return isinstance(await self.write(), Applied)


@pytest.fixture(scope="module")
def options(cassandra_cluster: Cassandra) -> ScyllaOptions:
    """The cluster with our tables."""
    chosen = coordinators.options(cassandra_cluster.hosts, cassandra_cluster.port)
    make_tables(chosen)
    return chosen


@pytest.fixture
async def cluster(cassandra_cluster: Cassandra, options: ScyllaOptions) -> AsyncIterator[Cluster]:
    """A store of the test's own; all nodes run afterwards."""
    async with ScyllaBatches.connect(options) as batches:
        opened = Cluster(cassandra_cluster, batches, Asked(batches))
        try:
            yield opened
        finally:
            await opened.start_all()


def in_a_process(hosts: list[str], port: int) -> list[list[str]]:
    """The choice of a separate process that knows the nodes in this order."""
    command = [sys.executable, "-m", coordinators.__name__, str(port), *hosts]
    ended = run(command, check=False, capture_output=True, text=True, timeout=PROCESS_S_MAX)
    assert ended.returncode == 0, ended.stderr
    chosen: list[list[str]] = json.loads(ended.stdout)
    return chosen


async def test_all_batches_and_reads_of_a_partition_go_to_one_node_whatever_the_process(
    options: ScyllaOptions,
) -> None:
    """Each process gets the nodes in another order. The partitions are spread over all nodes."""
    hosts = list(options.hosts)
    orders = [hosts, hosts[::-1], hosts[1:] + hosts[:1]]
    went = await asyncio.gather(*(asyncio.to_thread(in_a_process, order, options.port) for order in orders))
    assert went[0] == went[1] == went[2]
    assert all(nodes == [nodes[0]] * (BATCHES + 1) for nodes in went[0])
    assert {nodes[0] for nodes in went[0]} == set(hosts)


async def test_a_node_that_dies_is_replaced_at_once_and_takes_over_again_when_it_is_back(cluster: Cluster) -> None:
    """Batches in flight when it dies are unknown at worst. No answered batch is lost, and none is applied that was not
    done.
    """
    first = await cluster.coordinator()
    writing = [asyncio.create_task(cluster.write()) for _ in range(30)]
    await cluster.kill(first)
    await asyncio.gather(*writing)
    await cluster.until(cluster.works, RECOVERY_S_MAX)
    second = await cluster.coordinator()
    assert second != first
    assert {await cluster.coordinator() for _ in range(5)} == {second}
    await cluster.start_all()

    async def is_back() -> bool:
        return await cluster.works() and await cluster.coordinator() == first

    await cluster.until(is_back, BACK_S_MAX)
    found = {key.id for key in await cluster.batches.read(cluster.partition, Kind.HOLD)}
    assert {name for name, outcome in cluster.tried.items() if isinstance(outcome, Applied)} <= found
    assert not {name for name, outcome in cluster.tried.items() if isinstance(outcome, NotDone)} & found


async def test_a_node_that_stands_still_stops_only_the_partitions_that_it_coordinates(cluster: Cluster) -> None:
    """Index entries of the others are written through the other nodes; each waits for nobody."""
    still = await cluster.coordinator()
    partitions = {await cluster.coordinator_of(each): each for each in (new_partition() for _ in range(24))}
    node = cluster.nodes.nodes[cluster.nodes.hosts.index(still)]
    node.pause()
    try:
        tries = [
            asyncio.create_task(
                cluster.batches.apply(partition, a_hold(number), [index_entry("x", f"bucket-{number}")])
            )
            for number in range(40)
            for host, partition in partitions.items()
            if host != still
        ]
        stopped = asyncio.create_task(cluster.write())
        async with asyncio.timeout(STANDS_STILL_S):
            assert set(await asyncio.gather(*tries)) == {Applied()}
        assert len(tries) == 80
        assert not stopped.done()
    finally:
        node.resume()
    await stopped


def a_hold(number: int) -> list[Write]:
    """A batch that makes one hold."""
    return [Write(RowKey(Kind.HOLD, f"still-{number}"), ABSENT, {"status": "held"})]


async def test_without_a_quorum_nothing_is_done_and_with_one_again_all_goes_on(cluster: Cluster) -> None:
    first = await cluster.coordinator()
    others = [host for host in cluster.nodes.hosts if host != first]
    await asyncio.gather(*map(cluster.kill, others))
    for _ in range(3):
        assert isinstance(await cluster.write(), NotDone | Unknown)
        with pytest.raises(StoreUnavailable):
            await cluster.batches.read(cluster.partition, Kind.HOLD)
    await cluster.start_all()
    await cluster.until(cluster.works, RECOVERY_S_MAX)
