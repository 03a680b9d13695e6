"""How a node of Apache Cassandra is configured and started."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from verification.servers import fetch
from verification.servers.certificates import Certificates

HEAP_MB = 384
DIRECT_MB = 256
RING_DELAY_MS = 2_000
"""How long a node that joins or leaves waits for the others to hear of it: the servers' default is 30 s."""
SUPERUSER = "cassandra"
"""The first user of a new cluster with passwords, and its password."""

STEADY = {"compaction_throughput": "4MiB/s", "trickle_fsync": True, "trickle_fsync_interval": "1MiB"}
"""On two cores and one disk a large step of what is written to files stands in every call's way for a second."""

YOUNG_MB = 96
"""Where new objects go: of a third of a large heap each collection stops all calls for 60 ms, of this for 20."""

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
    founders: int
    """How many of the nodes are there from the beginning; the others join them later, and take over what is theirs."""
    cql_port: int
    storage_port: int
    paxos: Paxos
    heap_mb: int
    optimized: bool
    jmx_ports: Mapping[str, int]
    """Where the node at an address takes commands of nodetool; empty where none does."""
    protected_by: Certificates | None
    """Clients need TLS and the password of SUPERUSER, if there are some."""

    def configuration(self, address: str, folder: Path) -> dict[str, object]:
        """The cassandra.yaml of the node at the address."""
        token = -(2**63) + 2**64 * self.addresses.index(address) // len(self.addresses)
        seeds = [{"seeds": ",".join(self.addresses[: self.founders])}]
        return {
            "cluster_name": "travio-tests",
            "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
            "endpoint_snitch": "GossipingPropertyFileSnitch",
            "num_tokens": 1,
            "initial_token": str(token),
            "auto_bootstrap": address not in self.addresses[: self.founders],
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
            # Small, because three of them and the tests run on one machine: what measures may ask for a larger heap, of
            # which new rows have the same part.
            "commitlog_segment_size": "8MiB",
            "commitlog_total_space": f"{self.heap_mb // 6}MiB",
            "concurrent_compactors": 1,
            "concurrent_reads": 8,
            # A thread waits for the disk with each step of a conditional batch; 32 are the servers' default.
            "concurrent_writes": 32 if self.optimized else 8,
            **(STEADY if self.optimized else {}),
            "disk_access_mode": "standard",
            "file_cache_size": "32MiB",
            "key_cache_size": "1MiB",
            "memtable_allocation_type": "heap_buffers",
            "memtable_heap_space": f"{self.heap_mb // 6}MiB",
            "memtable_offheap_space": "0MiB",
            "auto_snapshot": False,
            **(_protected(self.protected_by, folder) if self.protected_by else {}),
        }

    def command(self, address: str, folder: Path, *archiving: str) -> list[str]:
        """The command that starts the node at the address, configured in the folder."""
        paths = jars()
        agent = next(jar for jar in paths if "/jamm-" in jar)
        properties = PROPERTIES | {
            "cassandra.config": f"file://{folder}/cassandra.yaml",
            "cassandra-rackdc.properties": f"file://{folder}/cassandra-rackdc.properties",
            "cassandra.logdir": str(folder),
            "cassandra.storagedir": str(folder),
            "logback.configurationFile": str(folder / "logback.xml"),
        }
        if self.founders < len(self.addresses):
            properties["cassandra.ring_delay_ms"] = str(RING_DELAY_MS)
        if address in self.jmx_ports:
            properties["cassandra.jmx.local.port"] = str(self.jmx_ports[address])
        return [
            fetch.java(),
            f"-Xms{self.heap_mb}m",
            f"-Xmx{self.heap_mb}m",
            f"-XX:MaxDirectMemorySize={DIRECT_MB}m",
            "-Xss512k",
            "-XX:+UseSerialGC",
            *([f"-Xmn{YOUNG_MB}m"] if self.optimized else ["-XX:TieredStopAtLevel=1"]),
            "-XX:-UsePerfData",
            "-XX:+ExitOnOutOfMemoryError",
            *(archiving or _archived_classes()),
            *([] if archiving else [f"-javaagent:{agent}"]),
            *MODULES,
            *(f"-D{name}={value}" for name, value in properties.items()),
            "-cp",
            ":".join(paths),
            "org.apache.cassandra.service.CassandraDaemon",
        ]

    def write(self, address: str, folder: Path) -> None:
        """Write the files of the node at the address into its folder."""
        folder.mkdir(parents=True)
        (folder / "cassandra.yaml").write_text(json.dumps(self.configuration(address, folder), indent=1))
        (folder / "logback.xml").write_text(LOGBACK)
        datacenter = self.datacenters[self.addresses.index(address)]
        (folder / "cassandra-rackdc.properties").write_text(f"dc={datacenter}\nrack=rack1\n")


def jars() -> list[str]:
    """Of the server, in order."""
    return sorted(str(jar) for jar in fetch.jars("cassandra").glob("*.jar"))


def _archived_classes() -> list[str]:
    archive = fetch.class_archive("cassandra")
    return [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []


def _protected(certificates: Certificates, folder: Path) -> dict[str, object]:
    """Passwords, and TLS with the certificate."""
    store = folder / "server.pem"
    store.write_text(certificates.key.read_text() + certificates.certificate.read_text())
    factory = {"class_name": "org.apache.cassandra.security.PEMBasedSslContextFactory"}
    return {
        "authenticator": "PasswordAuthenticator",
        "client_encryption_options": {
            "enabled": True,
            "optional": False,
            "ssl_context_factory": factory,
            "keystore": str(store),
        },
    }
