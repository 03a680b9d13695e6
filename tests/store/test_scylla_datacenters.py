"""Two datacenters: all processes let the same replicas decide, else they do not start; no seat is sold twice."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
from cassandra.cluster import Session

from tests.store.partitions import new_partition
from travio_inventory.protocol.batches import ABSENT, Applied, Kind, NotDone, RowKey, StoreUnavailable, Write
from travio_inventory.store.scylla import ScyllaBatches, ScyllaOptions, agreements, placement, schema, watch
from travio_inventory.store.scylla.connecting import session as scylla_session
from verification.kit.stores import scylla_options
from verification.servers.cassandra import Cassandra

SEATS = 40
SEEN_S_MAX = 30


@pytest.fixture
def east(cassandra_datacenters: Cassandra) -> ScyllaOptions:
    """A service in the east that names it as home, on a keyspace that is not there yet."""
    named = scylla_options(cassandra_datacenters, f"dc_{uuid4().hex[:12]}")
    return replace(named, hosts=cassandra_datacenters.hosts[:1], datacenter="east", replication_min=1)


@pytest.fixture
def west(cassandra_datacenters: Cassandra, east: ScyllaOptions) -> ScyllaOptions:
    """A service in the west, with the same home: it asks the servers of the east."""
    return replace(east, hosts=cassandra_datacenters.hosts[1:])


@pytest.fixture
def by_hand(cassandra_datacenters: Cassandra, east: ScyllaOptions) -> Iterator[Session]:
    """What an operator does; the keyspace goes away afterwards."""
    with cassandra_datacenters.session() as opened:
        yield opened
        opened.execute(f"DROP KEYSPACE IF EXISTS {east.keyspace}")


def spread(by_hand: Session, options: ScyllaOptions) -> None:
    """The keyspace gets a replica in each datacenter."""
    replication = "{'class': 'NetworkTopologyStrategy', 'east': 1, 'west': 1}"
    by_hand.execute(f"ALTER KEYSPACE {options.keyspace} WITH replication = {replication}")


def applied(options: ScyllaOptions) -> None:
    """`schema apply` with these options."""
    with scylla_session(options) as opened:
        schema.apply(opened, options, replication=1)


@asynccontextmanager
async def both(*options: ScyllaOptions) -> AsyncIterator[list[ScyllaBatches]]:
    """The store of each service."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(ScyllaBatches.connect(one)) for one in options]


async def start(options: ScyllaOptions) -> None:
    """Start and stop."""
    async with ScyllaBatches.connect(options):
        pass


async def sold_to(batches: ScyllaBatches, seat: int, buyer: str) -> bool:
    """Whether the buyer has the seat now; the buyer tries until there is a definite answer."""
    write = Write(RowKey(Kind.CELL, f"seat-{seat}"), ABSENT, {"status": "sold", "owner": buyer})
    while True:
        outcome = await batches.apply(PARTITION, [write])
        rows = await batches.get(PARTITION, [write.key])
        if isinstance(outcome, Applied) or rows:
            return isinstance(outcome, Applied) or rows[write.key].get("owner") == buyer


PARTITION = new_partition()


async def nobody_is_sold_twice(stores: list[ScyllaBatches]) -> None:
    """Each store has a buyer for every seat."""
    for seat in range(SEATS):
        sold = await asyncio.gather(*(sold_to(store, seat, f"buyer-{at}") for at, store in enumerate(stores)))
        assert sum(sold) == 1


@pytest.mark.thorough
async def test_with_one_home_a_service_in_each_datacenter_sells_no_seat_twice(
    east: ScyllaOptions, west: ScyllaOptions, by_hand: Session
) -> None:
    applied(east)
    spread(by_hand, east)
    async with both(east, west) as stores:
        await nobody_is_sold_twice(stores)


@pytest.mark.thorough
async def test_where_all_datacenters_decide_no_seat_is_sold_twice(east: ScyllaOptions, west: ScyllaOptions) -> None:
    everywhere = [replace(one, datacenter="", serial="global") for one in (east, west)]
    applied(everywhere[0])
    with scylla_session(everywhere[1]) as opened:
        assert placement.copies(opened, east.keyspace) == {"east": 1, "west": 1}
    async with both(*everywhere) as stores:
        await nobody_is_sold_twice(stores)


