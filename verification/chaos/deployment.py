"""What the faults happen to: two services, each behind its own proxy, one database cluster, one Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from travio_inventory.store.scylla import ScyllaBatches, ScyllaOptions, schema
from travio_inventory.store.scylla.connecting import session as scylla_session
from verification.chaos.brokers import Broker
from verification.chaos.skewed import sitecustomize
from verification.kit.service_process import ServiceProcess
from verification.servers.cassandra import Cassandra, Nodes, cassandra
from verification.servers.cql_proxy import CqlProxy, cql_proxy
from verification.servers.redis import RedisServer, redis_server

SERVICES = 2
KEYSPACE = "chaos"
GRACE_S = 3
HOLD_TTL_S = 2
NONE: Mapping[str, str] = MappingProxyType({})
NO_BROKERS: Mapping[str, Broker] = MappingProxyType({})
SKEWED = Path(sitecustomize.__file__).parent


class Skew(NamedTuple):
    """While a service's clock was ahead of ours (or, below 0, behind); monotonic seconds."""

    from_s: float
    to_s: float
    ahead_ms: int


class Fall(NamedTuple):
    """A service was ended by this signal at that moment of the monotonic clock."""

    service: str
    signal: str
    at_s: float


@dataclass
class Service:
    """One service, its clock, its proxy, and the events that it published in each of its lives."""

    process: ServiceProcess
    proxy: CqlProxy
    clock: Path
    lives: list[int] = field(default_factory=list)
    """The number of events in its file when each life began."""

    @property
    def name(self) -> str:
        """Its name on the page and in the progress."""
        return f"service {self.process.port}"

    async def start(self) -> None:
        """Start it; it appends to the file of its events. Raises EndedEarly, TimeoutError."""
        events = self.process.data / "events.jsonl"
        self.lives.append(events.read_bytes().count(b"\n") if events.exists() else 0)
        await self.process.start()

    def set_clock(self, ahead_ms: int) -> None:
        """From now on its clock is ahead by this time."""
        offset = (ahead_ms * 1_000_000).to_bytes(sitecustomize.OFFSET_BYTES, "little", signed=True)
        with self.clock.open("r+b") as file:
            file.write(offset)


@dataclass
class Deployment:
    """Everything that runs. `batches` reads the store without any proxy."""

    nodes: Cassandra
    redis: RedisServer
    services: list[Service]
    batches: ScyllaBatches
    brokers: Mapping[str, Broker] = field(default_factory=dict)
    skews: list[Skew] = field(default_factory=list)
    falls: list[Fall] = field(default_factory=list)

    def kill(self, service: Service) -> None:
        """Kill it."""
        self.falls.append(Fall(service.name, "SIGKILL", time.monotonic()))
        service.process.kill()

    async def stop(self, service: Service) -> int:
        """Stop it and wait for its end; its exit status."""
        self.falls.append(Fall(service.name, "SIGTERM", time.monotonic()))
        return await service.process.stop()

    def ahead_ms(self, from_s: float, to_s: float) -> int:
        """How far any clock was ahead at most during that time."""
        met = (skew.ahead_ms for skew in self.skews if skew.from_s <= to_s and from_s <= skew.to_s)
        return max(0, *met, 0)

    async def skew(self, service: Service, ahead_ms: int, *, lasts_s: float) -> None:
        """Set the service's clock for a while."""
        from_s = time.monotonic()
        service.set_clock(ahead_ms)
        try:
            await asyncio.sleep(lasts_s)
        finally:
            service.set_clock(0)
            self.skews.append(Skew(from_s, time.monotonic(), ahead_ms))


@asynccontextmanager
async def deployed(
    folder: Path,
    nodes: Nodes,
    *,
    holds_max: int = 0,
    variables: Mapping[str, str] = NONE,
    brokers: Mapping[str, Broker] = NO_BROKERS,
) -> AsyncIterator[Deployment]:
    """Start everything in the folder; all of it ends with the block. `holds_max` is the limit of live holds for each
    holder; 0 = none. The services have these variables too, and tell these brokers, which run already, beside their
    files. Raises ServersMissingError, ServerFailedError.
    """
    with ExitStack() as stack:
        cluster = stack.enter_context(cassandra(folder / "cassandra", nodes))
        redis = stack.enter_context(redis_server(folder))
        with scylla_session(_options(cluster.hosts, cluster.port, nodes)) as session:
            schema.apply(session, _options(cluster.hosts, cluster.port, nodes), replication=nodes)
        more = {"TRAVIO_HOLDS_PER_HOLDER_MAX": str(holds_max), **variables}
        if brokers:
            more["TRAVIO_EVENTS"] = ",".join(["json-lines", *(f"{name}={one.sink}" for name, one in brokers.items())])
        services = [_service(stack, folder / f"service-{n}", cluster, redis, more) for n in range(SERVICES)]
        for service in services:
            stack.callback(service.process.kill)
        await asyncio.gather(*(service.start() for service in services))
        async with ScyllaBatches.connect(_options(cluster.hosts, cluster.port, nodes)) as batches:
            yield Deployment(cluster, redis, services, batches, brokers)


def _service(
    stack: ExitStack, folder: Path, cluster: Cassandra, redis: RedisServer, more: Mapping[str, str]
) -> Service:
    folder.mkdir()
    clock = folder / "clock"
    clock.write_bytes(bytes(sitecustomize.OFFSET_BYTES))
    proxy_folder = folder / "proxy"
    proxy_folder.mkdir()
    proxy = stack.enter_context(cql_proxy(proxy_folder, cluster.hosts, cluster.port))
    settings = {
        "SCYLLA_HOSTS": ",".join(f"{host}:{proxy.port}" for host in proxy.hosts),
        "REDIS_ADDR": redis.address,
        "HOLD_TTL_SECONDS": str(HOLD_TTL_S),
        "TRAVIO_SCYLLA_KEYSPACE": KEYSPACE,
        "TRAVIO_ENVIRONMENT": "production" if len(cluster.nodes) >= 3 else "development",
        "TRAVIO_ATTEMPT_GRACE_SECONDS": str(GRACE_S),
        "PYTHONPATH": str(SKEWED),
        sitecustomize.VARIABLE: str(clock),
    }
    return Service(ServiceProcess(folder, **settings, **more), proxy, clock)


def _options(hosts: Sequence[str], port: int, nodes: int) -> ScyllaOptions:
    return ScyllaOptions(
        hosts=hosts,
        port=port,
        keyspace=KEYSPACE,
        serial="home",
        datacenter="",
        user="",
        password="",
        tls=None,
        replication_min=nodes,
        rules={},
        clock_bound_ms=250,
    )
