"""The store on a cluster, and the schema that it needs there, as the settings say."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from types import MappingProxyType

from cassandra import DriverException
from cassandra.cluster import NoHostAvailable
from cassandra.protocol import ErrorMessage

from travio_inventory.app.backends.certificates import trusting
from travio_inventory.app.backends.failures import NotAsRequired, NotReached, StartFailed
from travio_inventory.app.backends.renewed import Renewals, SecretFile
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.protocol.batches import StoreUnavailable
from travio_inventory.seats.deed import DONE
from travio_inventory.seats.records.deeds import beginning, entry_of
from travio_inventory.settings import Settings, names
from travio_inventory.store.addresses import parse_cluster
from travio_inventory.store.scylla import ScyllaBatches, ScyllaOptions, placement, schema, watch
from travio_inventory.store.scylla.connecting import session
from travio_inventory.store.scylla.failures import cause
from travio_inventory.store.scylla.placement import KeyspaceProblem

REPLICATION_MIN = MappingProxyType({"production": 3, "development": 1})


class ReplicationRefused(Exception):
    """So few copies of each row are not allowed; the message is one line."""


@asynccontextmanager
async def open_scylla(settings: Settings, renewals: Renewals | None = None) -> AsyncIterator[ScyllaBatches]:
    """The store. Raises StartFailed if no server accepts the connection, or the keyspace is not as required."""
    async with AsyncExitStack() as stack:
        with _failing_start():
            batches = await stack.enter_async_context(ScyllaBatches.connect(options_of(settings, renewals)))
        yield batches


def apply_schema(settings: Settings, *, replication: int, by: Actor) -> int:
    """Create the keyspace and the tables, and add what is missing; returns the schema version. Blocks. It is a deed of
    the house: before there are tables, it is recorded only when it is done.

    Raises ReplicationRefused, and StartFailed if no server accepts the connection or the keyspace is still not as
    required.
    """
    least = REPLICATION_MIN[settings.scylla.environment]
    if replication < least:
        advice = ", unless TRAVIO_ENVIRONMENT=development" if replication > 0 else ""
        raise ReplicationRefused(f"{replication} copies of a row: allowed is {least} or more{advice}")
    options = options_of(settings)
    with _failing_start(), session(options) as opened:
        servers = placement.servers(opened, placement.planned(opened, options))
        if replication > servers:
            raise ReplicationRefused(
                f"{replication} copies of a row need as many servers: the datacenter has {servers}"
            )
        version = schema.ours().version
        deed = beginning(SystemClock().now_ms(), by, "apply schema", f"version {version} in {options.keyspace}")
        began, done = (
            entry_of(by.organization, each, kept_s=settings.retention.deeds_seconds)
            for each in (deed, deed._replace(outcome=DONE))
        )
        schema.add_entry(opened, options.keyspace, began)
        schema.apply(opened, options, replication=replication)
        schema.check(opened, options)
        schema.add_entry(opened, options.keyspace, done)
    return version


def begin_trial(settings: Settings, *, replication: int) -> None:
    """Make the keyspace, with our tables, and check it as a start does. Blocks. Raises StartFailed, also where there is
    such a keyspace that has anything in it: it may be somebody's.
    """
    options = options_of(settings)
    with _failing_start(), session(options) as opened:
        if schema.has_rows(opened, options.keyspace):
            said = f"keyspace {options.keyspace} is there, and not empty: if it is left of an earlier trial"
            raise StartFailed(f"{said}, {how_to_drop(options.keyspace)}")
        schema.apply(opened, options, replication=replication)
        watch.check_start(opened, options)


def how_to_drop(keyspace: str) -> str:
    """What an operator types to drop the keyspace of a trial."""
    return f'drop it with `cqlsh -e "DROP KEYSPACE {keyspace}"`'


def end_trial(settings: Settings) -> None:
    """Drop the keyspace of the trial. Blocks. Raises StartFailed."""
    options = options_of(settings)
    with _failing_start(), session(options) as opened:
        opened.execute(f"DROP KEYSPACE IF EXISTS {options.keyspace}", timeout=schema.CHANGE_S_MAX)


def check_schema(settings: Settings) -> int:
    """Compare the keyspace, and this machine's clock, with what the service needs; returns the version of the schema.
    Blocks. Raises StartFailed.
    """
    options = options_of(settings)
    with _failing_start(), session(options) as opened:
        watch.check_start(opened, options)
    return schema.ours().version


@contextmanager
def _failing_start() -> Iterator[None]:
    try:
        yield
    except KeyspaceProblem as failed:
        raise NotAsRequired(str(failed)) from failed
    except StoreUnavailable as failed:
        raise NotReached(str(failed)) from failed
    except (DriverException, ErrorMessage, NoHostAvailable) as failed:
        raise NotReached(cause(failed)) from failed


def options_of(settings: Settings, renewals: Renewals | None = None) -> ScyllaOptions:
    """How to reach the cluster. Raises StartFailed if a file is of no use."""
    scylla, renewals = settings.scylla, renewals or Renewals()
    cluster = parse_cluster(scylla.hosts)
    return ScyllaOptions(
        hosts=cluster.hosts,
        port=cluster.port,
        keyspace=scylla.keyspace,
        serial=scylla.serial,
        datacenter=scylla.datacenter,
        user=scylla.user,
        password=SecretFile("password", scylla.password_file, renewals)
        if scylla.password_file
        else scylla.password.get_secret_value(),
        tls=trusting(scylla.ca_file, renewals) if scylla.tls else None,
        replication_min=REPLICATION_MIN[scylla.environment],
        rules=_agreed_by_all(settings),
        clock_bound_ms=settings.holds.clock_bound_ms,
    )


def _agreed_by_all(settings: Settings) -> Mapping[str, str]:
    """Settings that must be equal in all processes on one keyspace, by variable."""
    holds, retention = settings.holds, settings.retention
    shared = {
        "clock_bound_ms": holds.clock_bound_ms,
        "attempt_grace_seconds": holds.attempt_grace_seconds,
        "holds_per_holder_max": holds.per_holder_max,
        "hold_total_seconds_max": holds.total_seconds_max,
        "event_retention_seconds": retention.events_seconds,
        "hold_retention_seconds": retention.holds_seconds,
        "idempotency_retention_seconds": retention.keys_seconds,
        "trip_retention_seconds": retention.trips_seconds,
        "trip_archive": "none" if retention.trip_archive is None else "a folder",
    }
    return {names(key)[0]: str(value) for key, value in shared.items()}
