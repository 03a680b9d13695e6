"""Redis as the edge sees it, whatever is behind the address: it runs scripts, or is down."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Protocol, TypeAlias, assert_never

from redis.asyncio import Sentinel
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    RedisError,
)

from travio_inventory.edge.answers import Reply
from travio_inventory.edge.pipelined_connection import RedisDown, connect
from travio_inventory.edge.redis_options import Cluster, HostPort, RedisOptions, Sentinels, Standalone
from travio_inventory.edge.scripts import Script, Word, packed
from travio_inventory.edge.server import Listener, Server, connector, named, traits
from travio_inventory.kernel.error_words import answered_within
from travio_inventory.kernel.log_throttle import LogThrottle

SLOTS = 16_384
LOOK_EVERY_S = 10.0
MISSING_LOOK_EVERY_S_MAX = 2.0

_log = logging.getLogger(__name__)
_CLUSTER_SLOTS = packed(["CLUSTER", "SLOTS"])


class Redis(Protocol):
    """Runs scripts, and receives what they publish."""

    async def run(self, script: Script, keys: Sequence[bytes], words: Iterable[Word] = ()) -> Reply:
        """The script's answer, within `reply_ms_max`. Raises RedisDown; then the script may still run later. The keys
        share one hash tag; the words are taken when the command is sent.
        """
        ...

    def tell(self, script: Script, keys: Sequence[bytes], words: Iterable[Word] = ()) -> None:
        """Run the script soon, in order with other calls. Nobody waits for it, or learns that it did not run."""
        ...

    def hears_of(self, key: bytes) -> bool:
        """Whether an invalidation of the key would be received now."""
        ...


class OpenRedis(Redis, Protocol):
    """Redis, and whether it is there."""

    @property
    def is_up(self) -> bool:
        """Whether all of it answers, as far as is known."""
        ...

    @property
    def unanswered(self) -> int:
        """How many commands had no answer so far, or were not sent."""
        ...


@asynccontextmanager
async def open_redis(options: RedisOptions, listener: Listener) -> AsyncIterator[OpenRedis]:
    """Redis, connected if it answers within `connect_ms_max`; otherwise retried in the background."""
    match options.address:
        case Standalone(server=server):
            async with _open(_OneRedis(Server(named(server), connector(server, options), options, listener))) as one:
                yield one
        case Sentinels():
            async with _behind_sentinels(options.address, options, listener) as one:
                yield one
        case Cluster(nodes=nodes):
            async with _open(_ClusterRedis(nodes, options, listener)) as cluster:
                yield cluster
        case _:
            assert_never(options.address)


@asynccontextmanager
async def _open(redis: "_AnyRedis") -> AsyncIterator["_AnyRedis"]:
    await redis.open()
    try:
        yield redis
    finally:
        await redis.close()


class _OneRedis:
    """Redis. One server, the same or another one after each connect."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def open(self) -> None:
        """Connect, or retry in the background."""
        await self._server.open()

    async def close(self) -> None:
        """Close the connections."""
        await self._server.close()

    async def run(self, script: Script, keys: Sequence[bytes], words: Iterable[Word] = ()) -> Reply:
        """See Redis."""
        try:
            return await self._server.run(script, keys, words)
        except AskError as moved:
            raise RedisDown("redis is a node of a cluster: use a cluster: address") from moved

    def tell(self, script: Script, keys: Sequence[bytes], words: Iterable[Word] = ()) -> None:
        """See Redis."""
        self._server.tell(script, keys, words)

    def hears_of(self, key: bytes) -> bool:
        """See Redis."""
        return self._server.ear.are_heard

    @property
    def is_up(self) -> bool:
        """See OpenRedis."""
        return not self._server.line.is_down

    @property
    def unanswered(self) -> int:
        """See OpenRedis."""
        return self._server.line.unanswered


@asynccontextmanager
async def _behind_sentinels(
    address: Sentinels, options: RedisOptions, listener: Listener
) -> AsyncIterator["_AnyRedis"]:
    """The present master: each connect asks the sentinels, each within its share of `connect_ms_max`."""
    share_s = options.connect_ms_max / 1_000 / (len(address.sentinels) + 1)
    common = traits(options)
    asking = {**common, "socket_timeout": share_s, "socket_connect_timeout": share_s, "ssl": options.tls}
    sentinel = Sentinel(address.sentinels, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]  # as the library has it
    pool = SentinelConnectionPool(address.master, sentinel, ssl=options.tls, **common)  # type: ignore[no-untyped-call]  # too
    try:
        name = f"{address.master} of the sentinels"
        async with _open(_OneRedis(Server(name, pool.make_connection, options, listener))) as one:
            yield one
    finally:
        for client in sentinel.sentinels:
            with suppress(RedisError, OSError):
                await client.aclose()


# ---- a cluster


