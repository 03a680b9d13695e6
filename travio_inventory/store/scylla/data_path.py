"""The way of requests to the servers: on connections of our own, on the event loop, one to each server or shard.

The driver keeps what it is good at: it finds the servers, notices who is down, and knows which replicas a partition
has. What is sent all the time goes past it: its answers come in another thread, which costs more than the requests.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from cassandra.cluster import Cluster, NoHostAvailable
from cassandra.metadata import Murmur3Token
from cassandra.policies import HostStateListener
from cassandra.pool import Host

from travio_inventory.protocol.batches import ANY_TIME, TOO_OLD, StoreUnavailable
from travio_inventory.store.scylla import codec
from travio_inventory.store.scylla.affinity import SameOrderPolicy
from travio_inventory.store.scylla.codec import Frame, Message, Reply
from travio_inventory.store.scylla.connecting import CONNECT_S_MAX
from travio_inventory.store.scylla.cql_connection import ConnectFailed, CqlConnection, Endpoint
from travio_inventory.store.scylla.failures import Failure
from travio_inventory.store.scylla.levels import Levels
from travio_inventory.store.scylla.node import Node, readiness
from travio_inventory.store.scylla.statements import Place, PlainWrite, Statement

ROUTES_MAX = 20_000
"""Partitions whose servers' order is remembered."""


class Request(NamedTuple):
    """Statements to be sent together, not after `send_by`. One with a place goes to the servers of that partition
    first.
    """

    statements: Sequence[Statement | PlainWrite]
    levels: Levels
    place: Place | None = None
    is_batch: bool = False
    is_conditional: bool = False
    send_by: float = ANY_TIME

    @property
    def texts(self) -> list[str]:
        """What must be prepared."""
        return [each.text for each in self.statements]

    def frame(self, ids: Sequence[bytes]) -> Frame:
        """As it is sent, with the ids of the texts."""
        values = [each.packed for each in self.statements]
        if self.is_batch:
            return codec.batch(ids, values, self.levels, is_logged=self.is_conditional)
        return codec.execute(ids[0], values[0], self.levels)


class _Routed(NamedTuple):
    """What the driver's policy asks of a statement."""

    keyspace: str
    table: str
    routing_key: bytes


class _Route(NamedTuple):
    """The token of a partition, and its servers in the order in which they are asked, each with its shard if that is
    told.
    """

    token: int
    nodes: Sequence[tuple[Node, int | None]]


class Way(NamedTuple):
    """Where a request goes now."""

    node: Node
    connection: CqlConnection


@dataclass(slots=True, eq=False)
class _Sending:
    """A request on its way, and who waits for its reply. `ended` is called when it is over."""

    path: "DataPath"
    request: Request
    connection: CqlConnection
    ended: Callable[[], None]
    reply: asyncio.Future[Reply]
    is_again: bool = False

    def got(self, message: Message) -> None:
        """The answer is there; if the server does not know a statement, it has done nothing, and is told."""
        if codec.is_unprepared(message) and not self.is_again:
            self.is_again = True
            self.connection.prepared.forget(self.request.texts)
            self.path.prepare_and_send(self)
            return
        if self.connection.features.tablets_routing_v1:
            self.path.learn(message, self.request.place)
        self.end(codec.reply_of(message))

    def lost(self, failure: Failure) -> None:
        """There will be no answer."""
        self.end(failure)

    def end(self, reply: Reply) -> None:
        """It is over."""
        self.ended()
        if not self.reply.done():
            self.reply.set_result(reply)

    def wrong(self, error: Exception) -> None:
        """It cannot be sent."""
        self.ended()
        if not self.reply.done():
            self.reply.set_exception(error)