@pytest.mark.thorough
async def test_a_keyspace_is_made_in_the_home_datacenter_only(east: ScyllaOptions, by_hand: Session) -> None:
    applied(replace(east, datacenter="west"))
    assert placement.copies(by_hand, east.keyspace) == {"west": 1}
    with pytest.raises(placement.HomeUnclear, match="no copies in datacenter east, but in west: set TRAVIO_"):
        await start(east)
    with pytest.raises(placement.HomeUnclear, match="is in datacenter west, and SCYLLA_HOSTS in east: set TRAVIO_"):
        await start(replace(east, datacenter=""))


@pytest.mark.thorough
def test_no_keyspace_is_made_where_no_home_is_named(east: ScyllaOptions, by_hand: Session) -> None:
    with pytest.raises(placement.HomeUnclear, match="datacenters east, west, each of which would sell the same seat"):
        applied(replace(east, datacenter=""))
    assert not placement.copies(by_hand, east.keyspace)


@pytest.mark.thorough
async def test_another_scope_than_that_of_all_others_is_refused(east: ScyllaOptions, by_hand: Session) -> None:
    """By every start and every `schema apply`."""
    applied(east)
    spread(by_hand, east)
    await start(east)
    unnamed = replace(east, datacenter="")
    with pytest.raises(placement.HomeUnclear, match=r"set TRAVIO_SCYLLA_DATACENTER to the one .*=global$"):
        await start(unnamed)
    for wrong in (replace(east, datacenter="west"), replace(unnamed, serial="global")):
        with pytest.raises(agreements.ScopeDiffers, match="decided by scope `home east`, not `"):
            await start(wrong)
        with pytest.raises(agreements.ScopeDiffers, match=r"SERIAL=home and TRAVIO_SCYLLA_DATACENTER=east$"):
            applied(wrong)
    await start(east)


@pytest.mark.thorough
async def test_replicas_are_counted_where_they_decide(east: ScyllaOptions, by_hand: Session) -> None:
    applied(east)
    spread(by_hand, east)
    with pytest.raises(placement.ReplicationTooLow, match="keeps 1 copies of a row in datacenter east, not 2"):
        await start(replace(east, replication_min=2))


@pytest.mark.thorough
@pytest.mark.parametrize("named", ["east", ""])
async def test_a_running_service_sells_nothing_more_when_other_replicas_decide(
    east: ScyllaOptions, by_hand: Session, caplog: pytest.LogCaptureFixture, named: str
) -> None:
    """An operator moved the home while a service ran, which may not have named it at its start."""
    applied(east)
    east = replace(east, datacenter=named)
    with scylla_session(east) as opened:
        batches, agreed = ScyllaBatches(opened, east), watch.check_start(opened, east)
        await batches.path.open()
        going_on = watch.go_on(opened, east, agreed, batches.bar, batches.note_unfit, every_s=0.1)
        watching = asyncio.create_task(going_on)
        assert batches.problem == ""
        assert await sold_to(batches, 1, "a")
        spread(by_hand, east)
        moved = f"UPDATE {east.keyspace}.agreements SET value = 'home west' WHERE name = 'serial'"  # noqa: S608 - our own text
        by_hand.execute(moved)
        async with asyncio.timeout(SEEN_S_MAX):
            while "nothing is sold here until" not in caplog.text:  # noqa: ASYNC110 - a log tells no event loop
                await asyncio.sleep(0.1)
        write = Write(RowKey(Kind.CELL, "seat-2"), ABSENT, {"status": "sold"})
        assert isinstance(await batches.apply(PARTITION, [write]), NotDone)
        assert "decided by scope `home west`" in batches.problem
        with pytest.raises(StoreUnavailable, match="decided by scope `home west`, not `home east`"):
            await batches.get(PARTITION, [write.key])
        await watching
        batches.path.close()
