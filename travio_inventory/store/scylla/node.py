"""The connections to one server: one, or one to each of its shards where it says how to reach them.

A ScyllaDB server divides its partitions among shards, each a thread of its own, and passes a request on that comes to
another one. Where it listens for it, a client chooses the shard by the port that it connects from.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from random import sample
from typing import TypeAlias

from travio_inventory.store.scylla.codec import Shards
from travio_inventory.store.scylla.connecting import RECONNECT_S
from travio_inventory.store.scylla.cql_connection import ConnectFailed, CqlConnection, Endpoint, PortTaken

SILENT_S = 0.02
"""How long somebody has been silent is compared in steps of this length."""
PORTS = range(49_152, 65_536)
"""From which a client may connect."""
PORTS_TRIED_MAX = 64
"""Others may use some of them."""

Connect: TypeAlias = Callable[[Endpoint, int | None, Callable[[CqlConnection], None]], Awaitable[CqlConnection]]
"""Connects to a server, from that port or from any. Raises ConnectFailed."""

_ANY = None
"""Whichever shard the server chooses."""


def readiness(of: "Node | CqlConnection") -> tuple[float, int]:
    """The less the better: who answered last, and of these who has the fewest requests to answer. One that stands still
    gets few requests, and would have the fewest.
    """
    return of.silent_s // SILENT_S, of.in_flight


class Node:
    """A server. Connections that were lost, or could not be made, are made anew, each at most once in RECONNECT_S."""

    def __init__(self, endpoint: Endpoint, connect: Connect, *, is_tls: bool) -> None:
        self._endpoint = endpoint
        self._connect = connect
        self._is_tls = is_tls
        self._connections: dict[int, CqlConnection] = {}
        """By the shard that each goes to; 0 on a server without shards."""
        self._shards: Shards | None = None
        self._opening: dict[int | None, asyncio.Task[None]] = {}
        self._not_before: dict[int | None, float] = {}

    @property
    def in_flight(self) -> int:
        """How many requests have no answer yet."""
        return sum(connection.in_flight for connection in self._connections.values())

    @property
    def silent_s(self) -> float:
        """How long its oldest request has had no answer."""
        return max((connection.silent_s for connection in self._connections.values()), default=0.0)

    def connection(self, token: int = 0, shard: int | None = None) -> CqlConnection | None:
        """The best one that has room: to that shard, or to the one that has the token, else to the readiest. What is
        missing is made anew meanwhile.
        """
        if shard is None:
            shard = self._shards.of_token(token) if self._shards is not None else 0
        best = self._connections.get(shard)
        if best is not None and best.can_send:
            return best
        self.open_soon(shard)
        usable = (each for each in self._connections.values() if each.can_send)
        return min(usable, key=readiness, default=None)

    def open_soon(self, shard: int | None = _ANY) -> asyncio.Task[None] | None:
        """Make the connection to the shard, or the first one of all, unless it is there or was tried a moment ago."""
        if not self._connections:
            shard = _ANY
        elif self._shards is None or shard is _ANY or shard in self._connections:
            return None
        now = asyncio.get_running_loop().time()
        if shard not in self._opening and now >= self._not_before.get(shard, 0.0):
            self._not_before[shard] = now + RECONNECT_S
            self._opening[shard] = asyncio.ensure_future(self._open(shard))
        return self._opening.get(shard)

    def close(self) -> None:
        """End all connections, and the attempts to make them."""
        for task in self._opening.values():
            task.cancel()
        for connection in list(self._connections.values()):
            connection.close()

    async def _open(self, shard: int | None) -> None:
        try:
            await (self._open_first() if shard is _ANY else self._open_to(shard))
        except ConnectFailed:
            return
        finally:
            del self._opening[shard]

    async def _open_first(self) -> None:
        """Connect as to any server, and then to each shard that it tells of."""
        self._keep(await self._connect(self._endpoint, None, self._lost))
        if self._shards is not None:
            others = [self.open_soon(shard) for shard in range(self._shards.number)]
            await asyncio.gather(*filter(None, others))

    async def _open_to(self, shard: int) -> None:
        """Connect to that shard. Something between us may change the ports: then one connection has to do."""
        shards = self._shards
        if shards is None:
            return
        endpoint = Endpoint(self._endpoint.host, shards.port)
        connection = await self._connect_from(_ports_to(shard, shards.number), endpoint)
        self._keep(connection)
        if connection.shard != shard:
            self._shards = None

    async def _connect_from(self, ports: Iterable[int], endpoint: Endpoint) -> CqlConnection:
        """A connection from the first of the ports that nobody uses."""
        for port in ports:
            with suppress(PortTaken):
                return await self._connect(endpoint, port, self._lost)
        raise ConnectFailed(f"{endpoint.host}:{endpoint.port}: no port is free")

    def _keep(self, connection: CqlConnection) -> None:
        if connection.shard in self._connections:
            connection.close()
            return
        if not self._connections:
            self._shards = connection.shards(is_tls=self._is_tls)
        self._connections[connection.shard] = connection

    def _lost(self, connection: CqlConnection) -> None:
        if self._connections.get(connection.shard) is connection:
            del self._connections[connection.shard]


def _ports_to(shard: int, count: int) -> list[int]:
    """Some of the ports from which a connection goes to that one of so many shards."""
    ports = PORTS[(shard - PORTS.start) % count :: count]
    return sample(ports, min(PORTS_TRIED_MAX, len(ports)))
