"""Redis as the edge sees it, whatever stands behind the address: it runs scripts, or it is away."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol, assert_never

from redis.asyncio import Connection, ConnectionPool, Sentinel, SSLConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import ClusterDownError, MovedError, NoScriptError, RedisError, ResponseError

from travio_inventory.edge.line import Line, RedisAway, Reply, connect
from travio_inventory.edge.redis_options import Cluster, HostPort, RedisOptions, Sentinels, Standalone
from travio_inventory.edge.scripts import Script, Word, packed

SLOTS = 16_384

_log = logging.getLogger(__name__)
_CLUSTER_SLOTS = packed(["CLUSTER", "SLOTS"])


class Redis(Protocol):
    """Runs scripts."""

    async def run(self, script: Script, key: bytes, *words: Word) -> Reply:
        """The script's answer, within `reply_ms_max`. Raises RedisAway; then it may still run later."""
        ...

    def new_connection(self) -> AbstractConnection:
        """A connection of one's own, not connected yet, to a server that hears what is published anywhere."""
        ...


@asynccontextmanager
async def open_redis(options: RedisOptions) -> AsyncIterator[Redis]:
    """Redis, connected if it answers within `connect_ms_max`, and tried again and again if it does not."""
    match options.address:
        case Standalone(server=server):
            pool = ConnectionPool(connection_class=_kind(options), host=server[0], port=server[1], **_traits(options))
            async with _one_server(_named(server), pool.make_connection, options) as one:
                yield one
        case Sentinels():
            async with _behind_sentinels(options.address, options) as one:
                yield one
        case Cluster(nodes=nodes):
            cluster = _ClusterRedis(nodes, options)
            await cluster.open()
            try:
                yield cluster
            finally:
                await cluster.close()
        case _:
            assert_never(options.address)


async def _run(line: Line, script: Script, key: bytes, words: Iterable[Word]) -> Reply:
    """Run the script on that server, which has forgotten it after a restart. Raises RedisAway, ResponseError."""
    try:
        return await line.ask(script.by_digest(key, words))
    except NoScriptError:
        return await line.ask(script.in_full(key, words))


# ---- one server


class _OneRedis:
    """Redis. One server, the same or another one after each connect."""

    def __init__(self, line: Line, connect: Callable[[], AbstractConnection]) -> None:
        self._line = line
        self._connect = connect

    async def run(self, script: Script, key: bytes, *words: Word) -> Reply:
        """See Redis."""
        try:
            return await _run(self._line, script, key, words)
        except ResponseError as refused:
            self._line.complain(refused)
            raise RedisAway(str(refused)) from refused

    def new_connection(self) -> AbstractConnection:
        """See Redis."""
        return self._connect()


@asynccontextmanager
async def _one_server(
    name: str, connect: Callable[[], AbstractConnection], options: RedisOptions
) -> AsyncIterator[_OneRedis]:
    line = Line(name, connect(), options, on_down=lambda: None)
    await line.open()
    try:
        yield _OneRedis(line, connect)
    finally:
        await line.close()


@asynccontextmanager
async def _behind_sentinels(address: Sentinels, options: RedisOptions) -> AsyncIterator[_OneRedis]:
    """The master of the moment: each connect asks the sentinels, which each have a share of `connect_ms_max`."""
    share_s = options.connect_ms_max / 1_000 / (len(address.sentinels) + 1)
    traits = _traits(options)
    asking = {**traits, "socket_timeout": share_s, "socket_connect_timeout": share_s, "ssl": options.tls}
    sentinel = Sentinel(address.sentinels, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]  # as the library has it
    pool = SentinelConnectionPool(address.master, sentinel, ssl=options.tls, **traits)  # type: ignore[no-untyped-call]  # too
    try:
        async with _one_server(f"{address.master} of the sentinels", pool.make_connection, options) as one:
            yield one
    finally:
        for client in sentinel.sentinels:
            with suppress(RedisError, OSError):
                await client.aclose()


# ---- a cluster


