"""The way of requests to the servers: on connections of our own, on the event loop, one to each server.

The driver keeps what it is good at: it finds the servers, notices who is down, and knows which replicas a partition
has. What is sent all the time goes past it: its answers come in another thread, which costs more than the requests.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from cassandra.cluster import NoHostAvailable, Session
from cassandra.policies import HostStateListener
from cassandra.pool import Host

from travio_inventory.store.scylla import codec
from travio_inventory.store.scylla.affinity import SameOrderPolicy
from travio_inventory.store.scylla.codec import Levels, Message, Query, Reply
from travio_inventory.store.scylla.connecting import CONNECT_S_MAX, RECONNECT_S
from travio_inventory.store.scylla.cql_connection import ConnectFailed, CqlConnection, Endpoint
from travio_inventory.store.scylla.failures import Failure
from travio_inventory.store.scylla.statements import Place

ORDERS_MAX = 20_000
"""Partitions whose servers' order is remembered."""


class Request(NamedTuple):
    """Prepared statements to be sent together. One with a place goes to the servers of that partition first."""

    queries: Sequence[Query]
    levels: Levels
    place: Place | None = None
    is_batch: bool = False
    is_conditional: bool = False

    def message(self) -> Message:
        """As it is sent."""
        if self.is_batch:
            return codec.batch(self.queries, self.levels, is_logged=self.is_conditional)
        return codec.execute(self.queries[0], self.levels)


class _Routed(NamedTuple):
    """What the driver's policy asks of a statement."""

    keyspace: str
    table: str
    routing_key: bytes


class _Link:
    """The connection to a server, if there is one. It is made anew when it was lost, at most once in RECONNECT_S."""

    def __init__(self, path: "DataPath", host: Host) -> None:
        self.connection: CqlConnection | None = None
        self._path = path
        self._endpoint = Endpoint(host.endpoint.address, host.endpoint.port)
        self._opening: asyncio.Task[None] | None = None
        self._not_before = 0.0

    def open_soon(self) -> asyncio.Task[None] | None:
        """Make the connection, unless it was tried a moment ago."""
        now = asyncio.get_running_loop().time()
        if self._opening is None and self.connection is None and now >= self._not_before:
            self._not_before = now + RECONNECT_S
            self._opening = asyncio.ensure_future(self._open())
        return self._opening

    async def _open(self) -> None:
        try:
            self.connection = await self._path.connect(self._endpoint, self._lost)
        except ConnectFailed:
            return
        finally:
            self._opening = None

    def _lost(self, connection: CqlConnection) -> None:
        if self.connection is connection:
            self.connection = None

    def close(self) -> None:
        """End the connection, and the attempt to make one."""
        if self._opening is not None:
            self._opening.cancel()
        if self.connection is not None:
            self.connection.close()


