"""The way of requests to servers: prepared where they go, to the right shard, past a server that is slow."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from cassandra import InvalidRequest
from cassandra.auth import AuthProvider, PlainTextAuthProvider
from cassandra.cluster import Cluster
from cassandra.connection import DefaultEndPoint
from cassandra.metadata import Metadata, Murmur3Token
from cassandra.policies import SimpleConvictionPolicy
from cassandra.pool import Host
from cassandra.tablets import Tablet

from tests.store.cql_server import Node
from travio_inventory.protocol.batches import ANY_TIME, TOO_OLD, Partition, Table
from travio_inventory.store.scylla import codec
from travio_inventory.store.scylla import node as node_module
from travio_inventory.store.scylla.affinity import SameOrderPolicy
from travio_inventory.store.scylla.data_path import DataPath, Request
from travio_inventory.store.scylla.driver_internals import add_tablet
from travio_inventory.store.scylla.failures import Failure
from travio_inventory.store.scylla.levels import levels_of
from travio_inventory.store.scylla.node import SILENT_S
from travio_inventory.store.scylla.statements import Place, Statement, place_of
from verification.servers.certificates import make_certificates

LEVELS = levels_of(is_global=False)
SHARDS = 4
KEYSPACE = "k"
SOON_S = 0.03


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost connections are made anew at once."""
    monkeypatch.setattr(node_module, "RECONNECT_S", SOON_S)