class _ClusterRedis:
    """Redis. A line to each master; who owns which slots is looked up again when a master is gone or says otherwise."""

    def __init__(self, nodes: Iterable[HostPort], options: RedisOptions) -> None:
        self._nodes = tuple(nodes)
        self._options = options
        self._lines: dict[HostPort, Line] = {}
        self._owners: list[HostPort | None] = [None] * SLOTS
        self._outdated = asyncio.Event()
        self._upkeep: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Learn who owns what, and connect to each master; what fails is tried again in the background."""
        if not await self._learn_owners():
            _log.warning("redis cluster is away, the edge does without")
            self._outdated.set()
        self._upkeep = asyncio.create_task(self._keep_up())

    async def close(self) -> None:
        """Hang up everywhere."""
        if self._upkeep is not None:
            self._upkeep.cancel()
            with suppress(asyncio.CancelledError):
                await self._upkeep
        for line in self._lines.values():
            await line.close()

    async def run(self, script: Script, key: bytes, *words: Word) -> Reply:
        """See Redis."""
        owner = self._owners[key_slot(key)]
        if owner is None:
            raise RedisAway("redis cluster: nobody is known to own the slot")
        try:
            return await _run(self._line_to(owner), script, key, words)
        except MovedError as moved:
            self._outdated.set()
            return await self._run_where_moved((moved.host or owner[0], moved.port), script, key, words)
        except ResponseError as refused:
            self._refused(owner, refused)
            raise RedisAway(str(refused)) from refused

    def new_connection(self) -> AbstractConnection:
        """See Redis. To a node that answers, if any does; each hears what is published at another."""
        answering = (node for node, line in self._lines.items() if not line.is_down)
        return self._connection_to(next(answering, self._nodes[0]))

    async def _run_where_moved(self, owner: HostPort, script: Script, key: bytes, words: Iterable[Word]) -> Reply:
        try:
            return await _run(self._line_to(owner), script, key, words)
        except ResponseError as refused:
            self._refused(owner, refused)
            raise RedisAway(str(refused)) from refused

    def _refused(self, owner: HostPort, refused: ResponseError) -> None:
        if isinstance(refused, ClusterDownError | MovedError):
            self._outdated.set()
        self._line_to(owner).complain(refused)

    def _line_to(self, node: HostPort) -> Line:
        line = self._lines.get(node)
        if line is None:
            line = Line(_named(node), self._connection_to(node), self._options, on_down=self._outdated.set)
            self._lines[node] = line
        return line

    def _connection_to(self, node: HostPort) -> AbstractConnection:
        host, port = node
        return _kind(self._options)(host=host, port=port, **_traits(self._options))

    # -- who owns what

    async def _keep_up(self) -> None:
        while True:
            await self._outdated.wait()
            self._outdated.clear()
            learned = await self._learn_owners()
            await asyncio.sleep(self._options.probe_interval_ms / 1_000)
            if not learned or any(line.is_down for line in self._lines.values()):
                self._outdated.set()

    async def _learn_owners(self) -> bool:
        """Ask one node after the other until one has answered; False where none has."""
        answering_first = sorted(self._lines, key=lambda node: self._lines[node].is_down)
        for node in dict.fromkeys((*answering_first, *self._nodes)):
            with suppress(RedisError, OSError, TimeoutError):
                await self._settle(_owners(await self._ask_once(node), node))
                return True
        return False

    async def _settle(self, owners: Mapping[range, HostPort]) -> None:
        """From now on these are the owners; lines to other nodes are closed."""
        settled: list[HostPort | None] = [None] * SLOTS
        for slots, owner in owners.items():
            settled[slots.start : slots.stop] = [owner] * len(slots)
        self._owners = settled
        masters = set(owners.values())
        gone = [self._lines.pop(node) for node in self._lines.keys() - masters]
        new = [self._line_to(node) for node in masters - self._lines.keys()]
        await asyncio.gather(*(line.open() for line in new), *(line.close() for line in gone))

    async def _ask_once(self, node: HostPort) -> Reply:
        """The slots as that node knows them, asked on a connection of its own."""
        connection = self._connection_to(node)
        try:
            async with asyncio.timeout(self._options.connect_ms_max / 1_000):
                await connect(connection)
                await connection.send_packed_command(_CLUSTER_SLOTS, check_health=False)
                return await connection.read_response(disable_decoding=True)
        finally:
            await connection.disconnect(nowait=True)


def _owners(reply: Reply, asked: HostPort) -> dict[range, HostPort]:
    """Who owns which slots, by an answer to CLUSTER SLOTS; a node may not know its own host."""
    return {
        range(first, last + 1): (host.decode() if host and host != b"?" else asked[0], port)
        for first, last, (host, port, *_), *_ in reply
    }


# ---- how connections are made


def _named(server: HostPort) -> str:
    return f"{server[0]}:{server[1]}"


def _kind(options: RedisOptions) -> type[Connection]:
    return SSLConnection if options.tls else Connection


def _traits(options: RedisOptions) -> dict[str, Any]:
    """What every connection is made with. Lines and watchers bound their waits themselves: one timer for many
    answers, and none where there is nothing to wait for.
    """
    trust = {"ssl_ca_certs": str(options.ca_file)} if options.ca_file else {}
    return {
        "username": options.user or None,
        "password": options.password or None,
        "socket_timeout": None,
        "socket_connect_timeout": options.connect_ms_max / 1_000,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "health_check_interval": 0,
        "driver_info": None,
        **(trust if options.tls else {}),
    }
