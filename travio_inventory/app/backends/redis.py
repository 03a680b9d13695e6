"""The edge on Redis, as the settings say."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from travio_inventory.app.backends.certificates import trusting
from travio_inventory.app.backends.renewed import Renewals, SecretFile
from travio_inventory.edge.redis_options import RedisOptions, parse_redis_address
from travio_inventory.edge.shared import SharedEdge, open_shared_edge
from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.settings import EdgeSettings, RedisSettings, Settings

CONNECT_MS_MAX = 1_000
FAILURES_MAX = 3
PROBE_INTERVAL_MS = 200
WAITING_MAX = 10_000


@asynccontextmanager
async def open_redis_edge(
    redis: RedisSettings,
    edge: EdgeSettings,
    now_ms: Callable[[], int],
    *,
    deployment: str,
    trips_max: int,
    signals: MapSignals,
    renewals: Renewals,
) -> AsyncIterator[SharedEdge]:
    """See open_shared_edge. Raises StartFailed if the CA file is not one."""
    async with open_shared_edge(
        _options(redis, renewals),
        now_ms,
        deployment=deployment,
        taken_ttl_ms=edge.taken_ttl_ms,
        unguarded_max=redis.unguarded_claims_max,
        trips_max=trips_max,
        stale_ms_max=edge.map_stale_ms,
        signals=signals,
    ) as shared:
        yield shared


def redis_options(settings: Settings) -> RedisOptions:
    """How the edge reaches Redis. Raises StartFailed if a file is of no use."""
    return _options(settings.redis, Renewals())


def _options(redis: RedisSettings, renewals: Renewals) -> RedisOptions:
    if redis.ca_file:
        trusting(redis.ca_file, renewals)  # a connection reads the file; this tells what is wrong with it
    return RedisOptions(
        address=parse_redis_address(redis.addr),
        user=redis.user,
        password=SecretFile("password", redis.password_file, renewals)
        if redis.password_file
        else redis.password.get_secret_value(),
        tls=redis.tls,
        ca_file=redis.ca_file,
        reply_ms_max=redis.reply_ms_max,
        connect_ms_max=CONNECT_MS_MAX,
        failures_max=FAILURES_MAX,
        probe_interval_ms=PROBE_INTERVAL_MS,
        waiting_max=WAITING_MAX,
    )
