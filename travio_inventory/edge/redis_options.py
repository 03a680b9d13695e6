"""Where Redis is, how we get in, and how long we wait for it.

Addresses are parsed here, since redis-py parses URLs of one server alone, and neither `host:port` nor lists of servers.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from travio_inventory.kernel.addresses import parse_address

HostPort: TypeAlias = tuple[str, int]

RIGHTS: Final = (
    "~travio:* &travio:* +evalsha +eval +ping +subscribe +publish +time"
    " +get +mget +set +del +exists +hset +hget +hmget +hgetall +hdel +pexpire +cluster|slots"
)
"""What the edge's user must be allowed, in the words of Redis' ACL. The last one only in a cluster."""

FORMS: Final = "host:port, cluster:host:port,host:port or sentinel:host:port,host:port/name"


@dataclass(frozen=True, slots=True)
class Standalone:
    """One server."""

    server: HostPort


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster, and some of its nodes, which know the others."""

    nodes: tuple[HostPort, ...]


@dataclass(frozen=True, slots=True)
class Sentinels:
    """The master that these sentinels know by that name."""

    sentinels: tuple[HostPort, ...]
    master: str


RedisAddress: TypeAlias = Standalone | Cluster | Sentinels


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisOptions:
    """How to reach Redis and when to do without it.

    `user` and `password` are empty where none is needed; the sentinels are asked with the same. With `tls`, servers
    prove who they are to `ca_file`, or to what the system trusts where it is None. Nobody waits for an answer longer
    than `reply_ms_max`. After `failures_max` failures in a row, at least 1, Redis is left alone and probed every
    `probe_interval_ms`; a probe may take `connect_ms_max`. `waiting_max` commands may wait to be sent to one server.
    """

    address: RedisAddress
    user: str
    password: str = field(repr=False)
    tls: bool
    ca_file: Path | None
    reply_ms_max: int
    connect_ms_max: int
    failures_max: int
    probe_interval_ms: int
    waiting_max: int


def parse_redis_address(text: str) -> RedisAddress:
    """The address that the text names. Raises ValueError."""
    kind, _, rest = text.partition(":")
    if ":" not in rest:  # "cluster:6379" is a server whose name is cluster
        return Standalone(parse_address(text.strip()))
    if kind == "cluster":
        return Cluster(_servers(rest))
    if kind == "sentinel":
        servers, _, master = rest.rpartition("/")
        if not master or not servers:
            raise ValueError("lacks the name that the sentinels have for the master")
        return Sentinels(_servers(servers), master)
    return Standalone(parse_address(text.strip()))


def _servers(text: str) -> tuple[HostPort, ...]:
    return tuple(parse_address(one.strip()) for one in text.split(","))
