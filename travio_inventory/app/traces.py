"""Opens tracing as the settings say; its libraries are imported only where traces are on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from travio_inventory.app.backends import StartFailed
from travio_inventory.settings import Settings
from travio_inventory.telemetry.sampling import sampling

if TYPE_CHECKING:
    from travio_inventory.telemetry.tracing import Tracing


@asynccontextmanager
async def tracing_of(settings: Settings) -> AsyncIterator["Tracing | None"]:
    """Tracing, None where it is off. Raises StartFailed where its libraries are not installed."""
    traces = settings.traces
    if traces.kind == "off":
        yield None
        return
    try:
        opened = await asyncio.to_thread(_import_tracing)
    except ImportError as missing:
        said = f"TRAVIO_TRACES=otlp: {missing.name} is not installed: pip install 'travio-inventory[tracing]'"
        raise StartFailed(said) from missing
    store = {"embedded": "sqlite", "scylla": "cassandra"}.get(settings.store.kind, "")
    edge = "redis" if settings.edge.kind == "redis" else ""
    systems = {"store": store, "gate": edge, "taken": edge, "seat_maps": edge}
    chosen = sampling(traces.sampler, float(traces.sampler_arg))
    async with opened(chosen, endpoint=traces.endpoint, service=traces.service, systems=systems) as tracing:
        yield tracing


def _import_tracing() -> Any:  # noqa: ANN401 - its type would have to be imported
    from travio_inventory.telemetry.tracing import open_tracing  # noqa: PLC0415 - it takes a fifth of a second

    return open_tracing
