"""Where scenes are played: the embedded store, or real servers that all processes share."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Protocol, Self, TypeAlias
from uuid import uuid4

from travio_inventory.edge.redis_options import RedisOptions, Standalone
from travio_inventory.edge.shared import open_shared_edge
from travio_inventory.protocol.batches import Batches
from travio_inventory.store.group_commit import GroupCommit
from travio_inventory.store.scylla import ScyllaBatches, ScyllaOptions
from travio_inventory.store.sqlite import SqliteBatches
from verification.kit.clocks import Clock
from verification.kit.edges import Edge, local_edge, redis_options
from verification.kit.stores import make_tables, scylla_options
from verification.servers.cassandra import Cassandra
from verification.servers.redis import HOST, RedisServer

SHARED_TTL_MS = 300
"""How long the entries of a dead process stay in Redis."""

BatchesWrapper: TypeAlias = Callable[[Batches], Batches]


def straight(store: Batches) -> Batches:
    """The store as it is."""
    return store


class Opened(NamedTuple):
    """What one process has: the store, the ways in which the process that dies and the later ones reach it, and what
    makes their edges.
    """

    store: Batches
    line: Batches
    edge: Callable[[Clock], Edge]


class Place(Protocol):
    """Can be opened repeatedly, by one process after the other."""

    @property
    def together(self) -> int:
        """How many plays end in one process."""
        ...

    @property
    def scenes_at_once(self) -> int:
        """How many scenes are visited together."""
        ...

    @property
    def edge_ms(self) -> int:
        """How long to wait until the edge has forgotten the dead process."""
        ...

    def apart(self) -> Self:
        """The same place for one visit, separate from other visits."""
        ...

    def open(self) -> AbstractAsyncContextManager[Opened]:
        """For this process."""
        ...


@dataclass(frozen=True)
class Embedded:
    """SQLite in a folder; one process at a time, which dies during one play."""

    folder: Path
    line: BatchesWrapper = straight
    together: int = 1
    scenes_at_once: int = 1
    edge_ms: int = 0

    def apart(self) -> "Embedded":
        """See Place."""
        return replace(self, folder=self.folder / uuid4().hex)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Opened]:
        """See Place."""
        async with SqliteBatches.open(self.folder) as store:
            yield Opened(store, self.line(store), local_edge)


@dataclass(frozen=True)
class Servers:
    """A CQL server and Redis. Connecting takes long, so a process dies during many plays at once."""

    cql: ScyllaOptions
    redis: RedisOptions
    line: BatchesWrapper = straight
    together: int = 100
    scenes_at_once: int = 12
    edge_ms: int = SHARED_TTL_MS
    gate_ttl_ms: int = SHARED_TTL_MS

    def apart(self) -> "Servers":
        """See Place: every play is on a trip of its own."""
        return self

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Opened]:
        """See Place."""
        edge = open_shared_edge(
            self.redis,
            _now_ms,
            deployment="crash-points",
            taken_ttl_ms=SHARED_TTL_MS,
            unguarded_max=1_000,
            trips_max=100,
            stale_ms_max=SHARED_TTL_MS,
        )
        async with ScyllaBatches.connect(self.cql) as store, edge as shared:
            own = Edge(shared.gate, shared.gate, shared.seat_maps, gate_ttl_ms=self.gate_ttl_ms)
            yield Opened(store, GroupCommit(self.line(store)), lambda _: own)


def on_servers(cql: Cassandra, redis: RedisServer) -> Servers:
    """These servers, with tables in a keyspace of their own."""
    options = scylla_options(cql, "crash_points")
    make_tables(options)
    return Servers(options, redis_options(Standalone((HOST, redis.port))))


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
