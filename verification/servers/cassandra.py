"""Apache Cassandra with temporary data: one node, or three on three loopback addresses (Linux has all of them)."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, TypeAlias

from cassandra import ConsistencyLevel, DriverException
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.connection import ConnectionException
from cassandra.policies import FallthroughRetryPolicy, WhiteListRoundRobinPolicy
from cassandra.query import SimpleStatement

from verification.servers import fetch
from verification.servers.process import ServerProcess, free_port, wait_until

DATACENTER = "datacenter1"
LOCAL = "127.0.0.1"
"""Where JMX listens, whatever the address of the node."""
HEAP_MB = 384
DIRECT_MB = 256
START_S_MAX = 120
REQUEST_S_MAX = 10
COMMAND_S_MAX = 300

Nodes: TypeAlias = Literal[1, 2, 3]
Paxos: TypeAlias = Literal["v1", "v2"]

EXPORTS = (
    "java.base/java.lang.ref",
    "java.base/jdk.internal.misc",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "jdk.attach/sun.tools.attach",
    "jdk.compiler/com.sun.tools.javac.file",
    "jdk.unsupported/sun.misc",
)
OPENS = (
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.lang.reflect",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "jdk.compiler/com.sun.tools.javac",
    "jdk.management/com.sun.management.internal",
)
MODULES = (
    *(f"--add-exports={package}=ALL-UNNAMED" for package in EXPORTS),
    *(f"--add-opens={package}=ALL-UNNAMED" for package in OPENS),
)
PROPERTIES = {
    "cassandra-foreground": "yes",
    "cassandra.consistent.rangemovement": "false",
    "cassandra.skip_wait_for_gossip_to_settle": "0",
    "cassandra.superuser_setup_delay_ms": "0",
    "io.netty.tryReflectionSetAccessible": "true",
    "java.net.preferIPv4Stack": "true",
    "jdk.attach.allowAttachSelf": "true",
}
NOT_READY = (OSError, DriverException, ConnectionException, NoHostAvailable)
# Cassandra itself keeps three replicas of this table. With one on each node, it refuses if it considers a node dead.
ON_ALL_NODES = "SELECT parent_id FROM system_distributed.parent_repair_history"
LOGBACK = """<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%date{ISO8601} %-5level [%thread] %logger{0} - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="OUT"/></root>
</configuration>
"""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What the nodes of one cluster have in common."""

    addresses: Sequence[str]
    datacenters: Sequence[str]
    """The datacenter of each node."""
    cql_port: int
    storage_port: int
    paxos: Paxos
    heap_mb: int
    optimized: bool
    jmx_ports: Mapping[str, int]
    """Where the node at an address takes commands of nodetool; empty where none does."""

    def configuration(self, address: str, folder: Path) -> dict[str, object]:
        """The cassandra.yaml of the node at the address."""
        token = -(2**63) + 2**64 * self.addresses.index(address) // len(self.addresses)
        seeds = [{"seeds": ",".join(self.addresses)}]
        return {
            "cluster_name": "travio-tests",
            "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
            "endpoint_snitch": "GossipingPropertyFileSnitch",
            "num_tokens": 1,
            "initial_token": str(token),
            "auto_bootstrap": False,
            "seed_provider": [{"class_name": "org.apache.cassandra.locator.SimpleSeedProvider", "parameters": seeds}],
            "listen_address": address,
            "rpc_address": address,
            "native_transport_port": self.cql_port,
            "storage_port": self.storage_port,
            "ssl_storage_port": self.storage_port + 1,
            **{f"{kind}_directory": str(folder / kind) for kind in ("commitlog", "hints", "saved_caches")},
            "data_file_directories": [str(folder / "data")],
            # With `periodic`, a kill loses acknowledged batches.
            "commitlog_sync": "batch",
            "paxos_variant": self.paxos,
            "cas_contention_timeout": "1000ms",
            "write_request_timeout": "2000ms",
            "prepared_statements_cache_size": "128MiB",
            # Small, because three of them and the tests run on one machine.
            "commitlog_segment_size": "8MiB",
            "commitlog_total_space": "64MiB",
            "concurrent_compactors": 1,
            "concurrent_reads": 8,
            "concurrent_writes": 8,
            "disk_access_mode": "standard",
            "file_cache_size": "32MiB",
            "key_cache_size": "1MiB",
            "memtable_allocation_type": "heap_buffers",
            "memtable_heap_space": "64MiB",
            "memtable_offheap_space": "0MiB",
            "auto_snapshot": False,
        }

    def command(self, address: str, folder: Path, *archiving: str) -> list[str]:
        """The command that starts the node at the address, configured in the folder."""
        jars = _jars()
        agent = next(jar for jar in jars if "/jamm-" in jar)
        properties = PROPERTIES | {
            "cassandra.config": f"file://{folder}/cassandra.yaml",
            "cassandra-rackdc.properties": f"file://{folder}/cassandra-rackdc.properties",
            "cassandra.logdir": str(folder),
            "cassandra.storagedir": str(folder),
            "logback.configurationFile": str(folder / "logback.xml"),
        }
        if address in self.jmx_ports:
            properties["cassandra.jmx.local.port"] = str(self.jmx_ports[address])
        return [
            fetch.java(),
            f"-Xms{self.heap_mb}m",
            f"-Xmx{self.heap_mb}m",
            f"-XX:MaxDirectMemorySize={DIRECT_MB}m",
            "-Xss512k",
            "-XX:+UseSerialGC",
            *([] if self.optimized else ["-XX:TieredStopAtLevel=1"]),
            "-XX:-UsePerfData",
            "-XX:+ExitOnOutOfMemoryError",
            *(archiving or _archived_classes()),
            *([] if archiving else [f"-javaagent:{agent}"]),
            *MODULES,
            *(f"-D{name}={value}" for name, value in properties.items()),
            "-cp",
            ":".join(jars),
            "org.apache.cassandra.service.CassandraDaemon",
        ]

    def node(self, address: str, folder: Path, *archiving: str) -> "Node":
        """The node at the address, configured in the folder, not started."""
        folder.mkdir(parents=True)
        (folder / "cassandra.yaml").write_text(json.dumps(self.configuration(address, folder), indent=1))
        (folder / "logback.xml").write_text(LOGBACK)
        datacenter = self.datacenters[self.addresses.index(address)]
        (folder / "cassandra-rackdc.properties").write_text(f"dc={datacenter}\nrack=rack1\n")
        command = self.command(address, folder, *archiving)
        process = ServerProcess(f"cassandra {address}", command, folder, {"MALLOC_ARENA_MAX": "2"})
        return Node(self, address, process)