class DataPath(HostStateListener):  # type: ignore[misc]  # the driver ships no types
    """Sends requests to the servers that the driver knows, in the order of `affinity`. Made on the event loop."""

    def __init__(self, session: Session, keyspace: str, *, affinity: SameOrderPolicy, request_s: float) -> None:
        self.on_request: Callable[[Endpoint], None] = lambda _: None
        """Is told where each request goes."""
        self._session = session
        self._keyspace = keyspace
        self._affinity = affinity
        self._request_s = request_s
        self._loop = asyncio.get_running_loop()
        self._links: dict[object, _Link] = {}
        self._orders: dict[Place, list[Host]] = {}
        self._preparing: set[asyncio.Task[None]] = set()
        self._is_closed = False
        session.cluster.register_listener(self)

    async def open(self) -> None:
        """Connect to all servers that are up; those that do not answer are tried again later."""
        opening = [self._link(host).open_soon() for host in self._affinity.make_query_plan()]
        await asyncio.gather(*filter(None, opening), return_exceptions=True)

    def close(self) -> None:
        """Close all connections."""
        self._is_closed = True
        self._session.cluster.unregister_listener(self)
        for link in self._links.values():
            link.close()

    async def connect(self, endpoint: Endpoint, closed: Callable[[CqlConnection], None]) -> CqlConnection:
        """A new connection, as the driver's own are. Raises ConnectFailed."""
        cluster = self._session.cluster
        return await CqlConnection.open(
            endpoint,
            tls=cluster.ssl_context,
            auth=cluster.auth_provider,
            within_s=CONNECT_S_MAX,
            closed=closed,
        )

    def send(self, request: Request, ended: Callable[[], None]) -> asyncio.Future[Reply]:
        """The reply to come. `ended` is called when the request is over, whether anybody still waits for it or not."""
        reply: asyncio.Future[Reply] = self._loop.create_future()

        def end(with_: Reply) -> None:
            ended()
            if not reply.done():
                reply.set_result(with_)

        connection = self._connection(request.place)
        if connection is None:
            end(Failure(NoHostAvailable("no server has a connection", {}), was_sent=False))
            return reply
        try:
            self._send(connection, request, end, is_again=False)
        except BaseException:
            ended()
            raise
        return reply

    def _send(
        self, connection: CqlConnection, request: Request, end: Callable[[Reply], None], *, is_again: bool
    ) -> None:
        def got(message: Message) -> None:
            if codec.is_unprepared(message) and not is_again:
                task = asyncio.ensure_future(self._again(connection, request, end))
                self._preparing.add(task)
                task.add_done_callback(self._preparing.discard)
                return
            if request.place is not None and connection.features.tablets_routing_v1:
                self._learn(message, request.place)
            end(codec.reply_of(message))

        self.on_request(connection.endpoint)
        connection.send(request.message(), within_s=self._request_s, got=got, lost=end)

    async def _again(self, connection: CqlConnection, request: Request, end: Callable[[Reply], None]) -> None:
        """The server did not know a statement, so nothing was done: it is told, and the request sent once more."""
        try:
            for text in dict.fromkeys(query.text for query in request.queries):
                await connection.ask(codec.prepare(text), within_s=self._request_s)
            if not connection.is_open or not connection.has_room:
                raise ConnectFailed("the connection was closed")
            self._send(connection, request, end, is_again=True)
        except BaseException as error:
            end(Failure(error if isinstance(error, Exception) else ConnectFailed("stopped"), was_sent=False))
            if not isinstance(error, ConnectFailed):
                raise

    def _learn(self, message: Message, place: Place) -> None:
        """The answer may tell who has the partition."""
        if codec.learn_tablet(self._session.cluster.metadata, message, self._keyspace, place.table):
            self._orders.pop(place, None)

    def _connection(self, place: Place | None) -> CqlConnection | None:
        """The first server's connection that is there."""
        hosts = self._affinity.make_query_plan() if place is None else self._order(place)
        for host in hosts:
            link = self._link(host)
            connection = link.connection
            if connection is not None and connection.is_open and connection.has_room:
                return connection
            link.open_soon()
        return None

    def _order(self, place: Place) -> list[Host]:
        hosts = self._orders.get(place)
        if hosts is None:
            if len(self._orders) >= ORDERS_MAX:
                self._orders.clear()
            routed = _Routed(self._keyspace, place.table, place.routing_key)
            hosts = self._orders[place] = list(self._affinity.make_query_plan(None, routed))
        return hosts

    def _link(self, host: Host) -> _Link:
        link = self._links.get(host.host_id)
        if link is None:
            link = self._links[host.host_id] = _Link(self, host)
        return link

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
        self._orders.clear()
        if not self._is_closed and host in set(self._affinity.make_query_plan()):
            self._link(host).open_soon()

    def _gone(self, host: Host) -> None:
        self._orders.clear()
        link = self._links.pop(host.host_id, None)
        if link is not None:
            link.close()

    def _soon(self, call: Callable[[Host], None], host: Host) -> None:
        with suppress(RuntimeError):  # the loop is closed, and so are we
            self._loop.call_soon_threadsafe(partial(call, host))
