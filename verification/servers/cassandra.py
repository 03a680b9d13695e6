"""Apache Cassandra with temporary data: one node, or three on three loopback addresses (Linux has all of them)."""

import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from ssl import create_default_context
from tempfile import TemporaryDirectory
from typing import Literal, TypeAlias

from cassandra import ConsistencyLevel, DriverException
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.connection import ConnectionException
from cassandra.policies import FallthroughRetryPolicy, WhiteListRoundRobinPolicy
from cassandra.query import SimpleStatement

from travio_inventory.bench.free_ports import free_port
from verification.servers import fetch
from verification.servers.cassandra_shape import HEAP_MB, MODULES, SUPERUSER, Paxos, Shape, jars
from verification.servers.certificates import Certificates
from verification.servers.process import OneProcess, ServerProcess, wait_until

DATACENTER = "datacenter1"
LOCAL = "127.0.0.1"
"""Where JMX listens, whatever the address of the node."""
START_S_MAX = 120
REQUEST_S_MAX = 30
COMMAND_S_MAX = 300

Nodes: TypeAlias = Literal[1, 2, 3]

NOT_READY = (OSError, DriverException, ConnectionException, NoHostAvailable)
# Cassandra itself keeps three replicas of this table. With one on each node, it refuses if it considers a node dead.
ON_ALL_NODES = "SELECT parent_id FROM system_distributed.parent_repair_history"


@dataclass(frozen=True)
class Node(OneProcess):
    """One node. Its data is kept until the cluster is closed, whatever happens to its process."""

    shape: Shape
    address: str
    process: ServerProcess

    def nodetool(self, *words: str) -> str:
        """What nodetool says to the words, of a node of a cluster that `takes_commands`. Raises CalledProcessError, and
        TimeoutExpired.
        """
        port, folder = str(self.shape.jmx_ports[self.address]), self.process.folder
        places = [f"-Duser.home={folder}", f"-Dlogback.configurationFile={folder}/logback.xml"]
        tool = [*places, *MODULES, "-cp", ":".join(jars()), "org.apache.cassandra.tools.NodeTool", "-p", port, *words]
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

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session of the driver with this node only."""
        with session([self.address], self.shape) as opened:
            yield opened

    def answers(self) -> bool:
        """Whether it accepts connections and runs a query."""
        try:
            socket.create_connection((self.address, self.shape.cql_port), REQUEST_S_MAX).close()
            with self.session() as own:
                return own.execute("SELECT key FROM system.local").one() is not None
        except NOT_READY:
            return False

    def sees_all(self) -> bool:
        """Whether it sees all nodes running, with one schema."""
        nodes = self.shape.founders
        try:
            with self.session() as own:
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
    joining: tuple[Node, ...]
    """Not started: a node that is started joins the cluster, in a minute."""

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
        with session(self.hosts, self.shape) as opened:
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
        for node in self.nodes + self.joining:
            node.kill()
            for kind in ("data", "commitlog", "hints", "saved_caches"):
                shutil.rmtree(node.process.folder / kind, ignore_errors=True)


@contextmanager
def cassandra(
    folder: Path,
    nodes: Nodes = 1,
    *,
    joining: int = 0,
    datacenters: Sequence[str] = (),
    paxos: Paxos = "v2",
    heap_mb: int = HEAP_MB,
    optimized: bool = False,
    takes_commands: bool = False,
    protected_by: Certificates | None = None,
) -> Iterator[Cassandra]:
    """A cluster in a folder, ready for use. The keyspace chooses the replication: up to `nodes` in DATACENTER, or up to
    the number of nodes in each of the `datacenters`, which name the datacenter of each node. So many more may join
    later. `optimized` is for measuring: Java optimizes fully, and takes half as long again to start. With
    `takes_commands` each node listens to `nodetool`. Protected by certificates it asks for TLS and a password. Raises
    ServersMissingError if `make servers` has not been run, ServerFailedError with the end of the logs.
    """
    shape = _shape(
        nodes,
        datacenters,
        joining=joining,
        paxos=paxos,
        heap_mb=heap_mb,
        optimized=optimized,
        takes_commands=takes_commands,
        protected_by=protected_by,
    )
    made = tuple(_node(shape, address, folder / address) for address in shape.addresses)
    cluster = Cassandra(shape, made[:nodes], made[nodes:])
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


def _shape(
    nodes: Nodes,
    datacenters: Sequence[str] = (),
    *,
    joining: int = 0,
    paxos: Paxos = "v2",
    heap_mb: int = HEAP_MB,
    optimized: bool = False,
    takes_commands: bool = False,
    protected_by: Certificates | None = None,
) -> Shape:
    if missing := fetch.cassandra_missing():
        raise fetch.ServersMissingError(missing)
    addresses = [f"127.0.0.{number}" for number in range(1, nodes + joining + 1)]
    return Shape(
        addresses=addresses,
        datacenters=datacenters or [DATACENTER] * (nodes + joining),
        founders=nodes,
        cql_port=free_port(*addresses),
        storage_port=free_port(*addresses),
        paxos=paxos,
        heap_mb=heap_mb,
        optimized=optimized,
        jmx_ports={address: free_port(LOCAL) for address in addresses} if takes_commands else {},
        protected_by=protected_by,
    )


def archive_classes() -> None:
    """Start a node once and let Java archive the classes that it has loaded by then. Takes about half a minute; does
    nothing if the archive exists. Java ignores an archive of another version.
    """
    archive = fetch.class_archive("cassandra")
    if archive.exists():
        return
    unfinished = archive.with_suffix(".unfinished")
    with TemporaryDirectory() as folder:
        shape = _shape(1)
        node = _node(shape, shape.addresses[0], Path(folder) / "node", f"-XX:ArchiveClassesAtExit={unfinished}")
        try:
            node.start()
            node.stop()
        finally:
            node.kill()
    unfinished.rename(archive)


def _node(shape: Shape, address: str, folder: Path, *archiving: str) -> Node:
    """The node at the address, configured in the folder, not started."""
    shape.write(address, folder)
    command = shape.command(address, folder, *archiving)
    return Node(shape, address, ServerProcess(f"cassandra {address}", command, folder, {"MALLOC_ARENA_MAX": "2"}))


@contextmanager
def session(hosts: list[str], shape: Shape) -> Iterator[Session]:
    """A session of the driver with these nodes only, at QUORUM, without retries."""
    profile = ExecutionProfile(
        load_balancing_policy=WhiteListRoundRobinPolicy(hosts),
        retry_policy=FallthroughRetryPolicy(),
        consistency_level=ConsistencyLevel.QUORUM,
        request_timeout=REQUEST_S_MAX,
    )
    protection = shape.protected_by
    cluster = Cluster(
        hosts,
        port=shape.cql_port,
        protocol_version=4,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        auth_provider=PlainTextAuthProvider(SUPERUSER, SUPERUSER) if protection else None,
        ssl_context=create_default_context(cafile=protection.authority) if protection else None,
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()
