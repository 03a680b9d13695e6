"""The proxy that spoils batches on their way to a real server: it does what it promises, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from cassandra.query import BoundStatement

from tests.store.driver_batches import values_of
from tests.store.partitions import index_entry, new_partition
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Kind,
    Outcome,
    Partition,
    Refused,
    RowKey,
    StoreUnavailable,
    Table,
    Unknown,
    Write,
)
from travio_inventory.store.scylla import ScyllaBatches, ScyllaOptions
from travio_inventory.store.scylla.connecting import session as scylla_session
from travio_inventory.store.scylla.statements import batch_of, place_of
from verification.kit.stores import make_tables, scylla_options, scylla_store
from verification.servers.cassandra import Cassandra
from verification.servers.cql_proxy import EVER, CqlProxy, Fault, Seen, cql_proxy
from verification.servers.process import ServerFailedError

TIMEOUT_MS = 700
LATE_MS = 1_000
RECOVERY_TRIES = 60
RECOVERY_S = 0.3
HOLD = RowKey(Kind.HOLD, "hold-1")
BIRTH = [Write(HOLD, ABSENT, {"status": "held"})]


@pytest.fixture(scope="module")
def proxy(cassandra_node: Cassandra, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CqlProxy]:
    """To the one node."""
    with cql_proxy(tmp_path_factory.mktemp("proxy"), cassandra_node.hosts, cassandra_node.port) as started:
        yield started


@pytest.fixture(scope="module")
def options(scylla: ScyllaOptions, proxy: CqlProxy) -> ScyllaOptions:
    """The node, reached through the proxy."""
    return replace(scylla, port=proxy.port)


@pytest.fixture(scope="module")
async def patient(options: ScyllaOptions) -> AsyncIterator[ScyllaBatches]:
    """A store that waits for answers even on a loaded machine."""
    async with scylla_store(options) as opened:
        yield opened


@asynccontextmanager
async def hasty_store(options: ScyllaOptions) -> AsyncIterator[ScyllaBatches]:
    """A store with short timeouts, which has prepared all statements of these tests."""
    async with scylla_store(replace(options, request_ms_max=TIMEOUT_MS)) as opened:
        await recovered(opened)
        yield opened


async def recovered(store: ScyllaBatches) -> None:
    """Return when the store works: for a while, a driver considers a node dead that closed a connection."""
    for _ in range(RECOVERY_TRIES):
        partition = new_partition()
        if isinstance(await store.apply(partition, [setting(0)]), Applied):
            await store.get(partition, [HOLD])
            return
        await asyncio.sleep(RECOVERY_S)
    pytest.fail(f"still unwell after {RECOVERY_TRIES} tries")


@pytest.fixture
async def hasty(options: ScyllaOptions) -> AsyncIterator[ScyllaBatches]:
    """One through the proxy."""
    async with hasty_store(options) as opened:
        yield opened


@pytest.fixture
def marked() -> Partition:
    """A partition whose organization is a marker."""
    return Partition(Table.SEAT_GROUPS, f"org-{uuid4().hex}", "t1")


def setting(until: int) -> Write:
    """A batch that is applied each time it arrives."""
    return Write(RowKey(Kind.CELL, "A1"), {}, {"until_ms": until})


async def until_is(store: ScyllaBatches, partition: Partition) -> object:
    """The value that was set last, None if there is none."""
    key = setting(0).key
    return (await store.get(partition, [key])).get(key, {}).get("until_ms")


async def test_conditional_batches_are_counted_and_nothing_else(
    proxy: CqlProxy, patient: ScyllaBatches, marked: Partition
) -> None:
    await proxy.watch(marked.organization)
    assert isinstance(await patient.apply(marked, BIRTH, [index_entry(marked.organization, "bucket")]), Applied)
    assert isinstance(await patient.apply(marked, [*BIRTH, setting(1)]), Refused)
    await patient.read(marked, Kind.HOLD)
    await patient.get(marked, [HOLD])
    await patient.apply(new_partition(), BIRTH)
    assert await proxy.mend(marked.organization) == Seen(2, 0)
    await patient.apply(marked, BIRTH)
    assert await proxy.settle(marked.organization) == Seen(2, 0)
    with pytest.raises(ServerFailedError, match="KeyError"):
        await proxy.settle(marked.organization)


async def test_a_conditional_statement_sent_alone_is_counted_too(
    proxy: CqlProxy, options: ScyllaOptions, marked: Partition
) -> None:
    await proxy.watch(marked.organization)
    await asyncio.to_thread(_send_alone, options, marked)
    assert await proxy.settle(marked.organization) == Seen(1, 0)


def _send_alone(options: ScyllaOptions, partition: Partition) -> None:
    """One statement without a condition, one with."""
    place = place_of(partition)
    plain, *_ = batch_of(options.keyspace, place, [setting(1)])
    (conditional,) = batch_of(options.keyspace, place, BIRTH)
    with scylla_session(options) as session:
        for statement in (plain, conditional):
            bound = BoundStatement(session.prepare(statement.text))
            bound.values = values_of(statement)
            session.execute(bound)


@pytest.mark.parametrize(
    ("fault", "told", "at_once", "in_the_end"),
    [
        (Fault.REQUEST_LOST, Unknown, None, None),
        (Fault.ANSWER_LOST, Unknown, 1, 2),
        (Fault.REQUEST_LATE, Unknown, None, 1),
        (Fault.ANSWER_LATE, Unknown, 1, 2),
        (Fault.REQUEST_KEPT, Unknown, None, 1),
        (Fault.COPY_KEPT, Unknown, 1, 1),
        (Fault.TWICE, Applied, 1, 2),
        (Fault.ANSWERED_TWICE, Applied, 1, 2),
        (Fault.CUT_BEFORE, Unknown, None, None),
        (Fault.CUT_AFTER, Unknown, 1, 2),
    ],
)
async def test_a_fault_does_what_it_promises(
    proxy: CqlProxy,
    patient: ScyllaBatches,
    hasty: ScyllaBatches,
    marked: Partition,
    fault: Fault,
    told: type[Outcome],
    at_once: int | None,
    in_the_end: int | None,
) -> None:
    """The outcome of a batch that sets 1, and the value when the caller gets it; if it was done, the test then sets 2,
    so that the end shows whether the batch arrived once more.
    """
    await proxy.spoil(marked.organization, fault, late_ms=LATE_MS)
    assert isinstance(await hasty.apply(marked, [setting(1)]), told)
    assert await until_is(patient, marked) == at_once
    if at_once is not None:
        assert isinstance(await patient.apply(marked, [setting(2)]), Applied)
    seen = await proxy.settle(marked.organization)
    assert seen.spoiled == 1
    assert await until_is(patient, marked) == in_the_end


async def test_the_answer_for_the_second_copy_is_a_refusal_because_of_the_first(
    proxy: CqlProxy, hasty: ScyllaBatches, marked: Partition
) -> None:
    await proxy.spoil(marked.organization, Fault.ANSWERED_TWICE)
    assert await hasty.apply(marked, BIRTH) == Refused({HOLD: {"status": "held"}})
    await proxy.settle(marked.organization)


async def test_of_two_copies_that_arrive_together_one_is_done(
    proxy: CqlProxy, patient: ScyllaBatches, marked: Partition
) -> None:
    await proxy.spoil(marked.organization, Fault.TWICE, times=EVER)
    for number in range(10):
        birth = [Write(RowKey(Kind.HOLD, str(number)), ABSENT, {"status": "held"})]
        assert isinstance(await patient.apply(marked, birth), Applied | Refused)
    assert await proxy.settle(marked.organization) == Seen(10, 10)
    assert len(await patient.read(marked, Kind.HOLD)) == 10


async def test_only_the_meant_batches_are_spoiled(
    proxy: CqlProxy, hasty: ScyllaBatches, patient: ScyllaBatches, marked: Partition
) -> None:
    await proxy.spoil(marked.organization, Fault.REQUEST_LOST, first=2, times=2)
    assert isinstance(await patient.apply(marked, [setting(1)]), Applied)
    assert isinstance(await hasty.apply(marked, [setting(2)]), Unknown)
    assert isinstance(await patient.apply(new_partition(), [setting(1)]), Applied)
    assert isinstance(await hasty.apply(marked, [setting(3)]), Unknown)
    assert await until_is(patient, marked) == 1
    assert isinstance(await patient.apply(marked, [setting(4)]), Applied)
    assert await proxy.settle(marked.organization) == Seen(4, 2)
    assert isinstance(await patient.apply(marked, [setting(5)]), Applied)


async def test_in_the_dark_nothing_arrives_and_nothing_is_answered(
    cassandra_node: Cassandra, scylla: ScyllaOptions, patient: ScyllaBatches, marked: Partition, tmp_path: Path
) -> None:
    """Through a separate proxy, because drivers notice the dark later."""
    with cql_proxy(tmp_path, cassandra_node.hosts, cassandra_node.port) as proxy:
        (host,) = proxy.hosts
        async with hasty_store(replace(scylla, port=proxy.port)) as store:
            await proxy.darken(host)
            assert isinstance(await store.apply(marked, [setting(1)]), Unknown)
            with pytest.raises(StoreUnavailable):
                await store.get(marked, [HOLD])
            await proxy.lighten(host)
            assert await until_is(patient, marked) is None
            await recovered(store)


async def test_it_ends_with_its_parent(cassandra_node: Cassandra, tmp_path: Path) -> None:
    with cql_proxy(tmp_path, cassandra_node.hosts, cassandra_node.port) as short:
        assert short.answers()
    assert not short.answers()


@pytest.mark.thorough
async def test_every_node_of_a_cluster_is_reached_through_it(cassandra_cluster: Cassandra, tmp_path: Path) -> None:
    with cql_proxy(tmp_path, cassandra_cluster.hosts, cassandra_cluster.port) as proxy:
        options = replace(scylla_options(cassandra_cluster, "proxy_tests"), port=proxy.port)
        await asyncio.to_thread(make_tables, options)
        await asyncio.to_thread(_assert_known_by, options, proxy)
        async with scylla_store(options) as store:
            await proxy.watch("")
            for _ in range(20):
                assert isinstance(await store.apply(new_partition(), BIRTH), Applied)
            assert await proxy.settle("") == Seen(20, 0)


def _assert_known_by(options: ScyllaOptions, proxy: CqlProxy) -> None:
    """The driver knows all nodes, each by the proxy's port."""
    with scylla_session(options) as session:
        known = {(host.endpoint.address, host.endpoint.port) for host in session.cluster.metadata.all_hosts()}
        assert known == {(host, proxy.port) for host in proxy.hosts}


async def test_a_copy_that_servers_see_once_its_hold_is_forgotten_begins_it_anew(
    proxy: CqlProxy, patient: ScyllaBatches, hasty: ScyllaBatches, marked: Partition
) -> None:
    """They know it for new. So a hold is kept for longer than a request can be under way to them."""
    await proxy.spoil(marked.organization, Fault.COPY_KEPT)
    assert isinstance(await hasty.apply(marked, BIRTH), Unknown)
    await proxy.mend(marked.organization)
    assert await patient.apply(marked, [Write(HOLD, {"status": "held"}, {"status": "released"}, 1)]) == Applied()
    await asyncio.sleep(2.5)
    assert await patient.get(marked, [HOLD]) == {}
    await proxy.settle(marked.organization)
    assert await patient.get(marked, [HOLD]) == {HOLD: {"status": "held"}}
