"""The servers as fixtures: started for the first test that uses them, shared by all tests, stopped at the end of the
session.
"""

import os
from collections.abc import Iterator
from shutil import which

import pytest

from verification.interop import building
from verification.servers import fetch, go_programs
from verification.servers.cassandra import Cassandra, cassandra
from verification.servers.kafka import Kafka, kafka
from verification.servers.nats import NatsServer, nats_server
from verification.servers.rabbitmq import RabbitServer, rabbit_server
from verification.servers.redis import RedisSentinels, RedisServer, redis_cluster, redis_sentinels, redis_server

# A test that requests one of these only at run time names its markers itself.
MARKERS: dict[str, tuple[str, ...]] = {
    "cassandra_node": ("scylla",),
    "cassandra_cluster": ("scylla", "cluster"),
    "cassandra_datacenters": ("scylla", "cluster"),
    "redis_node": ("redis",),
    "redis_nodes": ("redis", "cluster"),
    "redis_with_sentinel": ("redis",),
    "valkey_node": ("redis",),
    "kafka_node": ("kafka",),
    "rabbitmq_node": ("rabbitmq",),
    "nats_node": ("nats",),
    "chromium": ("chromium",),
    "kubectl": ("kubectl",),
    "prometheus_tools": ("prometheus",),
    "systemd_tools": ("systemd",),
    "foreign_clients": ("foreign",),
    "web_client": ("chromium",),
}
SERVERS = {marker for markers in MARKERS.values() for marker in markers} - {"cluster"}
MISSING = {
    "scylla": fetch.cassandra_missing,
    "redis": fetch.redis_missing,
    "valkey": fetch.valkey_missing,
    "kafka": fetch.kafka_missing,
    "rabbitmq": fetch.rabbitmq_missing,
    "nats": fetch.nats_missing,
    "chromium": fetch.chromium_missing,
    "kubectl": go_programs.kubectl_missing,
    "prometheus": fetch.prometheus_missing,
    "systemd": fetch.systemd_missing,
    "go": building.go_missing,
    "node": building.node_missing,
    "web client": fetch.web_client_missing,
}


def need(server: str) -> None:
    """Skip the test if the server cannot be started; in CI, which must skip nothing, fail it."""
    if missing := MISSING[server]():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)


def pytest_report_header() -> list[str]:
    """Say at the top which tests will be skipped, and what to do about it."""
    return [f"{server} tests cannot run: {missing}" for server, why in MISSING.items() if (missing := why())]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test the markers of the servers that it uses."""
    for item in items:
        for fixture in MARKERS.keys() & getattr(item, "fixturenames", ()):
            for marker in MARKERS[fixture]:
                item.add_marker(marker)
        given = {marker.name for marker in item.iter_markers()}
        if not SERVERS.isdisjoint(given):
            item.add_marker("server")


@pytest.fixture(scope="session")
def cassandra_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cassandra]:
    """One node. Leave it running, and use a keyspace of your own."""
    need("scylla")
    with cassandra(tmp_path_factory.mktemp("cassandra")) as started:
        yield started


@pytest.fixture(scope="session")
def cassandra_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cassandra]:
    """Three nodes. A test that kills one must start it again and wait until the cluster has settled."""
    need("scylla")
    with cassandra(tmp_path_factory.mktemp("cassandra-cluster"), 3) as started:
        yield started


@pytest.fixture(scope="session")
def cassandra_datacenters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cassandra]:
    """Two nodes, each in its own datacenter: `east` and `west`. Leave them running, and use a keyspace of your own."""
    need("scylla")
    with cassandra(tmp_path_factory.mktemp("cassandra-datacenters"), 2, datacenters=("east", "west")) as started:
        yield started


@pytest.fixture(scope="session")
def redis_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One server that accepts every client. Leave it running, and use keys of your own."""
    need("redis")
    with redis_server(tmp_path_factory.mktemp("redis")) as started:
        yield started


@pytest.fixture(scope="session")
def redis_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RedisServer, ...]]:
    """A cluster of three masters. Leave it whole, and use keys of your own."""
    need("redis")
    with redis_cluster(tmp_path_factory.mktemp("redis-cluster")) as started:
        yield started


@pytest.fixture(scope="session")
def valkey_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Valkey that accepts every client. Leave it running, and use keys of your own."""
    need("valkey")
    with redis_server(tmp_path_factory.mktemp("valkey"), program=fetch.valkey_program()) as started:
        yield started


@pytest.fixture
def redis_with_sentinel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisSentinels]:
    """A master, its replica and a sentinel, for one test, because the test changes them."""
    need("redis")
    with redis_sentinels(tmp_path_factory.mktemp("redis-sentinel")) as started:
        yield started


@pytest.fixture(scope="session")
def kafka_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """One node that accepts every client and creates no topic by itself. Leave it running, and use topics of your
    own.
    """
    need("kafka")
    with kafka(tmp_path_factory.mktemp("kafka")) as started:
        yield started


@pytest.fixture(scope="session")
def rabbitmq_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitServer]:
    """One node. Leave it running, and use exchanges and queues of your own."""
    need("rabbitmq")
    with rabbit_server(tmp_path_factory.mktemp("rabbitmq")) as started:
        yield started


@pytest.fixture(scope="session")
def nats_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """One node with JetStream. Leave it running, and use streams and subjects of your own."""
    need("nats")
    with nats_server(tmp_path_factory.mktemp("nats")) as started:
        yield started


@pytest.fixture(scope="session")
def chromium() -> str:
    """The program, for Playwright."""
    need("chromium")
    return str(which(fetch.BROWSER))


@pytest.fixture(scope="session")
def kubectl() -> str:
    """The program, which builds manifests without a cluster."""
    need("kubectl")
    return go_programs.kubectl()


@pytest.fixture(scope="session")
def web_client() -> str:
    """The script with the npm clients of Connect and gRPC-Web, and with pages of frameworks."""
    need("web client")
    return fetch.web_client().read_text()


@pytest.fixture(scope="session")
def prometheus_tools() -> None:
    """Promtool and amtool, which check rules and configurations."""
    need("prometheus")


@pytest.fixture(scope="session")
def systemd_tools() -> None:
    """What checks units, without systemd running."""
    need("systemd")


@pytest.fixture(scope="session")
def foreign_clients() -> None:
    """Clients of Go and Node, which are built when they are first used."""
    need("go")
    need("node")
