"""Redis killed, stopped, moved and failed over under the edge: no attempt is refused wrongly or waits long."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.crc import key_slot

from tests.edge.edges import EdgeUnderTest, GroupGate, redis_edge
from travio_inventory.bench.free_ports import free_port
from travio_inventory.edge.keys import gate_prefix
from travio_inventory.edge.redis_options import Cluster, Sentinels, Standalone
from travio_inventory.seats.ports import GateAnswer, Locked, Passed
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.use_cases.own_maps import OwnMaps
from verification.kit.edges import redis_options
from verification.servers.fixtures import need
from verification.servers.redis import (
    HOST,
    MASTER_NAME,
    Account,
    Protection,
    RedisSentinels,
    RedisServer,
    form,
    redis_cluster,
    redis_server,
)

REPLY_MS_MAX = 2_000
CONNECT_MS_MAX = 4_000
CALL_S_MAX = 20
"""Without our limits, redis-py waits longer for a dead server, and longer still for a stopped one."""
BACK_S_MAX = 60
FAILOVER_S_MAX = 40
TASKS = 16

pytestmark = pytest.mark.redis


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server for one test, which may do anything to it."""
    need("redis")
    with redis_server(tmp_path) as started:
        yield started


@pytest.fixture
async def edge(server: RedisServer) -> AsyncIterator[EdgeUnderTest]:
    """The edge on it, with short timeouts."""
    options = redis_options(Standalone((HOST, server.port)), reply_ms_max=REPLY_MS_MAX, connect_ms_max=CONNECT_MS_MAX)
    async with redis_edge(options) as opened:
        yield opened


async def guards(edge: EdgeUnderTest) -> bool:
    """Whether locks work, tried on a new seat group."""
    return await holds(edge.group_gate())


async def holds(gate: GroupGate) -> bool:
    """Whether locks on this seat group work; none is left behind."""
    await gate.enter("ann", "A1:0")
    kept = await gate.enter("bob", "A1:0") == Locked(("A1",))
    await gate.leave("ann", "A1:0")
    await gate.leave("bob", "A1:0")
    return kept


async def passes_at_once(gate: GroupGate) -> bool:
    """Whether an attempt passes without any wait; if not, it has passed when this returns."""
    entering = asyncio.ensure_future(gate.enter("ann", "A1:0"))
    await asyncio.sleep(0)
    at_once = entering.done()
    assert await entering == Passed()
    return at_once


async def until_holds(gate: GroupGate, *, limit_s: float) -> None:
    began = time.monotonic()
    while not await holds(gate):
        assert time.monotonic() - began < limit_s, "the gate stays open"
        await asyncio.sleep(0.02)


