"""The edge on Redis, as the settings say."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from travio_inventory.app.backends.certificates import trusting
from travio_inventory.edge.redis_options import RedisOptions, parse_redis_address
from travio_inventory.edge.shared import SharedEdge, open_shared_edge
from travio_inventory.settings import Settings

CONNECT_MS_MAX = 1_000
FAILURES_MAX = 3
PROBE_INTERVAL_MS = 200
WAITING_MAX = 10_000


@asynccontextmanager
async def open_redis_edge(
    settings: Settings, now_ms: Callable[[], int], *, deployment: str, trips_max: int
) -> AsyncIterator[SharedEdge]:
    """See open_shared_edge. Raises StartFailed where the CA file is none."""
    async with open_shared_edge(
        _options(settings),
        now_ms,
        deployment=deployment,
        taken_ttl_ms=settings.taken_ttl_ms,
        unguarded_max=settings.unguarded_claims_max,
        trips_max=trips_max,
        stale_ms_max=settings.map_stale_ms,
    ) as shared:
        yield shared


def _options(settings: Settings) -> RedisOptions:
    if settings.redis_ca_file:
        trusting(settings.redis_ca_file)
    return RedisOptions(
        address=parse_redis_address(settings.redis_addr),
        user=settings.redis_user,
        password=settings.redis_password.get_secret_value(),
        tls=settings.redis_tls,
        ca_file=settings.redis_ca_file,
        reply_ms_max=settings.redis_reply_ms_max,
        connect_ms_max=CONNECT_MS_MAX,
        failures_max=FAILURES_MAX,
        probe_interval_ms=PROBE_INTERVAL_MS,
        waiting_max=WAITING_MAX,
    )
