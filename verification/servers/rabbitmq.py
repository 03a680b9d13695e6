"""RabbitMQ with temporary data: one node that keeps what it acknowledged, with a port mapper of its own."""

import os
import secrets
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from travio_inventory.bench.free_ports import free_port
from verification.servers import fetch
from verification.servers.certificates import Certificates
from verification.servers.process import OneProcess, ServerFailedError, ServerProcess, wait_until

HOST = "127.0.0.1"
START_S_MAX = 120
COMMAND_S_MAX = 120
PROGRAM_FOLDER = Path("/usr/lib/rabbitmq/bin")
USER = "travio"
MEMORY = "512MB"
DISK_FREE = "50MB"
LITTLE_WORK = "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"
ONLY_HERE = "+P 100000 -start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"


@dataclass(frozen=True)
class RabbitServer(OneProcess):
    """One node. Its one user may do everything; with certificates it listens only for TLS."""

    port: int
    password: str
    process: ServerProcess
    mapper: ServerProcess
    environment: dict[str, str]
    certificates: Certificates | None

    @property
    def address(self) -> str:
        """Its host and port."""
        return f"{HOST}:{self.port}"

    @property
    def url(self) -> str:
        """Where it is, with user and password."""
        return f"amqp{'s' if self.certificates else ''}://{USER}:{self.password}@{self.address}/"

    @property
    def trusting(self) -> ssl.SSLContext | None:
        """How its clients connect, if it takes only TLS."""
        if self.certificates is None:
            return None
        made = ssl.create_default_context(cafile=self.certificates.authority)
        made.load_cert_chain(self.certificates.certificate, self.certificates.key)
        return made

    def start(self) -> None:
        """Start it and return when it accepts connections. Raises ServerFailedError."""
        if not self.mapper.runs:
            self.mapper.start()
        self.process.start()
        wait_until(self.listens, f"{self.address} listens", [self.process, self.mapper], limit_s=START_S_MAX)

    def listens(self) -> bool:
        """Whether it accepts connections."""
        try:
            socket.create_connection((HOST, self.port), 0.5).close()
        except OSError:
            return False
        return True

    def control(self, *words: str) -> str:
        """What rabbitmqctl answers. Raises ServerFailedError."""
        command = [str(PROGRAM_FOLDER / "rabbitmqctl"), "--quiet", *words]
        environment = {**os.environ, **self.environment}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=COMMAND_S_MAX, check=False
        )
        if done.returncode:
            raise ServerFailedError(f"rabbitmqctl {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    @contextmanager
    def full(self) -> Iterator[None]:
        """Its disk counts as full: it accepts connections and reads nothing from those that publish."""
        self.control("set_disk_free_limit", "1000000GB")
        try:
            yield
        finally:
            self.control("set_disk_free_limit", DISK_FREE)

    @contextmanager
    def short_of_memory(self) -> Iterator[None]:
        """Its memory counts as used up: connections that publish are blocked."""
        self.control("set_vm_memory_high_watermark", "absolute", "1MB")
        try:
            yield
        finally:
            self.control("set_vm_memory_high_watermark", "absolute", MEMORY)


@contextmanager
def rabbit_server(folder: Path, certificates: Certificates | None = None) -> Iterator[RabbitServer]:
    """One node in a folder, with TLS if there are certificates. Raises ServersMissingError, ServerFailedError."""
    server = _configured(folder / "rabbitmq", certificates)
    try:
        server.start()
        yield server
    finally:
        server.process.kill()
        server.mapper.kill()
        shutil.rmtree(server.process.folder / "data", ignore_errors=True)


def _configured(folder: Path, certificates: Certificates | None) -> RabbitServer:
    """A node that is configured in the folder, not started."""
    if missing := fetch.rabbitmq_missing():
        raise fetch.ServersMissingError(missing)
    folder.mkdir(parents=True)
    port, node_port, mapper_port = free_port(HOST), free_port(HOST), free_port(HOST)
    password = secrets.token_hex(16)
    lines = [
        f"default_user = {USER}",
        f"default_pass = {password}",
        f"vm_memory_high_watermark.absolute = {MEMORY}",
        f"disk_free_limit.absolute = {DISK_FREE}",
        "log.file = false",
        "log.console = true",
        "log.console.level = warning",
        *_listeners(port, certificates),
    ]
    configuration = folder / "rabbitmq.conf"
    configuration.touch(mode=0o600)
    configuration.write_text("\n".join(lines) + "\n")
    (folder / "plugins").write_text("[].\n")
    environment = _environment(folder, node_port, mapper_port)
    mapper = ServerProcess("epmd", ["epmd", "-address", HOST, "-port", str(mapper_port)], folder)
    program = [str(PROGRAM_FOLDER / "rabbitmq-server")]
    process = ServerProcess(f"rabbitmq {port}", program, folder, environment)
    return RabbitServer(port, password, process, mapper, environment, certificates)


def _listeners(port: int, certificates: Certificates | None) -> list[str]:
    if certificates is None:
        return [f"listeners.tcp.1 = {HOST}:{port}"]
    return [
        "listeners.tcp = none",
        f"listeners.ssl.1 = {HOST}:{port}",
        f"ssl_options.cacertfile = {certificates.authority}",
        f"ssl_options.certfile = {certificates.certificate}",
        f"ssl_options.keyfile = {certificates.key}",
        f"ssl_options.verify = verify_{'peer' if certificates.of_clients else 'none'}",
        f"ssl_options.fail_if_no_peer_cert = {str(certificates.of_clients).lower()}",
    ]


def _environment(folder: Path, node_port: int, mapper_port: int) -> dict[str, str]:
    """What the server and rabbitmqctl read; both have their cookie in HOME."""
    return {
        "HOME": str(folder),
        "RUNNING_UNDER_SYSTEMD": "true",  # one process, which is the server, instead of a shell that waits for it
        "RABBITMQ_NODENAME": f"node{node_port}@localhost",
        "RABBITMQ_DIST_PORT": str(node_port),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": LITTLE_WORK,
        "RABBITMQ_SERVER_ERL_ARGS": ONLY_HERE,
        "ERL_EPMD_PORT": str(mapper_port),
        "ERL_EPMD_ADDRESS": HOST,
    }