class _ClusterRedis:
    """Redis. A pipelined connection to each master; the owners of the slots are read again when a master is down or
    redirects.

    A message published at one master reaches the others late, so there is a listener at each.
    """

    def __init__(self, nodes: Iterable[HostPort], options: RedisOptions, listener: Listener) -> None:
        self._nodes = tuple(nodes)
        self._options = options
        self._listener = listener
        self._servers: dict[HostPort, Server] = {}
        self._owners: list[Server | None] = [None] * SLOTS
        self._outdated = asyncio.Event()
        self._is_away = False
        self._unanswered = 0
        """Those of servers that are gone, or that were never found."""
        self._log_throttle = LogThrottle()
        self._upkeep: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Learn the owners of the slots and connect to each master; what fails is retried in the background."""
        self._is_away = not await self._is_whole()
        if self._is_away:
            _log.warning("redis cluster has no owner for some slots, or is down: the edge goes on without it")
        self._upkeep = asyncio.create_task(self._keep_up())

    async def close(self) -> None:
        """Close the connections to all servers."""
        if self._upkeep is not None:
            self._upkeep.cancel()
            with suppress(asyncio.CancelledError):
                await self._upkeep
        for server in self._servers.values():
            await server.close()

    async def run(self, script: Script, keys: Sequence[bytes], words: Iterable[Word] = ()) -> Reply:
        """See Redis. If the slot has moved to a known master, that one is asked at once."""
        owner = self._owners[key_slot(keys[0])]
        try:
            for _ in range(2):
                if owner is None:
                    break
                try:
                    return await owner.run(script, keys, words)
                except MovedError as moved:
                    self._outdated.set()
                    owner = self._servers.get((moved.host, moved.port))
                except AskError as asked:
                    self._unanswered += 1
                    raise RedisDown("redis cluster: the slot is being moved") from asked
        except RedisDown as away:
            if isinstance(away.__cause__, ClusterDownError):
                self._outdated.set()
            raise
        self._unanswered += 1
        raise RedisDown("redis cluster: the slot has no known owner")

    def tell(self, script: Script, keys: Sequence[bytes], words: Iterable[Word] = ()) -> None:
        """See Redis."""
        owner = self._owners[key_slot(keys[0])]
        if owner is None:
            self._unanswered += 1
        else:
            owner.tell(script, keys, words, self._outdated.set)

    def hears_of(self, key: bytes) -> bool:
        """See Redis."""
        owner = self._owners[key_slot(key)]
        return owner is not None and owner.ear.are_heard

    @property
    def is_up(self) -> bool:
        """See OpenRedis."""
        return None not in self._owners and not any(server.line.is_down for server in self._servers.values())

    @property
    def unanswered(self) -> int:
        """See OpenRedis."""
        return self._unanswered + sum(server.line.unanswered for server in self._servers.values())

    async def _keep_up(self) -> None:
        """Read the owners again when due: at once after a redirect, soon while an owner is missing, and at intervals,
        since moves of unused slots are not reported.
        """
        least_s = wait_s = self._options.probe_interval_ms / 1_000
        is_whole = False
        while True:
            await asyncio.sleep(least_s)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._outdated.wait()
            self._outdated.clear()
            was_whole, is_whole = is_whole, await self._is_whole()
            wait_s = LOOK_EVERY_S if is_whole else least_s if was_whole else min(2 * wait_s, MISSING_LOOK_EVERY_S_MAX)

    async def _is_whole(self) -> bool:
        """Read the owners; returns whether each slot has one, and each of them answers."""
        try:
            learned = await self._learn_owners()
        except Exception:  # noqa: BLE001 - whatever a node answered, another one may answer better
            if self._log_throttle.may_log("slots"):
                _log.exception("redis cluster: an answer to CLUSTER SLOTS was not understood")
            return False
        if learned and self._is_away:
            self._is_away = False
            _log.info("redis cluster has an owner for every slot")
        return learned and not any(server.line.is_down for server in self._servers.values())

    async def _learn_owners(self) -> bool:
        """Ask one node after the other until one names an owner for each slot, and use the fullest answer; returns
        whether it was complete. A node of a cluster that is still being formed may know few owners or none.
        """
        best: Mapping[range, HostPort] | None = None
        answering_first = sorted(self._servers, key=lambda node: self._servers[node].line.is_down)
        for node in dict.fromkeys((*answering_first, *self._nodes)):
            with suppress(RedisError, OSError, TimeoutError):
                told = _owners(await self._ask_once(node), node)
                if best is None or _slots(told) > _slots(best):
                    best = told
                if _slots(told) == SLOTS:
                    break
        if best is None:
            return False
        await self._settle(best)
        return _slots(best) == SLOTS

    async def _settle(self, owners: Mapping[range, HostPort]) -> None:
        """Use these owners from now on and close connections to other servers. A former owner of a slot is no longer
        listened to, so an invalidation may have been missed.
        """
        masters = set(owners.values())
        gone = self._servers.keys() - masters
        new = {node: self._server(node) for node in masters - self._servers.keys()}
        self._servers.update(new)
        await asyncio.gather(*(server.open() for server in new.values()))
        await asyncio.gather(*(self._servers[node].close() for node in gone))
        settled: list[Server | None] = [None] * SLOTS
        for slots, owner in owners.items():
            settled[slots.start : slots.stop] = [self._servers[owner]] * len(slots)
        for node in gone:
            self._unanswered += self._servers.pop(node).line.unanswered
        if settled != self._owners:
            self._owners = settled
            self._listener.on_silence()

    def _server(self, node: HostPort) -> Server:
        connect_to = connector(node, self._options)
        return Server(named(node), connect_to, self._options, self._listener, on_down=self._outdated.set)

    async def _ask_once(self, node: HostPort) -> Reply:
        """The slots as that node knows them, read on a separate connection."""
        connection = connector(node, self._options)()
        try:
            async with answered_within(self._options.connect_ms_max / 1_000):
                await connect(connection)
                await connection.send_packed_command(_CLUSTER_SLOTS, check_health=False)
                return await connection.read_response(disable_decoding=True)
        finally:
            await connection.disconnect(nowait=True)


_AnyRedis: TypeAlias = _OneRedis | _ClusterRedis


def _slots(owners: Iterable[range]) -> int:
    return sum(map(len, owners))


def _owners(reply: Reply, asked: HostPort) -> dict[range, HostPort]:
    """The owners in an answer to CLUSTER SLOTS; a node may not know its own host."""
    return {
        range(first, last + 1): (host.decode() if host and host != b"?" else asked[0], port)
        for first, last, (host, port, *_), *_ in reply
    }