class Way:
    """A data path to some servers."""

    def __init__(
        self,
        nodes: Sequence[Node],
        path: DataPath,
        affinity: SameOrderPolicy,
        hosts: Sequence[Host],
        metadata: Metadata,
    ) -> None:
        self.nodes = nodes
        self.path = path
        self.affinity = affinity
        self.metadata = metadata
        self.hosts = hosts
        self.ended = 0

    def send(
        self, text: str = "SELECT", place: Place | None = None, *, send_by: float = ANY_TIME
    ) -> asyncio.Future[codec.Reply]:
        """Send one statement."""
        request = Request([Statement(text, b"\0\1\0\0\0\0011")], LEVELS, place, send_by=send_by)
        return self.path.send(request, self.path.way(place), self._end)

    async def place_of(self, node: Node) -> Place:
        """A partition whose requests go to that server."""
        for each in map(place, range(100)):
            before = node.asked
            await self.send(place=each)
            if node.asked > before:
                return each
        raise LookupError("no partition is its own")

    def _end(self) -> None:
        self.ended += 1

    async def add(self, host: Host) -> None:
        """The driver tells of a new server, in a thread of its own."""
        await asyncio.to_thread(self.affinity.on_add, host)
        await asyncio.to_thread(self.path.on_add, host)

    async def remove(self, host: Host) -> None:
        """The driver tells that a server has left the cluster."""
        await asyncio.to_thread(self.affinity.on_remove, host)
        await asyncio.to_thread(self.path.on_remove, host)

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until it is."""
        async with asyncio.timeout(60):
            while not is_so():  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.005)


@asynccontextmanager
async def way(
    *nodes: Node, request_s: float = 2.0, tls: ssl.SSLContext | None = None, auth: AuthProvider | None = None
) -> AsyncIterator[Way]:
    """A data path to these servers, which the driver has been told of and does not connect to."""
    async with AsyncExitStack() as stack:
        for node in nodes:
            await stack.enter_async_context(node.listening())
        hosts = [_host(number, node) for number, node in enumerate(nodes, 1)]
        cluster = Cluster(["127.0.0.1"], port=nodes[0].port, ssl_context=tls, auth_provider=auth)
        affinity = SameOrderPolicy("here")
        affinity.populate(cluster, hosts)
        path = DataPath(cluster, KEYSPACE, affinity=affinity, request_s=request_s)
        try:
            await path.open()
            yield Way(nodes, path, affinity, hosts, cluster.metadata)
        finally:
            path.close()
            await asyncio.sleep(0)


def _host(number: int, node: Node) -> Host:
    host = Host(DefaultEndPoint("127.0.0.1", node.port), SimpleConvictionPolicy, host_id=UUID(int=number))
    host.set_location_info("here", "rack")
    host.set_up()
    return host


def place(number: int) -> Place:
    """A partition."""
    return place_of(Partition(Table.SEAT_GROUPS, "org", f"trip-{number}", 0))


# ---- prepared statements


async def test_a_statement_is_prepared_once_on_each_connection_however_many_wait_for_it() -> None:
    async with way(Node()) as to:
        (node,) = to.nodes
        assert await asyncio.gather(*(to.send() for _ in range(20))) == [None] * 20
        assert await to.send() is None
        assert node.prepared == ["SELECT"]
        assert (node.asked, to.ended) == (21, 21)


async def test_a_server_that_forgot_a_statement_prepares_it_anew_and_is_asked_once_more() -> None:
    async with way(Node()) as to:
        (node,) = to.nodes
        await to.send()
        node.forget()
        assert await to.send() is None
        assert node.prepared == ["SELECT", "SELECT"]
        assert (node.asked, to.ended) == (3, 2)


async def test_a_server_that_was_restarted_is_asked_at_once_whatever_the_driver_knows() -> None:
    async with way(Node()) as to:
        (node,) = to.nodes
        await to.send()
        node.hang_up()
        node.forget()
        await to.until(lambda: to.path.way(None) is None)
        lost = await to.send("SELECT other")
        assert isinstance(lost, Failure)
        assert not lost.was_sent
        await to.until(lambda: to.path.way(None) is not None)
        assert await to.send("SELECT other") is None


async def test_what_a_server_says_of_a_wrong_statement_is_told_and_nothing_was_sent() -> None:
    async with way(Node()) as to:
        to.nodes[0].wrong = "no such table"
        reply = await to.send()
        assert isinstance(reply, Failure)
        assert isinstance(reply.error, InvalidRequest)
        assert not reply.was_sent
        assert (to.nodes[0].asked, to.ended) == (0, 1)


async def test_a_step_that_grew_too_old_while_its_statement_was_prepared_is_not_sent() -> None:
    async with way(Node()) as to:
        reply = await to.send(send_by=asyncio.get_running_loop().time())
        assert isinstance(reply, Failure)
        assert TOO_OLD in str(reply.error)
        assert not reply.was_sent
        assert (to.nodes[0].asked, to.ended) == (0, 1)


# ---- shards


async def test_a_server_with_shards_has_a_connection_to_each_and_a_partition_goes_to_its_own() -> None:
    async with way(Node(shards=SHARDS)) as to:
        (node,) = to.nodes
        assert sorted(shard_of(each.supported) for each in node.connections) == list(range(SHARDS))
        for number in range(40):
            await to.send(place=place(number))
        rule = codec.features_of(node.connections[0].supported).sharding_info.shard_id_from_token
        expected = [rule(Murmur3Token.hash_fn(place(number).routing_key)) for number in range(40)]
        asked = {shard_of(each.supported): len(each.asked) for each in node.connections}
        assert asked == {shard: expected.count(shard) for shard in range(SHARDS)}
        assert min(asked.values()) > 0


async def test_a_tablet_that_is_known_chooses_the_shard() -> None:
    async with way(Node(shards=SHARDS)) as to:
        (node,) = to.nodes
        tablet = Tablet(-(2**63), 2**63 - 1, [(to.hosts[0].host_id, 3)])
        add_tablet(to.metadata, KEYSPACE, Table.SEAT_GROUPS, tablet)
        for number in range(8):
            await to.send(place=place(number))
        assert {shard_of(each.supported) for each in node.connections if each.asked} == {3}


async def test_a_shard_whose_connection_was_lost_is_asked_through_another_and_connected_again() -> None:
    async with way(Node(shards=SHARDS)) as to:
        (node,) = to.nodes
        lost = next(each for each in node.connections if shard_of(each.supported) == 2)
        assert lost.writer is not None
        lost.writer.transport.abort()
        node.connections.remove(lost)
        await asyncio.sleep(2 * SOON_S)
        for number in range(20):
            assert await to.send(place=place(number)) is None
        await to.until(lambda: len(node.connections) == SHARDS)
        assert sorted(shard_of(each.supported) for each in node.connections) == list(range(SHARDS))


async def test_a_shard_that_stands_still_is_not_asked_in_place_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "RECONNECT_S", 60.0)
    async with way(Node(shards=SHARDS), request_s=90) as to:
        (node,) = to.nodes
        rule = codec.features_of(node.connections[0].supported).sharding_info.shard_id_from_token
        places: dict[int, list[Place]] = {shard: [] for shard in range(SHARDS)}
        for each in map(place, range(40)):
            await to.send(place=each)
            places[rule(Murmur3Token.hash_fn(each.routing_key))].append(each)
        lost, still, *_ = node.connections
        assert lost.writer is not None
        lost.writer.transport.abort()
        still.is_slow = True
        waiting = to.send(place=places[shard_of(still.supported)][0])
        await asyncio.sleep(2 * SILENT_S)
        async with asyncio.timeout(60):
            await asyncio.gather(*(to.send(place=each) for each in places[shard_of(lost.supported)]))
        assert not waiting.done()


async def test_where_ports_are_changed_on_the_way_one_connection_has_to_do() -> None:
    """Every connection ends at shard 0, whatever was asked for."""
    async with way(Node(shards=SHARDS, is_translated=True)) as to:
        for number in range(20):
            assert await to.send(place=place(number)) is None
        tried = len(to.nodes[0].connections)
        (asked,) = (each for each in to.nodes[0].connections if each.asked)
        assert shard_of(asked.supported) == 0
        await asyncio.sleep(2 * SOON_S)
        for number in range(20):
            await to.send(place=place(number))
        assert len(to.nodes[0].connections) == tried


def shard_of(supported: dict[str, list[str]]) -> int:
    """The shard that a connection goes to."""
    return int(supported["SCYLLA_SHARD"][0])


# ---- TLS and a password


async def test_every_connection_has_tls_and_tells_the_password(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    shown = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    shown.load_cert_chain(made.certificate, made.key)
    trusting = ssl.create_default_context(cafile=made.authority)
    right, wrong = (PlainTextAuthProvider("seats", password) for password in ("secret", "guess"))
    node = Node(shards=SHARDS, tls=shown, password=b"secret")
    async with way(node, tls=trusting, auth=right) as to:
        assert sorted(shard_of(each.supported) for each in node.connections) == list(range(SHARDS))
        assert await asyncio.gather(*(to.send(place=place(number)) for number in range(20))) == [None] * 20
    for tls, auth in ((trusting, wrong), (trusting, None), (ssl.create_default_context(), right)):
        async with way(node, tls=tls, auth=auth) as to:
            reply = await to.send()
            assert isinstance(reply, Failure)
            assert not reply.was_sent


# ---- servers that come and go


async def test_a_server_that_is_added_and_removed_while_it_sells_costs_no_answer() -> None:
    first, added = Node(), Node()
    async with added.listening(), way(first) as to:
        host, replies, is_over = _host(2, added), list[codec.Reply](), asyncio.Event()

        async def sell(number: int) -> None:
            while not is_over.is_set():
                replies.append(await to.send(place=place(number)))

        selling = [asyncio.create_task(sell(number)) for number in range(20)]
        await to.until(lambda: first.asked > 100)
        await to.add(host)
        await to.until(lambda: added.asked > 100)
        await to.remove(host)
        answered = len(replies)
        await to.until(lambda: len(replies) > answered + 2 * len(selling))  # what was on its way has arrived
        left = added.asked
        answered = len(replies)
        await to.until(lambda: len(replies) > answered + 2 * len(selling))
        is_over.set()
        await asyncio.gather(*selling)
        assert added.asked == left
        failed = [reply for reply in replies if reply is not None]
        assert len(failed) <= 20
        assert all(isinstance(reply, Failure) and reply.was_sent for reply in failed)


# ---- a slow server


async def test_a_slow_server_gets_few_requests_that_another_could_take() -> None:
    """Index entries may go to any server."""
    slow, other = Node(), Node()
    async with way(slow, other, request_s=90) as to:
        await asyncio.gather(*(to.send() for _ in range(4)))
        slow.is_slow = True
        before = slow.asked
        replies = []
        for _ in range(20):
            replies.append(to.send())
            await to.until(lambda: len(replies) == sum(each.done() for each in replies) + slow.asked - before)
        assert slow.asked - before == 1


async def test_a_server_that_stands_still_gets_no_requests_though_it_has_fewer_to_answer() -> None:
    still, other = Node(), Node()
    async with way(still, other, request_s=0.5) as to:
        theirs = {node: await to.place_of(node) for node in (still, other)}
        still.is_slow = other.is_slow = True
        replies = [to.send(place=theirs[still])]
        await asyncio.sleep(2 * SILENT_S)
        before = still.asked
        replies += [*(to.send(place=theirs[other]) for _ in range(5)), to.send()]
        await asyncio.gather(*replies)
        assert still.asked == before


async def test_requests_that_belong_to_a_slow_server_do_not_stop_the_others() -> None:
    slow, other = Node(), Node()
    async with way(slow, other, request_s=3) as to:
        slow.is_slow = True
        replies = await asyncio.gather(*(to.send(place=place(number)) for number in range(40)))
        unknown = [reply for reply in replies if reply is not None]
        assert all(isinstance(reply, Failure) and reply.was_sent for reply in unknown)
        assert len(unknown) == slow.asked > 5
        assert other.asked == 40 - len(unknown) > 5
