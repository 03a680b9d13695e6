"""NATS with JetStream and temporary data: one node that keeps what it acknowledged, unless its machine fails."""

import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from travio_inventory.bench.free_ports import free_port
from verification.servers import fetch
from verification.servers.certificates import Certificates
from verification.servers.process import OneProcess, ServerProcess, wait_until

HOST = "127.0.0.1"
START_S_MAX = 120
USER = "travio"
FILE_STORE = "256MB"
PAYLOAD_BYTES_MAX = 262_144

CONFIGURATION = """
listen: "{host}:{port}"
max_payload: {payload}
jetstream {{ store_dir: "{folder}/data", max_memory_store: 16MB, max_file_store: {file_store} }}
authorization {{ user: "{user}", password: "{password}" }}
"""
TLS = """
tls {{
  cert_file: "{made.certificate}", key_file: "{made.key}", ca_file: "{made.authority}", verify: {verify}, timeout: 5
}}
"""


@dataclass(frozen=True)
class NatsServer(OneProcess):
    """One node. Its one user may do everything; with certificates it admits only TLS."""

    port: int
    password: str
    process: ServerProcess
    certificates: Certificates | None

    @property
    def address(self) -> str:
        """Its host and port."""
        return f"{HOST}:{self.port}"

    @property
    def url(self) -> str:
        """Where it is, with user and password."""
        return f"{'tls' if self.certificates else 'nats'}://{USER}:{self.password}@{self.address}"

    def start(self) -> None:
        """Start it and return when it greets. Raises ServerFailedError."""
        self.process.start()
        wait_until(self.greets, f"{self.address} greets", [self.process], limit_s=START_S_MAX)

    def greets(self) -> bool:
        """Whether it accepts connections and says who it is, JetStream included."""
        try:
            with socket.create_connection((HOST, self.port), 0.5) as probe:
                probe.settimeout(0.5)
                return b'"jetstream":true' in probe.recv(4_096)
        except OSError:
            return False


@contextmanager
def nats_server(
    folder: Path, certificates: Certificates | None = None, *, file_store: str = FILE_STORE
) -> Iterator[NatsServer]:
    """One node in a folder, whose streams may take so much of the disk. Raises ServersMissingError,
    ServerFailedError.
    """
    if missing := fetch.nats_missing():
        raise fetch.ServersMissingError(missing)
    own = folder / "nats"
    own.mkdir(parents=True)
    port, password = free_port(HOST), secrets.token_hex(16)
    text = CONFIGURATION.format(
        host=HOST, port=port, payload=PAYLOAD_BYTES_MAX, folder=own, file_store=file_store, user=USER, password=password
    )
    configuration = own / "nats.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        text + (TLS.format(made=certificates, verify=str(certificates.of_clients).lower()) if certificates else "")
    )
    process = ServerProcess(f"nats {port}", ["nats-server", "--config", str(configuration)], own)
    server = NatsServer(port, password, process, certificates)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(own / "data", ignore_errors=True)