@dataclass(frozen=True)
class Node:
    """One node. Its data is kept until the cluster is closed, whatever happens to its process."""

    shape: Shape
    address: str
    process: ServerProcess

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()

    def stop(self) -> None:
        """SIGTERM, which takes a few seconds: the node tells the others and writes its memory to disk."""
        self.process.terminate()

    def pause(self) -> None:
        """SIGSTOP: connections stay open, nothing answers."""
        self.process.pause()

    def resume(self) -> None:
        """SIGCONT."""
        self.process.resume()

    def nodetool(self, *words: str) -> str:
        """What nodetool says to the words, of a node of a cluster that `takes_commands`. Raises CalledProcessError, and
        TimeoutExpired.
        """
        port, folder = str(self.shape.jmx_ports[self.address]), self.process.folder
        places = [f"-Duser.home={folder}", f"-Dlogback.configurationFile={folder}/logback.xml"]
        tool = [*places, *MODULES, "-cp", ":".join(_jars()), "org.apache.cassandra.tools.NodeTool", "-p", port, *words]
        return subprocess.run(
            [fetch.java(), *tool], check=True, stdout=subprocess.PIPE, text=True, timeout=COMMAND_S_MAX
        ).stdout

    def start(self) -> None:
        """Start it, with the data that it has, and return when it answers CQL. Raises ServerFailedError."""
        self.process.start()
        wait_until(self.answers, f"{self.address} answers CQL", [self.process], limit_s=START_S_MAX)

    def restart(self) -> None:
        """Kill it if it runs, then start it."""
        self.kill()
        self.start()

    def answers(self) -> bool:
        """Whether it accepts connections and runs a query."""
        try:
            socket.create_connection((self.address, self.shape.cql_port), REQUEST_S_MAX).close()
            with session([self.address], self.shape.cql_port) as own:
                return own.execute("SELECT key FROM system.local").one() is not None
        except NOT_READY:
            return False

    def sees_all(self) -> bool:
        """Whether it sees all nodes running, with one schema."""
        nodes = len(self.shape.addresses)
        try:
            with session([self.address], self.shape.cql_port) as own:
                if nodes > 1:
                    level = ConsistencyLevel.TWO if nodes == 2 else ConsistencyLevel.ALL
                    own.execute(SimpleStatement(ON_ALL_NODES, consistency_level=level))
                tables = ("SELECT schema_version FROM system.local", "SELECT schema_version FROM system.peers_v2")
                versions = [row.schema_version for query in tables for row in own.execute(query)]
                return len(versions) == nodes and len(set(versions)) == 1
        except NOT_READY:
            return False


