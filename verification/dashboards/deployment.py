"""A deployment that makes every metric move: two services, one on a database, Redis and a broker, one on a file."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from travio_inventory.bench.free_ports import free_port
from verification.kit.service_process import ORGANIZATION, ServiceProcess
from verification.servers.cassandra import Cassandra, cassandra
from verification.servers.kafka import Kafka, kafka
from verification.servers.prometheus import Prometheus, prometheus
from verification.servers.redis import RedisServer, redis_server

TRIP: Final = "watched"
EVENTS_IN: Final = "shop.payments"
EVENTS_OUT: Final = "travio.inventory"
SETTINGS: Final = {
    "TRAVIO_ENVIRONMENT": "development",
    "TRAVIO_WATCHED_TRIPS": f"{ORGANIZATION}/{TRIP}",
    "TRAVIO_WATCH_SECONDS": "1",
    "TRAVIO_AUDIT_SECONDS": "30",
}


@dataclass(frozen=True)
class Deployment:
    """All that runs."""

    cluster: ServiceProcess
    embedded: ServiceProcess
    database: Cassandra
    redis: RedisServer
    broker: Kafka
    prometheus: Prometheus

    @property
    def services(self) -> tuple[ServiceProcess, ServiceProcess]:
        return self.cluster, self.embedded


@asynccontextmanager
async def deployed(folder: Path) -> AsyncIterator[Deployment]:
    """Everything, ready; stopped in the end. Raises ServersMissingError, ServerFailedError, EndedEarly."""
    async with AsyncExitStack() as all_of_it:
        database = all_of_it.enter_context(cassandra(folder / "database"))
        redis = all_of_it.enter_context(redis_server(folder / "redis"))
        broker = all_of_it.enter_context(kafka(folder / "broker"))
        for topic in (EVENTS_IN, EVENTS_OUT):
            await broker.create(topic)
        cluster = _service(
            folder / "cluster",
            SCYLLA_HOSTS=",".join(f"{host}:{database.port}" for host in database.hosts),
            REDIS_ADDR=redis.address,
            TRAVIO_EVENTS=f"kafka://{broker.address}?topic={EVENTS_OUT}",
            TRAVIO_EVENTS_IN=f"shop=kafka://{broker.address}?topics={EVENTS_IN}&group=inventory-service",
        )
        embedded = _service(folder / "embedded")
        await _make_tables(cluster)
        for service in (cluster, embedded):
            all_of_it.callback(service.kill)
            await service.start()
        targets = [f"127.0.0.1:{each.environment['TRAVIO_METRICS_PORT']}" for each in (cluster, embedded)]
        asking = all_of_it.enter_context(prometheus(folder, targets))
        yield Deployment(cluster, embedded, database, redis, broker, asking)


def _service(folder: Path, **variables: str) -> ServiceProcess:
    folder.mkdir()
    ports = {name: str(free_port()) for name in ("TRAVIO_HTTP_PORT", "TRAVIO_METRICS_PORT")}
    return ServiceProcess(folder, **SETTINGS, **ports, **variables)


async def _make_tables(service: ServiceProcess) -> None:
    """Raises EndedEarly."""
    command = ServiceProcess(service.data.parent, "schema apply --replication 1")
    command.environment |= service.environment
    command.launch()
    if await command.ended():
        raise RuntimeError(command.log)
