"""The session of the driver: how it connects, and how each kind of request is sent."""

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple

from cassandra import UnresolvableContactPoints
from cassandra.auth import AuthProvider, PlainTextAuthenticator
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import ConstantReconnectionPolicy, FallthroughRetryPolicy
from cassandra.query import tuple_factory

from travio_inventory.kernel.limits import SEGMENTS_MAX
from travio_inventory.protocol.batches import ROWS_AT_ONCE_MAX, StoreUnavailable
from travio_inventory.store.scylla.affinity import SameOrderPolicy
from travio_inventory.store.scylla.failures import cause
from travio_inventory.store.scylla.levels import Levels, levels_of

BATCH = "batch"
"""The profile of conditional batches."""

CONNECT_S_MAX = 5.0
RECONNECT_S = 1.0
HEARTBEAT_S = 5.0
HOSTS_MAX = 1_000
"""Of each other datacenter, where all decide together."""


@dataclass(frozen=True, kw_only=True)
class ScyllaOptions:
    """The addresses of the servers, and the bounds on requests."""

    hosts: Sequence[str]
    port: int
    keyspace: str
    serial: Literal["home", "global"]
    """Whether the replicas of one datacenter decide, or those of all together: the same for all processes."""
    datacenter: str
    """The home datacenter, whose replicas decide; "" = the only one that has some, which the hosts must be in."""
    user: str
    """"" = no authentication."""
    password: str | Callable[[], str] = field(repr=False)
    """Or what tells it for each new connection."""
    tls: ssl.SSLContext | None
    replication_min: int
    """A keyspace with fewer copies to decide is refused."""
    rules: Mapping[str, str]
    """Settings that every process on the keyspace must share, as this one has them."""
    clock_bound_ms: int
    """How far this machine's clock may differ from the servers' before that is logged."""
    request_ms_max: int = 4_500
    """How long to wait for an answer: longer than the server's own timeouts (2 s), so that it can report them."""
    calls_max: int = 512
    """How many requests may be in flight."""
    calls_per_node_max: int = 256
    """How many requests one server may have in flight: one that is slow leaves room for those to the others."""
    calls_per_partition_max: int = 4
    """How many conditional batches and serial reads of one partition may be in flight: more only make each other wait,
    and time out, at its coordinator."""
    rows_per_read_max: int = ROWS_AT_ONCE_MAX + 1
    """How many rows one answer may have; further requests read the rest. More than a seat has segments. An answer with
    fewer is the last one.
    """
    wait_ms_max: int = 2_000
    """How long a request waits for an in-flight limit."""

    def __post_init__(self) -> None:
        if self.rows_per_read_max <= SEGMENTS_MAX:
            raise ValueError(f"reads of {self.rows_per_read_max} rows would not get past one seat")


class _Login(AuthProvider):  # type: ignore[misc]  # the driver has no types
    """Tells each connection the password as it is now."""

    def __init__(self, options: ScyllaOptions) -> None:
        self._options = options

    def new_authenticator(self, host: str) -> PlainTextAuthenticator:
        """See AuthProvider."""
        password = self._options.password
        return PlainTextAuthenticator(self._options.user, password if isinstance(password, str) else password())


class ResultRows(NamedTuple):
    """Rows as the server sent them."""

    names: Sequence[str]
    rows: Sequence[tuple[Any, ...]]


@contextmanager
def session(options: ScyllaOptions) -> Iterator[Session]:
    """A session; for callers that may block. Raises StoreUnavailable if no server accepts the connection."""
    opened = connect(options)
    try:
        yield opened
    finally:
        opened.cluster.shutdown()


def connect(options: ScyllaOptions) -> Session:
    """A session; end it with `.cluster.shutdown()`. Blocks. Raises StoreUnavailable if no server accepts the
    connection.
    """
    where = f"{', '.join(options.hosts)} port {options.port}"
    try:
        cluster = _cluster(options)
    except UnresolvableContactPoints as error:
        raise StoreUnavailable(f"no session with {where}: no such host") from error
    try:
        opened = cluster.connect(wait_for_all_pools=True)
    except Exception as error:
        cluster.shutdown()
        raise StoreUnavailable(f"no session with {where}: {cause(error)}") from error
    opened.default_fetch_size = None  # reads have limits of their own; the driver's pages would not see one moment
    opened.use_client_timestamp = False  # the order of a partition's batches is the servers' business
    return opened


def affinity_of(opened: Session) -> SameOrderPolicy:
    """In which order the servers of a partition are tried."""
    policy = opened.get_execution_profile(BATCH).load_balancing_policy
    assert isinstance(policy, SameOrderPolicy)  # noqa: S101 - `_profile` gave it this one
    return policy


def _cluster(options: ScyllaOptions) -> Cluster:
    is_global = options.serial == "global"
    affinity = SameOrderPolicy(options.datacenter, used_hosts_per_remote_dc=HOSTS_MAX if is_global else 0)
    profile = partial(_profile, options, affinity, levels_of(is_global=is_global))
    return Cluster(
        list(options.hosts),
        port=options.port,
        auth_provider=_Login(options) if options.user else None,
        ssl_context=options.tls,
        protocol_version=4,  # version 5 has an error for unknown outcomes that the driver does not know
        compression=False,
        connect_timeout=CONNECT_S_MAX,
        control_connection_timeout=CONNECT_S_MAX,
        idle_heartbeat_interval=HEARTBEAT_S,
        idle_heartbeat_timeout=HEARTBEAT_S,
        reconnection_policy=ConstantReconnectionPolicy(RECONNECT_S, max_attempts=None),
        execution_profiles={
            EXEC_PROFILE_DEFAULT: profile(tuple_factory),
            BATCH: profile(ResultRows),
        },
    )


def _profile(
    options: ScyllaOptions,
    affinity: SameOrderPolicy,
    levels: Levels,
    row_factory: Callable[..., object],
) -> ExecutionProfile:
    """No retry and no second attempt below the protocol: a batch sent twice refuses itself."""
    return ExecutionProfile(
        load_balancing_policy=affinity,
        retry_policy=FallthroughRetryPolicy(),
        consistency_level=levels.consistency,
        serial_consistency_level=levels.serial,
        request_timeout=options.request_ms_max / 1000,
        row_factory=row_factory,
        speculative_execution_policy=None,
    )
