"""Apache Kafka with temporary data: one node, which is broker and controller."""

import asyncio
import base64
import secrets
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Literal, TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import InvalidReplicationFactorError, for_code

from travio_inventory.bench.free_ports import free_port
from verification.servers import fetch
from verification.servers.certificates import Certificates
from verification.servers.process import POLL_S, OneProcess, ServerProcess, wait_until

HOST = "127.0.0.1"
HEAP_MB = 256
START_S_MAX = 120
COMMAND_S_MAX = 120
READ_MS_MAX = 1_000
PARTITIONS = 3

Mechanism: TypeAlias = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

_MODULES: Mapping[Mechanism, str] = MappingProxyType(
    {
        "PLAIN": "plain.PlainLoginModule",
        "SCRAM-SHA-256": "scram.ScramLoginModule",
        "SCRAM-SHA-512": "scram.ScramLoginModule",
    }
)
# A broker that was killed may join again when its old session is over, which takes 9 s by default.
_ALWAYS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "inter.broker.listener.name": "INTERNAL",
    "controller.listener.names": "CONTROLLER",
    "broker.session.timeout.ms": "1000",
    "broker.heartbeat.interval.ms": "200",
    "num.partitions": str(PARTITIONS),
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "log.cleaner.dedupe.buffer.size": "16777216",
    "log.cleaner.threads": "1",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "background.threads": "2",
}


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user, and how it says its password."""

    name: str
    password: str = field(default_factory=lambda: secrets.token_hex(16))
    mechanism: Mechanism = "SCRAM-SHA-512"


@dataclass(frozen=True, kw_only=True)
class Protection:
    """What a client needs: an account, a certificate's authority to trust, or both."""

    certificates: Certificates | None = None
    account: Account | None = None

    @property
    def protocol(self) -> str:
        """Kafka's name of it."""
        transport = "SSL" if self.certificates else "PLAINTEXT"
        return f"SASL_{transport}" if self.account else transport

    def properties(self, folder: Path) -> Iterator[tuple[str, str]]:
        """The lines of the server's configuration."""
        if made := self.certificates:
            store = folder / "server.pem"
            store.touch(mode=0o600)
            store.write_text(made.key.read_text() + made.certificate.read_text())
            yield from (("ssl.keystore.type", "PEM"), ("ssl.keystore.location", str(store)))
            if made.of_clients:
                yield from (("ssl.truststore.type", "PEM"), ("ssl.truststore.location", str(made.authority)))
                yield "listener.name.client.ssl.client.auth", "required"
        if account := self.account:
            own, others = f'username="{account.name}" password="{account.password}"', ""
            if account.mechanism == "PLAIN":
                others = f' user_{account.name}="{account.password}"'
            module = f"org.apache.kafka.common.security.{_MODULES[account.mechanism]}"
            listener = f"listener.name.client.{account.mechanism.lower()}"
            yield "sasl.enabled.mechanisms", account.mechanism
            yield f"{listener}.sasl.jaas.config", f"{module} required {own}{others};"


OPEN = Protection()


