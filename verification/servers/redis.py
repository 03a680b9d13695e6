"""Redis, or Valkey, with temporary data: one server, a cluster of masters, or a master with replica and sentinels."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from travio_inventory.bench.free_ports import free_port
from verification.servers import fetch
from verification.servers.certificates import Certificates
from verification.servers.process import OneProcess, ServerProcess, wait_until

HOST = "127.0.0.1"
SLOTS = 16_384
START_S_MAX = 120
REPLY_S_MAX = 30
NODE_TIMEOUT_MS = 1_000
MASTER_NAME = "travio"
EVERYTHING = "~* &* +@all"

Setting: TypeAlias = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user of Redis, and what it may do, as ACL rules."""

    name: str
    password: str
    rules: str = EVERYTHING


@dataclass(frozen=True, kw_only=True)
class Protection:
    """What a client needs. With an account, only that user and this process are admitted; with certificates, only TLS
    is.
    """

    certificates: Certificates | None = None
    account: Account | None = None
    _own: Account = field(default_factory=lambda: Account(name="launcher", password=secrets.token_hex(16)))

    def settings(self, *, sentinel: bool) -> list[Setting]:
        """The lines of a server's configuration. A sentinel has few commands and knows no rules about the others, so
        the account may do everything there.
        """
        lines = []
        if made := self.certificates:
            lines += [("tls-cert-file", str(made.certificate)), ("tls-key-file", str(made.key))]
            lines += [
                ("tls-ca-cert-file", str(made.authority)),
                ("tls-auth-clients", "yes" if made.of_clients else "no"),
            ]
            lines += [("tls-replication", "yes"), ("tls-cluster", "yes")]
        if self.account:
            allowed = EVERYTHING if sentinel else self.account.rules
            lines += [("user", f"{self.account.name} on >{self.account.password} {allowed}")]
            lines += [("user", f"{self._own.name} on >{self._own.password} {EVERYTHING}")]
            lines += [("user", "default off")]
        return lines

    def login(self) -> tuple[str, str] | None:
        """The name and password that the servers and this process use; None if none is needed."""
        return (self._own.name, self._own.password) if self.account else None

    def arguments(self) -> dict[str, Any]:
        """The arguments of a redis-py client that logs in as this process."""
        login = self.login()
        trust: dict[str, Any] = {}
        if made := self.certificates:
            trust = {"ssl": True, "ssl_ca_certs": str(made.authority)}
            trust |= {"ssl_certfile": str(made.certificate), "ssl_keyfile": str(made.key)} if made.of_clients else {}
        return trust | ({"username": login[0], "password": login[1]} if login else {})


OPEN = Protection()


@dataclass(frozen=True)
class RedisServer(OneProcess):
    """One server. It keeps nothing over a restart, unless it is durable."""

    port: int
    process: ServerProcess
    protection: Protection

    @property
    def address(self) -> str:
        """Its host and port, as `REDIS_ADDR` takes them."""
        return f"{HOST}:{self.port}"

    @contextmanager
    def client(self) -> Iterator["redis.Redis"]:
        """A client that may do everything. It gives up after REPLY_S_MAX seconds, without retries."""
        limits: dict[str, Any] = {"socket_timeout": REPLY_S_MAX, "socket_connect_timeout": REPLY_S_MAX}
        once = Retry(NoBackoff(), 0)
        with redis.Redis(HOST, self.port, retry=once, **limits, **self.protection.arguments()) as opened:
            yield opened

    def ask(self, *words: str | int) -> Any:  # noqa: ANN401 - each command has its own kind of reply
        """The reply to one command, as redis-py decodes it. Raises redis.RedisError."""
        with self.client() as own:
            return own.execute_command(*words)  # type: ignore[no-untyped-call]

    def start(self) -> None:
        """Start it and return when it answers. Raises ServerFailedError."""
        self.process.start()
        wait_until(self.answers, f"{self.address} answers", [self.process], limit_s=START_S_MAX)

    def restart(self) -> None:
        """Kill it if it runs, then start it: empty, unless it is durable."""
        self.kill()
        self.start()

    def answers(self) -> bool:
        """Whether it accepts connections and commands."""
        try:
            return bool(self.ask("PING"))
        except redis.RedisError:
            return False


@dataclass(frozen=True)
class RedisSentinels:
    """A master, its replica, and the sentinels that promote the replica when the master is gone."""

    master: RedisServer
    replica: RedisServer
    sentinels: tuple[RedisServer, ...]

    def master_port(self) -> int:
        """The port of the server that the first sentinel considers the master."""
        _, port = self.sentinels[0].ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME)
        return int(port)


@contextmanager
def redis_server(
    folder: Path, protection: Protection = OPEN, *, durable: bool = False, program: str = ""
) -> Iterator[RedisServer]:
    """One server in a folder; a `durable` one acknowledges only what is on disk. Raises ServersMissingError,
    ServerFailedError.
    """
    keep = [("appendonly", "yes"), ("appendfsync", "always")] if durable else []
    with _running([_server(folder / "redis", protection, keep, program=program)]) as (server,):
        yield server


@contextmanager
def redis_cluster(
    folder: Path, protection: Protection = OPEN, *, nodes: int = 3, formed: bool = True
) -> Iterator[tuple[RedisServer, ...]]:
    """A cluster of masters without replicas, with all slots, in a folder; or its nodes, to `form` one later. Raises
    ServersMissingError, ServerFailedError.
    """
    servers = []
    for number in range(nodes):
        bus = [("cluster-port", str(free_port(HOST)))]
        settings = [("cluster-enabled", "yes"), ("cluster-node-timeout", str(NODE_TIMEOUT_MS)), *bus]
        servers.append(_server(folder / f"node-{number}", protection, settings))
    with _running(servers) as running:
        if formed:
            form(running)
        yield running


@contextmanager
def redis_sentinels(
    folder: Path, protection: Protection = OPEN, *, sentinels: Literal[1, 2, 3] = 1
) -> Iterator[RedisSentinels]:
    """A master, a replica that follows it, and sentinels that all know each other, in a folder. A majority of the
    sentinels fails over when the master has been gone for NODE_TIMEOUT_MS. Raises ServersMissingError,
    ServerFailedError.
    """
    login = protection.login()
    follows = [("repl-diskless-sync-delay", "0")]
    follows += [("masteruser", login[0]), ("masterauth", login[1])] if login else []
    master = _server(folder / "master", protection, follows)
    replica = _server(folder / "replica", protection, [*follows, ("replicaof", f"{HOST} {master.port}")])
    watch = _watching(master.port, login, quorum=sentinels // 2 + 1)
    watchers = [_server(folder / f"sentinel-{number}", protection, watch, sentinel=True) for number in range(sentinels)]
    with _running([master, replica]), _running(watchers):
        made = RedisSentinels(master, replica, tuple(watchers))
        processes = [server.process for server in (master, replica, *watchers)]
        wait_until(lambda: _watched(made), "the sentinels know everyone", processes, limit_s=START_S_MAX)
        yield made


@contextmanager
def _running(servers: Sequence[RedisServer]) -> Iterator[tuple[RedisServer, ...]]:
    try:
        for server in servers:
            server.process.start()
        processes = [server.process for server in servers]
        for server in servers:
            wait_until(server.answers, f"{server.address} answers", processes, limit_s=START_S_MAX)
        yield tuple(servers)
    finally:
        for server in servers:
            server.kill()


def _server(
    folder: Path, protection: Protection, settings: Sequence[Setting], *, sentinel: bool = False, program: str = ""
) -> RedisServer:
    """A server that is configured in the folder, not started."""
    if missing := fetch.redis_missing():
        raise fetch.ServersMissingError(missing)
    folder.mkdir(parents=True)
    port = free_port(HOST)
    listens = [("port", "0"), ("tls-port", str(port))] if protection.certificates else [("port", str(port))]
    always = [("bind", HOST), ("dir", str(folder)), ("save", '""'), ("enable-debug-command", "local")]
    configuration = folder / "redis.conf"
    lines = [
        f"{name} {value}\n" for name, value in (*listens, *always, *protection.settings(sentinel=sentinel), *settings)
    ]
    configuration.touch(mode=0o600)
    configuration.write_text("".join(lines))
    mode = ["--sentinel"] if sentinel else []
    process = ServerProcess(f"redis {port}", [program or fetch.redis_program(), str(configuration), *mode], folder)
    return RedisServer(port, process, protection)


def form(nodes: Sequence[RedisServer]) -> None:
    """Make one cluster of the nodes: give each node its share of the slots and make it known to the first."""
    bus_port = int(nodes[0].ask("CONFIG GET", "cluster-port")["cluster-port"])
    for number, node in enumerate(nodes):
        first, beyond = (SLOTS * share // len(nodes) for share in (number, number + 1))
        node.ask("CLUSTER RESET HARD")  # a cluster that had its port before may have found it
        node.ask("CLUSTER SET-CONFIG-EPOCH", number + 1)
        node.ask("CLUSTER ADDSLOTSRANGE", first, beyond - 1)
    for node in nodes[1:]:
        node.ask("CLUSTER MEET", HOST, nodes[0].port, bus_port)
    processes = [node.process for node in nodes]
    wait_until(lambda: all(map(_complete, nodes)), "the cluster is complete", processes, limit_s=START_S_MAX)


def _complete(node: RedisServer) -> bool:
    return bool(node.ask("CLUSTER INFO")["cluster_state"] == "ok")


def _watching(master_port: int, login: tuple[str, str] | None, *, quorum: int) -> list[Setting]:
    """The lines of a sentinel's configuration."""
    lines = [f"monitor {MASTER_NAME} {HOST} {master_port} {quorum}"]
    lines += [f"down-after-milliseconds {MASTER_NAME} {NODE_TIMEOUT_MS}", f"failover-timeout {MASTER_NAME} 5000"]
    if login:
        lines += [f"auth-user {MASTER_NAME} {login[0]}", f"auth-pass {MASTER_NAME} {login[1]}"]
        lines += [f"sentinel-user {login[0]}", f"sentinel-pass {login[1]}"]
    return [("sentinel", line) for line in lines]


def _watched(made: RedisSentinels) -> bool:
    """Whether every sentinel knows the replica, whose link is up, and all other sentinels."""
    states = [sentinel.ask("SENTINEL MASTER", MASTER_NAME) for sentinel in made.sentinels]
    others = len(made.sentinels) - 1
    return made.replica.ask("INFO", "replication")["master_link_status"] == "up" and all(
        state["num-slaves"] == 1 and state["num-other-sentinels"] == others for state in states
    )
