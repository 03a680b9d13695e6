"""The way of requests to the servers: on connections of our own, on the event loop, one to each server or shard.

The driver keeps what it is good at: it finds the servers, notices who is down, and knows which replicas a partition
has. What is sent all the time goes past it: its answers come in another thread, which costs more than the requests.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple
from uuid import UUID

from cassandra.cluster import Cluster, NoHostAvailable
from cassandra.metadata import Murmur3Token
from cassandra.policies import HostStateListener
from cassandra.pool import Host

from travio_inventory.protocol.batches import ANY_TIME, TOO_OLD, StoreUnavailable
from travio_inventory.store.scylla import codec
from travio_inventory.store.scylla.affinity import SameOrderPolicy
from travio_inventory.store.scylla.codec import Message, Query, Reply
from travio_inventory.store.scylla.connecting import CONNECT_S_MAX
from travio_inventory.store.scylla.cql_connection import ConnectFailed, CqlConnection, Endpoint
from travio_inventory.store.scylla.failures import Failure
from travio_inventory.store.scylla.levels import Levels
from travio_inventory.store.scylla.node import Node, readiness
from travio_inventory.store.scylla.statements import Place, Statement

ROUTES_MAX = 20_000
"""Partitions whose servers' order is remembered."""


class Request(NamedTuple):
    """Statements to be sent together, not after `send_by`. One with a place goes to the servers of that partition
    first.
    """

    statements: Sequence[Statement]
    levels: Levels
    place: Place | None = None
    is_batch: bool = False
    is_conditional: bool = False
    send_by: float = ANY_TIME

    @property
    def texts(self) -> list[str]:
        """What must be prepared."""
        return [statement.text for statement in self.statements]

    def message(self, ids: Sequence[bytes]) -> Message:
        """As it is sent, with the ids of the texts."""
        if self.is_batch:
            queries = [Query(id_, each.values) for id_, each in zip(ids, self.statements, strict=True)]
            return codec.batch(queries, self.levels, is_logged=self.is_conditional)
        return codec.execute(Query(ids[0], self.statements[0].values), self.levels)


class _Routed(NamedTuple):
    """What the driver's policy asks of a statement."""

    keyspace: str
    table: str
    routing_key: bytes


class _Route(NamedTuple):
    """The servers of a partition in the order in which they are asked, its token, and its shards as far as told."""

    hosts: Sequence[Host]
    token: int
    shards: Mapping[UUID, int]


@dataclass(slots=True, eq=False)
class _Sending:
    """A request on its way, and who waits for its reply. `ended` is called when it is over."""

    request: Request
    reply: asyncio.Future[Reply]
    ended: Callable[[], None]
    is_again: bool = False

    def end(self, reply: Reply) -> None:
        """The reply is there."""
        self.ended()
        if not self.reply.done():
            self.reply.set_result(reply)

    def wrong(self, error: Exception) -> None:
        """It cannot be sent, whatever the server."""
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

    def node_of(self, place: Place | None) -> Node | None:
        """The server that a request to the place would go to now."""
        node, _ = self._first(place)
        return node

    def send(self, request: Request, ended: Callable[[], None]) -> asyncio.Future[Reply]:
        """The reply to come. `ended` is called when the request is over, whether anybody still waits for it or not."""
        sending = _Sending(request, self._loop.create_future(), ended)
        _, connection = self._first(request.place)
        if connection is None:
            sending.end(Failure(NoHostAvailable("no server has a connection", {}), was_sent=False))
            return sending.reply
        ids = connection.prepared.known(request.texts)
        if ids is None:
            self._prepare_and_send(connection, sending)
        else:
            self._send(connection, sending, ids)
        return sending.reply

    def _send(self, connection: CqlConnection, sending: _Sending, ids: Sequence[bytes]) -> None:
        request = sending.request

        def got(message: Message) -> None:
            if codec.is_unprepared(message) and not sending.is_again:
                sending.is_again = True
                connection.prepared.forget(request.texts)
                self._prepare_and_send(connection, sending)
                return
            if request.place is not None and connection.features.tablets_routing_v1:
                self._learn(message, request.place)
            sending.end(codec.reply_of(message))

        self.on_request(connection.endpoint)
        try:
            connection.send(request.message(ids), within_s=self._request_s, got=got, lost=sending.end)
        except Exception as error:  # noqa: BLE001 - the driver raises of all sorts for values that have no form
            sending.wrong(error)

    def _prepare_and_send(self, connection: CqlConnection, sending: _Sending) -> None:
        """The server does not know a statement, and so has done nothing: it is told first."""
        task = asyncio.ensure_future(self._prepared_first(connection, sending))
        self._preparing.add(task)
        task.add_done_callback(self._preparing.discard)

    async def _prepared_first(self, connection: CqlConnection, sending: _Sending) -> None:
        request = sending.request
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
        self._send(connection, sending, ids)

    def _learn(self, message: Message, place: Place) -> None:
        """The answer may tell who has the partition."""
        if codec.learn_tablet(self._cluster.metadata, message, self._keyspace, place.table):
            self._routes.pop(place, None)

    def _first(self, place: Place | None) -> tuple[Node | None, CqlConnection | None]:
        """Where a request goes: to the first server of the partition that is there, or to any."""
        if place is None:
            return self._readiest()
        route = self._route(place)
        for host in route.hosts:
            node = self._node(host)
            connection = node.connection(route.token, route.shards.get(host.host_id))
            if connection is not None:
                return node, connection
        return None, None

    def _readiest(self) -> tuple[Node | None, CqlConnection | None]:
        """The readiest server that has a connection."""
        nodes = [self._node(host) for host in self._affinity.make_query_plan()]
        there = [(node, connection) for node in nodes if (connection := node.connection()) is not None]
        return min(there, key=lambda found: readiness(found[0]), default=(None, None))

    def _route(self, place: Place) -> _Route:
        route = self._routes.get(place)
        if route is None:
            if len(self._routes) >= ROUTES_MAX:
                self._routes.clear()
            routed = _Routed(self._keyspace, place.table, place.routing_key)
            hosts = list(self._affinity.make_query_plan(None, routed))
            route = _Route(hosts, Murmur3Token.hash_fn(place.routing_key), self._affinity.shards(routed))
            self._routes[place] = route
        return route

    def _node(self, host: Host) -> Node:
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