@dataclass(frozen=True)
class Kafka(OneProcess):
    """One node. Its data is kept until the folder goes, whatever happens to its process."""

    port: int
    internal_port: int
    process: ServerProcess

    @property
    def address(self) -> str:
        """Where clients go."""
        return f"{HOST}:{self.port}"

    @property
    def internal(self) -> str:
        """Where this process goes: without protection."""
        return f"{HOST}:{self.internal_port}"

    def start(self) -> None:
        """Start it, with the data that it has, and return when it accepts connections. Raises ServerFailedError."""
        self.process.start()
        wait_until(self.accepts, f"{self.address} accepts connections", [self.process], limit_s=START_S_MAX)

    def accepts(self) -> bool:
        """Whether it accepts connections."""
        with suppress(OSError):
            for port in (self.port, self.internal_port):
                socket.create_connection((HOST, port), 1).close()
            return True
        return False

    def restart(self) -> None:
        """Kill it if it runs, then start it."""
        self.kill()
        self.start()

    async def create(self, topic: str, *, partitions: int = PARTITIONS, **configuration: str) -> None:
        """Create the topic; `max_message_bytes="2000"` is `max.message.bytes`. A node that was just resumed may
        have one after a moment only. Raises KafkaError.
        """
        configs = {name.replace("_", "."): value for name, value in configuration.items()}
        admin = AIOKafkaAdminClient(bootstrap_servers=self.internal)
        await admin.start()
        try:
            async with asyncio.timeout(START_S_MAX):
                while True:
                    answer = await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)])
                    [[_, code, *said]] = answer.topic_errors
                    if code != InvalidReplicationFactorError.errno:
                        break
                    await asyncio.sleep(POLL_S)
            if code:
                raise for_code(code)(*said)
        finally:
            await admin.close()

    async def records(self, topic: str) -> list[ConsumerRecord]:
        """Everything in the topic so far: partition by partition, in order. Raises KafkaError."""
        consumer = AIOKafkaConsumer(
            topic, bootstrap_servers=self.internal, auto_offset_reset="earliest", enable_auto_commit=False
        )
        found: list[ConsumerRecord] = []
        try:
            await consumer.start()
            for place, end in (await consumer.end_offsets(consumer.assignment())).items():
                while await consumer.position(place) < end:
                    found += (await consumer.getmany(place, timeout_ms=READ_MS_MAX)).get(place, [])
        finally:
            await consumer.stop()
        return sorted(found, key=lambda record: (record.partition, record.offset))

    async def lag(self, topic: str, group: str) -> int:
        """How many events of the topic the group has not committed yet. Raises KafkaError."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.internal, group_id=group, enable_auto_commit=False)
        await consumer.start()
        try:
            places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
            ends = await consumer.end_offsets(places)
            return sum([ends[place] - (await consumer.committed(place) or 0) for place in places])
        finally:
            await consumer.stop()


@contextmanager
def kafka(
    folder: Path, protection: Protection = OPEN, *, makes_topics: bool = False, seen_at: int = 0
) -> Iterator[Kafka]:
    """One node in a folder, ready for use; with `makes_topics` whoever publishes to a topic creates it. It sends its
    clients to the port `seen_at`, from where somebody forwards them, if that is given. Raises ServersMissingError if
    `make servers` has not been run, ServerFailedError.
    """
    node = _node(folder / "kafka", protection, makes_topics=makes_topics, seen_at=seen_at)
    try:
        node.start()
        yield node
    finally:
        node.kill()


def archive_classes() -> None:
    """Start a node once and let Java archive the classes that it has loaded by then. Does nothing if the archive
    exists. Java ignores an archive of another version.
    """
    archive = fetch.class_archive("kafka")
    if archive.exists():
        return
    unfinished = archive.with_suffix(".unfinished")
    with TemporaryDirectory() as folder:
        node = _node(Path(folder) / "kafka", OPEN, f"-XX:ArchiveClassesAtExit={unfinished}")
        try:
            node.start()
            node.stop()
        finally:
            node.kill()
    unfinished.rename(archive)


def _node(folder: Path, protection: Protection, *archiving: str, makes_topics: bool = False, seen_at: int = 0) -> Kafka:
    """A node that is configured and formatted in the folder, not started."""
    if missing := fetch.kafka_missing():
        raise fetch.ServersMissingError(missing)
    folder.mkdir(parents=True)
    port, internal, controller = (free_port(HOST) for _ in range(3))
    own = f"INTERNAL://{HOST}:{internal}"
    properties = {
        **_ALWAYS,
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "listeners": f"CLIENT://{HOST}:{port},{own},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"CLIENT://{HOST}:{seen_at or port},{own}",
        "listener.security.protocol.map": f"CLIENT:{protection.protocol},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(folder / "data"),
        "auto.create.topics.enable": str(makes_topics).lower(),
        **dict(protection.properties(folder)),
    }
    configuration = folder / "server.properties"
    configuration.touch(mode=0o600)
    configuration.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    _format(folder, configuration, protection.account)
    command = [*_java(*(archiving or _archived_classes())), "kafka.Kafka", str(configuration)]
    return Kafka(port, internal, ServerProcess(f"kafka {port}", command, folder, {"MALLOC_ARENA_MAX": "2"}))


def _format(folder: Path, configuration: Path, account: Account | None) -> None:
    """Make the empty data folder of a new cluster, which knows the account. Raises CalledProcessError."""
    cluster = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
    command = [*_java(), "kafka.tools.StorageTool", "format", "-t", f"A{cluster[1:]}", "-c", str(configuration)]
    if account and account.mechanism != "PLAIN":
        command += ["--add-scram", f"{account.mechanism}=[name={account.name},password={account.password}]"]
    with (folder / "server.log").open("ab") as log:
        subprocess.run(command, cwd=folder, stdout=log, stderr=log, check=True, timeout=COMMAND_S_MAX)


def _java(*options: str) -> Sequence[str]:
    jars = ":".join(sorted(map(str, fetch.jars("kafka").glob("*.jar"))))
    memory = (f"-Xms{HEAP_MB}m", f"-Xmx{HEAP_MB}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
    return [fetch.java(), *memory, *options, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", jars]


def _archived_classes() -> Sequence[str]:
    archive = fetch.class_archive("kafka")
    return [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []
