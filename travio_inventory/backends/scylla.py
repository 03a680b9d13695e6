"""The store on a cluster, and the schema that it needs there, as the settings say."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from types import MappingProxyType

from cassandra import DriverException
from cassandra.cluster import NoHostAvailable, Session
from cassandra.protocol import ErrorMessage

from travio_inventory.backends.certificates import trusting
from travio_inventory.backends.failures import StartFailed
from travio_inventory.settings import Settings
from travio_inventory.store.addresses import parse_cluster
from travio_inventory.store.batches import StoreUnavailable
from travio_inventory.store.scylla import ScyllaBatches, ScyllaOptions, schema
from travio_inventory.store.scylla.connecting import session
from travio_inventory.store.scylla.failures import cause

REPLICATION_MIN = MappingProxyType({"production": 3, "development": 1})


class ReplicationRefused(Exception):
    """So few copies of each row are not allowed here; the message is one line."""


@asynccontextmanager
async def open_scylla(settings: Settings) -> AsyncIterator[ScyllaBatches]:
    """The store. Raises StartFailed where no server takes us, or the keyspace is not as it must be."""
    async with AsyncExitStack() as stack:
        with _failing_start():
            batches = await stack.enter_async_context(ScyllaBatches.connect(options_of(settings)))
        yield batches


def apply_schema(settings: Settings, *, replication: int) -> int:
    """Create the keyspace and the tables, and add what they lack; returns the version of the schema. Blocks.

    Raises ReplicationRefused, and StartFailed where no server takes us or the keyspace is still not as it must be.
    """
    least = REPLICATION_MIN[settings.environment]
    if replication < least:
        advice = ", unless TRAVIO_ENVIRONMENT=development" if replication > 0 else ""
        raise ReplicationRefused(f"{replication} copies of a row: allowed is {least} or more{advice}")
    with _failing_start(), session(options_of(settings)) as opened:
        servers = len(opened.cluster.metadata.all_hosts())
        if replication > servers:
            raise ReplicationRefused(f"{replication} copies of a row need as many servers: the cluster has {servers}")
        schema.apply(opened, settings.scylla_keyspace, replication=replication)
        return _checked(settings, opened)


def check_schema(settings: Settings) -> int:
    """Compare the keyspace with schema.cql; returns the version of the schema. Blocks. Raises StartFailed."""
    with _failing_start(), session(options_of(settings)) as opened:
        return _checked(settings, opened)


def _checked(settings: Settings, opened: Session) -> int:
    schema.check(opened, settings.scylla_keyspace, replication_min=REPLICATION_MIN[settings.environment])
    return schema.ours().version


@contextmanager
def _failing_start() -> Iterator[None]:
    try:
        yield
    except (StoreUnavailable, schema.SchemaProblem) as failed:
        raise StartFailed(str(failed)) from failed
    except (DriverException, ErrorMessage, NoHostAvailable) as failed:
        raise StartFailed(cause(failed)) from failed


def options_of(settings: Settings) -> ScyllaOptions:
    """How to reach the cluster. Raises StartFailed where the CA file is none."""
    cluster = parse_cluster(settings.scylla_hosts)
    return ScyllaOptions(
        hosts=cluster.hosts,
        port=cluster.port,
        keyspace=settings.scylla_keyspace,
        datacenter=settings.scylla_datacenter,
        user=settings.scylla_user,
        password=settings.scylla_password.get_secret_value(),
        tls=trusting(settings.scylla_ca_file) if settings.scylla_tls else None,
        replication_min=REPLICATION_MIN[settings.environment],
    )