class DataPath(HostStateListener):  # type: ignore[misc]  # the driver ships no types
    """Sends requests to the servers that the driver knows, in the order of `affinity`. Made on the event loop."""

    def __init__(self, cluster: Cluster, keyspace: str, *, affinity: SameOrderPolicy, request_s: float) -> None:
        self.on_request: Callable[[Endpoint], None] = lambda _: None
        """Is told where each request goes."""
        self._cluster = cluster
        self._keyspace = keyspace
        self._affinity = affinity
        self._request_s = request_s
        self._loop = asyncio.get_running_loop()
        self._nodes: dict[object, Node] = {}
        self._routes: dict[Place, _Route] = {}
        self._preparing: set[asyncio.Task[None]] = set()
        self._is_closed = False
        cluster.register_listener(self)

    async def open(self) -> None:
        """Connect to all servers that are up; those that do not answer are tried again later."""
        opening = [self._node(host).open_soon() for host in self._affinity.make_query_plan()]
        await asyncio.gather(*filter(None, opening), return_exceptions=True)

    def close(self) -> None:
        """Close all connections."""
        self._is_closed = True
        self._cluster.unregister_listener(self)
        for node in self._nodes.values():
            node.close()

    @property
    def nodes(self) -> Sequence[Node]:
        """The servers that were connected to."""
        return list(self._nodes.values())

    def way(self, place: Place | None) -> Way | None:
        """Where a request to the place goes now: to the first server of the partition that is there, or to any."""
        if place is None:
            return self._readiest()
        token, nodes = self._routes.get(place) or self._route(place)
        for node, shard in nodes:
            connection = node.connection(token, shard)
            if connection is not None:
                return Way(node, connection)
        return None

    def send(self, request: Request, way: Way | None, ended: Callable[[], None]) -> asyncio.Future[Reply]:
        """The reply to come. `ended` is called when the request is over, whether anybody still waits for it or not."""
        reply: asyncio.Future[Reply] = self._loop.create_future()
        if way is None:
            ended()
            reply.set_result(Failure(NoHostAvailable("no server has a connection", {}), was_sent=False))
            return reply
        sending = _Sending(self, request, way.connection, ended, reply)
        ids = way.connection.prepared.known(request.texts)
        if ids is None:
            self.prepare_and_send(sending)
        else:
            self._send(sending, ids)
        return reply

    def _send(self, sending: _Sending, ids: Sequence[bytes]) -> None:
        connection = sending.connection
        self.on_request(connection.endpoint)
        try:
            connection.send(sending.request.frame(ids), sending)
        except Exception as error:  # noqa: BLE001 - it has no form on the wire, whatever the server
            sending.wrong(error)

    def prepare_and_send(self, sending: _Sending) -> None:
        """The server does not know a statement: it is told first."""
        task = asyncio.ensure_future(self._prepared_first(sending))
        self._preparing.add(task)
        task.add_done_callback(self._preparing.discard)

    async def _prepared_first(self, sending: _Sending) -> None:
        request, connection = sending.request, sending.connection
        try:
            ids = await connection.prepared.get(request.texts)
            if not connection.can_send:
                raise ConnectFailed("the connection was closed")
        except BaseException as error:
            sending.end(Failure(error if isinstance(error, Exception) else ConnectFailed("stopped"), was_sent=False))
            if not isinstance(error, Exception):
                raise
            return
        if self._loop.time() > request.send_by:
            sending.end(Failure(StoreUnavailable(TOO_OLD), was_sent=False))
            return
        self._send(sending, ids)

    def learn(self, message: Message, place: Place | None) -> None:
        """The answer may tell who has the partition."""
        if place is not None and codec.learn_tablet(self._cluster.metadata, message, self._keyspace, place.table):
            self._routes.pop(place, None)

    def _readiest(self) -> Way | None:
        """The readiest server that has a connection."""
        nodes = [self._node(host) for host in self._affinity.make_query_plan()]
        ways = [Way(node, connection) for node in nodes if (connection := node.connection()) is not None]
        return min(ways, key=lambda way: readiness(way.node), default=None)

    def _route(self, place: Place) -> _Route:
        if len(self._routes) >= ROUTES_MAX:
            self._routes.clear()
        routed = _Routed(self._keyspace, place.table, place.routing_key)
        shards = self._affinity.shards(routed)
        hosts = self._affinity.make_query_plan(None, routed)
        nodes = [(self._node(host), shards.get(host.host_id)) for host in hosts]
        route = self._routes[place] = _Route(Murmur3Token.hash_fn(place.routing_key), nodes)
        return route

    def _node(self, host: Host) -> Node:
        """Those of a route are forgotten with it, when a server comes or goes."""
        node = self._nodes.get(host.host_id)
        if node is None:
            endpoint = Endpoint(host.endpoint.address, host.endpoint.port)
            is_tls = self._cluster.ssl_context is not None
            node = self._nodes[host.host_id] = Node(endpoint, self._connect, is_tls=is_tls)
        return node

    async def _connect(
        self, endpoint: Endpoint, from_port: int | None, closed: Callable[[CqlConnection], None]
    ) -> CqlConnection:
        """A new connection, as the driver's own are. Raises ConnectFailed."""
        return await CqlConnection.open(
            endpoint,
            tls=self._cluster.ssl_context,
            auth=self._cluster.auth_provider,
            within_s=CONNECT_S_MAX,
            request_s=self._request_s,
            closed=closed,
            from_port=from_port,
        )

    # ---- what the driver notices, in its own threads

    def on_up(self, host: Host) -> None:
        """A server is back."""
        self._soon(self._changed, host)

    def on_add(self, host: Host) -> None:
        """A server is new."""
        self._soon(self._changed, host)

    def on_down(self, host: Host) -> None:
        """A server went down: what is under way there will not be answered."""
        self._soon(self._gone, host)

    def on_remove(self, host: Host) -> None:
        """A server has left the cluster."""
        self._soon(self._gone, host)

    def _changed(self, host: Host) -> None:
        self._routes.clear()
        if not self._is_closed and host in set(self._affinity.make_query_plan()):
            self._node(host).open_soon()

    def _gone(self, host: Host) -> None:
        self._routes.clear()
        node = self._nodes.pop(host.host_id, None)
        if node is not None:
            node.close()

    def _soon(self, call: Callable[[Host], None], host: Host) -> None:
        with suppress(RuntimeError):  # the loop is closed, and so are we
            self._loop.call_soon_threadsafe(partial(call, host))
