"""Where Redis is, how to log in, and how long to wait for it.

Addresses are parsed here, since redis-py parses only URLs of one server, neither `host:port` nor lists of servers.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from travio_inventory.kernel.addresses import parse_address

HostPort: TypeAlias = tuple[str, int]

RIGHTS: Final = (
    "~travio:* &travio:* +evalsha +eval +ping +subscribe +publish +time"
    " +get +mget +set +del +exists +hset +hget +hmget +hgetall +hdel +pexpire +pttl +cluster|slots"
)
"""The rights that the edge's user needs, as a Redis ACL. The last one only in a cluster."""

FORMS: Final = "host:port, cluster:host:port,host:port or sentinel:host:port,host:port/name"


@dataclass(frozen=True, slots=True)
class Standalone:
    """One server."""

    server: HostPort


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster, by some of its nodes, which know the others."""

    nodes: tuple[HostPort, ...]


@dataclass(frozen=True, slots=True)
class Sentinels:
    """The master that these sentinels know by that name."""

    sentinels: tuple[HostPort, ...]
    master: str


RedisAddress: TypeAlias = Standalone | Cluster | Sentinels


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisOptions:
    """How to reach Redis and when to go on without it.

    `user` and `password` are empty if none is needed; sentinels get the same. With `tls`, `ca_file` (None: the system's
    CAs) verifies the servers' certificates. No command waits longer than `reply_ms_max`. After `failures_max` failures
    in a row, at least 1, commands skip Redis, which is probed every `probe_interval_ms`; a probe may take
    `connect_ms_max`. At most `waiting_max` commands wait to be sent to one server.
    """

    address: RedisAddress
    user: str
    password: str | Callable[[], str] = field(repr=False)
    """Or what tells it for each new connection."""
    tls: bool
    ca_file: Path | None
    reply_ms_max: int
    connect_ms_max: int
    failures_max: int
    probe_interval_ms: int
    waiting_max: int


def parse_redis_address(text: str) -> RedisAddress:
    """The address in the text. Raises ValueError."""
    kind, _, rest = text.partition(":")
    if ":" not in rest:  # "cluster:6379" is a server called cluster
        return Standalone(parse_address(text.strip()))
    if kind == "cluster":
        return Cluster(_servers(rest))
    if kind == "sentinel":
        servers, _, master = rest.rpartition("/")
        if not master or not servers:
            raise ValueError("lacks the name of the master at the sentinels")
        return Sentinels(_servers(servers), master)
    return Standalone(parse_address(text.strip()))


def _servers(text: str) -> tuple[HostPort, ...]:
    return tuple(parse_address(one.strip()) for one in text.split(","))