class Traffic:
    """Tasks that enter, settle and read maps all the time; they do not conflict, so all must pass."""

    def __init__(self, edge: EdgeUnderTest) -> None:
        self._edge = edge
        self._on = True
        self.slowest_s = 0.0
        self.answers: set[GateAnswer] = set()

    async def __aenter__(self) -> "Traffic":
        self._tasks = [asyncio.create_task(self._work(number)) for number in range(TASKS)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._on = False
        await asyncio.gather(*self._tasks)

    async def _work(self, number: int) -> None:
        while self._on:
            gate, trip = self._edge.group_gate(), self._edge.trip()
            began = time.monotonic()
            self.answers.add(await gate.enter(f"claimant-{number}", "A1:0 A2:0"))
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            await gate.mark("ann", "A3:0")
            leases = await self._edge.seat_maps.lease(trip, [0])
            await self._edge.seat_maps.fill(trip, {0: (leases[0], b"map")})
            await self._edge.seat_maps.read(trip)
            await self._edge.seat_maps.invalidate(trip, [0])
            await gate.leave(f"claimant-{number}", "A1:0 A2:0")
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("fault", ["kill", "pause"])
async def test_redis_gone_in_the_middle_of_traffic(edge: EdgeUnderTest, server: RedisServer, fault: str) -> None:
    """All attempts pass, at once or after waiting for one answer; when Redis is back, the gate guards again."""
    assert await guards(edge)
    async with Traffic(edge) as traffic:
        await asyncio.sleep(0.3)
        getattr(server, fault)()
        async with asyncio.timeout(BACK_S_MAX):
            while not await passes_at_once(edge.group_gate()):
                pass
        for _ in range(100):
            assert await passes_at_once(edge.group_gate()), "everyone waits for an answer"
            await asyncio.sleep(0.001)
        (server.restart if fault == "kill" else server.resume)()
        await until_holds(edge.group_gate(), limit_s=BACK_S_MAX)
        await asyncio.sleep(0.2)
    assert traffic.answers == {Passed()}
    assert traffic.slowest_s < CALL_S_MAX
    assert await guards(edge)


async def test_the_log_says_once_that_redis_is_gone_and_once_that_it_is_back(
    edge: EdgeUnderTest, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """However many callers and tries there are meanwhile."""
    caplog.set_level("INFO")
    server.kill()
    async with Traffic(edge):
        async with asyncio.timeout(BACK_S_MAX):
            while not any(" is down: " in said for said in caplog.messages):  # noqa: ASYNC110 - a log sets no event
                await asyncio.sleep(0.02)
        server.start()
        await until_holds(edge.group_gate(), limit_s=BACK_S_MAX)
    went, back = (said for said in caplog.messages if said.startswith("redis "))
    assert " is down: " in went
    assert re.search(r" is back after [\d.]+ s: \d+ requests went without$", back)


@pytest.mark.parametrize("account", [None, Account(name="edge", password="secret")], ids=["open", "login"])  # noqa: S106
async def test_the_log_says_how_long_was_waited_for_a_redis_that_stands_still(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, account: Account | None
) -> None:
    """It accepts connections and answers nothing on them: with a password the login is what is waited for."""
    need("redis")
    login = {"user": account.name, "password": account.password} if account else {}
    with redis_server(tmp_path, Protection(account=account)) as server:
        options = redis_options(Standalone((HOST, server.port)), reply_ms_max=300, **login)
        async with redis_edge(options) as edge:
            server.pause()
            async with asyncio.timeout(BACK_S_MAX):
                while not any(" is down: " in said for said in caplog.messages):
                    await edge.group_gate().enter("ann", "A1:0")
    (went,) = (said for said in caplog.messages if " is down: " in said)
    assert went.endswith(" is down: TimeoutError: no answer within 0.3 s")


async def test_a_lock_whose_answer_was_lost_does_not_lock_its_claimant_out(
    edge: EdgeUnderTest, server: RedisServer
) -> None:
    """Redis is stopped, Ann passes without an answer, and then Redis does what it was asked after all."""
    gate = edge.group_gate()
    assert await guards(edge)  # so Redis knows the script
    server.pause()
    assert await gate.enter("ann", "A1:0", attempt="first") == Passed()
    server.resume()
    await until_holds(edge.group_gate(), limit_s=BACK_S_MAX)
    assert await gate.enter("bob", "A1:0") == Locked(("A1",)), "the lock was not executed late, so this shows nothing"
    assert await gate.enter("ann", "A1:0", attempt="second") == Passed()


async def test_a_stopped_redis_that_goes_on_brings_no_old_map_back(edge: EdgeUnderTest, server: RedisServer) -> None:
    """The fill is executed late, when its lease is too old."""
    trip = edge.trip()
    leases = await edge.seat_maps.lease(trip, [0])
    server.pause()
    await edge.seat_maps.fill(trip, {0: (leases[0], b"old")})
    assert await edge.seat_maps.read(trip) == {}
    await asyncio.sleep(edge.stale_ms_max / 1_000)
    server.resume()
    await until_holds(edge.group_gate(), limit_s=BACK_S_MAX)
    assert await edge.seat_maps.read(trip) == {}


async def test_no_copy_is_read_while_redis_says_nothing(server: RedisServer) -> None:
    """A process that gets no messages about writes must not go on reading a map while it is fresh."""
    options = redis_options(Standalone((HOST, server.port)), reply_ms_max=REPLY_MS_MAX, connect_ms_max=CONNECT_MS_MAX)
    async with redis_edge(options, stale_ms_max=4_000 * BACK_S_MAX) as edge:
        trip = edge.trip()
        leases = await edge.seat_maps.lease(trip, [0])
        await edge.seat_maps.fill(trip, {0: (leases[0], b"map")})
        assert await edge.seat_maps.read(trip)
        server.pause()
        async with asyncio.timeout(BACK_S_MAX):
            while await edge.seat_maps.read(trip):  # noqa: ASYNC110 - silence sets no event
                await asyncio.sleep(0.02)


async def test_with_redis_away_no_two_reads_share_a_lease_across_a_write(
    edge: EdgeUnderTest, server: RedisServer
) -> None:
    """A caller who reads after their own write must not join a read of the store that began before it."""
    server.kill()
    trip = edge.trip()
    before = await edge.seat_maps.lease(trip, [0])
    assert await edge.seat_maps.lease(trip, [0]) == before
    await edge.seat_maps.invalidate(trip, [0])
    assert (await edge.seat_maps.lease(trip, [0]))[0] != before[0]


async def test_the_edge_opens_without_redis_and_finds_it_later(server: RedisServer) -> None:
    server.kill()
    async with redis_edge(redis_options(Standalone((HOST, server.port)))) as edge:
        assert not await guards(edge)
        server.start()
        await until_holds(edge.group_gate(), limit_s=BACK_S_MAX)


async def test_a_server_that_became_a_replica_is_left_for_the_server_at_its_address(server: RedisServer) -> None:
    """If a name leads to the current master, only a new connection finds the next one."""

    def connections(kind: str) -> set[str]:
        """The ids of the connections, without that of the caller."""
        return {one["id"] for one in server.ask("CLIENT LIST", "TYPE", kind) if one["cmd"] != "client|list"}

    async with redis_edge(redis_options(Standalone((HOST, server.port)), probe_interval_ms=1_000)) as edge:
        assert await guards(edge)
        kinds = ("normal", "pubsub")
        before = [connections(kind) for kind in kinds]
        assert all(before)
        server.ask("REPLICAOF", HOST, free_port(HOST))
        assert not await guards(edge)
        began = time.monotonic()
        while any(old & connections(kind) for old, kind in zip(before, kinds, strict=True)):
            assert time.monotonic() - began < BACK_S_MAX, "still on an old connection"
            await guards(edge)
            await asyncio.sleep(0.05)
        server.ask("REPLICAOF", "NO", "ONE")
        await until_holds(edge.group_gate(), limit_s=BACK_S_MAX)


async def test_a_server_that_refuses_everything_lets_everyone_pass(edge: EdgeUnderTest, server: RedisServer) -> None:
    """For example, because it is out of memory."""
    server.ask("CONFIG SET", "maxmemory", "1")
    assert not await guards(edge)
    trip = edge.trip()
    assert (await edge.seat_maps.lease(trip, [0, 1])).keys() == {0, 1}
    server.ask("CONFIG SET", "maxmemory", "0")
    assert await guards(edge)


# ---- without Redis, not too many at once


async def test_without_redis_only_a_limited_number_of_attempts_is_inside_at_once() -> None:
    """The next one is told to try again; a place is free when an attempt leaves or its time is over."""
    async with redis_edge(redis_options(Standalone((HOST, free_port(HOST)))), unguarded_max=2) as edge:
        gate, other = edge.group_gate(), edge.group_gate()
        assert await gate.enter("ann", "A1:0") == Passed()
        assert await other.enter("ann", "A1:0") == Passed(), "one attempt, two seat groups"
        assert await gate.enter("bob", "A2:0", ttl_ms=3_000) == Passed()
        assert await gate.enter("eve", "A3:1 A3:2 A4:1") == Locked(("A3", "A4"))
        await gate.leave("ann", "A1:0")
        await other.leave("ann", "A1:0")
        assert await gate.enter("eve", "A3:0", ttl_ms=3_000) == Passed()
        assert await gate.enter("ann", "A1:0") == Locked(("A1",))
        await asyncio.sleep(3.1)
        assert await gate.enter("ann", "A1:0") == Passed()


# ---- a cluster


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[RedisServer, ...]]:
    """A cluster for one test."""
    need("redis")
    with redis_cluster(tmp_path) as started:
        yield started


def gate_at(edge: EdgeUnderTest, nodes: tuple[RedisServer, ...], number: int) -> GroupGate:
    """A gate whose seat group is on that node; the nodes have equal shares of the slots, in their order."""
    while True:
        gate = edge.group_gate()
        if key_slot(gate_prefix(gate.group)) * len(nodes) // 16_384 == number:
            return gate


@pytest.mark.cluster
async def test_a_dead_node_of_a_cluster_opens_its_own_gates_only(nodes: tuple[RedisServer, ...]) -> None:
    options = redis_options(Cluster(((HOST, nodes[0].port),)), reply_ms_max=REPLY_MS_MAX, connect_ms_max=CONNECT_MS_MAX)
    for node in nodes:
        node.ask("CONFIG SET", "cluster-require-full-coverage", "no")
    async with redis_edge(options) as edge:
        gates = [gate_at(edge, nodes, number) for number in range(3)]
        nodes[0].pause()
        began = time.monotonic()
        assert not await holds(gates[0])
        assert time.monotonic() - began < CALL_S_MAX
        for _ in range(20):
            assert await holds(gates[1])
            assert await holds(gates[2])
        nodes[0].resume()
        await until_holds(gates[0], limit_s=BACK_S_MAX)


@pytest.mark.cluster
async def test_a_cluster_that_is_formed_after_the_start_is_used_from_then_on(tmp_path: Path) -> None:
    """Until then its nodes answer that nobody owns a slot."""
    need("redis")
    with redis_cluster(tmp_path, formed=False) as nodes:
        async with redis_edge(redis_options(Cluster(tuple((HOST, node.port) for node in nodes)))) as edge:
            assert not await guards(edge)
            await asyncio.sleep(0.5)
            form(nodes)
            for number in range(3):
                await until_holds(gate_at(edge, nodes, number), limit_s=BACK_S_MAX)


@pytest.mark.cluster
async def test_a_node_that_knows_no_owners_is_skipped_for_one_that_does(
    nodes: tuple[RedisServer, ...], tmp_path: Path
) -> None:
    """One of the addresses leads to a node that is not part of the cluster."""
    with redis_cluster(tmp_path / "other", nodes=1, formed=False) as (stranger,):
        options = redis_options(Cluster(((HOST, stranger.port), (HOST, nodes[0].port))))
        async with redis_edge(options) as edge:
            assert await guards(edge)


@pytest.mark.cluster
async def test_a_slot_that_moved_is_followed(nodes: tuple[RedisServer, ...]) -> None:
    async with redis_edge(redis_options(Cluster(((HOST, nodes[0].port),)))) as edge:
        gate = gate_at(edge, nodes, 0)
        assert await holds(gate)
        slot, new_owner = key_slot(gate_prefix(gate.group)), nodes[2].ask("CLUSTER MYID")
        nodes[0].ask("FLUSHALL")
        for node in reversed(nodes):
            node.ask("CLUSTER SETSLOT", slot, "NODE", new_owner)
        for _ in range(20):
            assert await holds(gate)


# ---- sentinels


async def test_the_edge_follows_a_failover(redis_with_sentinel: RedisSentinels) -> None:
    """Without a master all attempts pass; with a new one the gate guards again."""
    servers = redis_with_sentinel
    address = Sentinels(tuple((HOST, sentinel.port) for sentinel in servers.sentinels), MASTER_NAME)
    async with redis_edge(redis_options(address, reply_ms_max=REPLY_MS_MAX, connect_ms_max=CONNECT_MS_MAX)) as edge:
        assert await guards(edge)
        servers.master.kill()
        assert not await guards(edge)
        await until_holds(edge.group_gate(), limit_s=FAILOVER_S_MAX)
        assert servers.master_port() == servers.replica.port


async def test_an_own_write_is_not_hidden_by_a_server_that_hesitates(server: RedisServer, edge: EdgeUnderTest) -> None:
    """What it kept before the write is not read, although it answers again and still has it."""
    trip, maps = TripKey("o", "hesitant"), OwnMaps(edge.seat_maps, stale_ms_max=2_000)
    leases = await maps.lease(trip, [0, 1])
    await maps.fill(trip, {group: (lease, b"old") for group, lease in leases.items()})
    assert (await maps.read(trip)).keys() == {0, 1}
    server.pause()
    assert await maps.invalidate(trip, [0]) is False
    server.resume()
    for _ in range(20):
        assert 0 not in await maps.read(trip)