@dataclass(frozen=True)
class Cassandra:
    """A running cluster."""

    shape: Shape
    nodes: tuple[Node, ...]

    @property
    def hosts(self) -> list[str]:
        """The addresses of the nodes; all have the same port."""
        return [node.address for node in self.nodes]

    @property
    def port(self) -> int:
        """The CQL port of every node."""
        return self.shape.cql_port

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session of the driver with all nodes, at QUORUM, for queries of a test."""
        with session(self.hosts, self.port) as opened:
            yield opened

    def start(self) -> None:
        """Start all nodes at once and return when each sees all and they agree. Raises ServerFailedError."""
        for node in self.nodes:
            node.process.start()
        self.settle()

    def settle(self) -> None:
        """Return when each node sees all running, with one schema, as after a restart. Raises ServerFailedError."""
        processes = [node.process for node in self.nodes]
        for node in self.nodes:
            wait_until(node.sees_all, f"{node.address} sees all nodes", processes, limit_s=START_S_MAX)

    def close(self) -> None:
        """Kill every node and remove its data; logs and configuration stay in the folder."""
        for node in self.nodes:
            node.kill()
            for kind in ("data", "commitlog", "hints", "saved_caches"):
                shutil.rmtree(node.process.folder / kind, ignore_errors=True)


@contextmanager
def cassandra(
    folder: Path,
    nodes: Nodes = 1,
    *,
    datacenters: Sequence[str] = (),
    paxos: Paxos = "v2",
    heap_mb: int = HEAP_MB,
    optimized: bool = False,
    takes_commands: bool = False,
) -> Iterator[Cassandra]:
    """A cluster in a folder, ready for use. The keyspace chooses the replication: up to `nodes` in DATACENTER, or up to
    the number of nodes in each of the `datacenters`, which name the datacenter of each node. `optimized` is for
    measuring: Java optimizes fully, and takes half as long again to start. With
    `takes_commands` each node listens to `nodetool`. Raises ServersMissingError if `make servers` has not been run,
    ServerFailedError with the end of the logs.
    """
    shape = _shape(nodes, datacenters, paxos=paxos, heap_mb=heap_mb, optimized=optimized, takes_commands=takes_commands)
    addresses = shape.addresses
    cluster = Cassandra(shape, tuple(shape.node(address, folder / address) for address in addresses))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


def _shape(
    nodes: Nodes,
    datacenters: Sequence[str] = (),
    *,
    paxos: Paxos = "v2",
    heap_mb: int = HEAP_MB,
    optimized: bool = False,
    takes_commands: bool = False,
) -> Shape:
    if missing := fetch.cassandra_missing():
        raise fetch.ServersMissingError(missing)
    addresses = [f"127.0.0.{number}" for number in range(1, nodes + 1)]
    return Shape(
        addresses=addresses,
        datacenters=datacenters or [DATACENTER] * nodes,
        cql_port=free_port(*addresses),
        storage_port=free_port(*addresses),
        paxos=paxos,
        heap_mb=heap_mb,
        optimized=optimized,
        jmx_ports={address: free_port(LOCAL) for address in addresses} if takes_commands else {},
    )


def _jars() -> list[str]:
    return sorted(str(jar) for jar in fetch.jars().glob("*.jar"))


def _archived_classes() -> list[str]:
    archive = fetch.class_archive()
    return [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []


def archive_classes() -> None:
    """Start a node once and let Java archive the classes that it has loaded by then. Takes about half a minute; does
    nothing if the archive exists. Java ignores an archive of another version.
    """
    archive = fetch.class_archive()
    if archive.exists():
        return
    unfinished = archive.with_suffix(".unfinished")
    with TemporaryDirectory() as folder:
        shape = _shape(1)
        node = shape.node(shape.addresses[0], Path(folder) / "node", f"-XX:ArchiveClassesAtExit={unfinished}")
        try:
            node.start()
            node.stop()
        finally:
            node.kill()
    unfinished.rename(archive)


@contextmanager
def session(hosts: list[str], port: int) -> Iterator[Session]:
    """A session of the driver with these nodes only, at QUORUM, without retries."""
    profile = ExecutionProfile(
        load_balancing_policy=WhiteListRoundRobinPolicy(hosts),
        retry_policy=FallthroughRetryPolicy(),
        consistency_level=ConsistencyLevel.QUORUM,
        request_timeout=REQUEST_S_MAX,
    )
    cluster = Cluster(hosts, port=port, protocol_version=4, execution_profiles={EXEC_PROFILE_DEFAULT: profile})
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()
