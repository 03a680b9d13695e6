"""Opens tracing as the settings say; its libraries are imported only where traces are on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, assert_never

from travio_inventory.app.extras import extra
from travio_inventory.events.choice import Target, parse_sinks
from travio_inventory.events.inbound.choice import Source, parse_sources
from travio_inventory.events.targets.files import JsonLinesFile
from travio_inventory.events.targets.kafka import KafkaServers
from travio_inventory.events.targets.nats import NatsStream
from travio_inventory.events.targets.rabbitmq import RabbitServers
from travio_inventory.events.targets.redis_stream import RedisStreams
from travio_inventory.events.targets.webhook import WebhookUrl
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
    with extra("tracing", "TRAVIO_TRACES=otlp"):
        opened = await asyncio.to_thread(_import_tracing)
    systems = brokers(settings) | _databases(settings)
    chosen = sampling(traces.sampler, float(traces.sampler_arg))
    async with opened(chosen, endpoint=traces.endpoint, service=traces.service, systems=systems) as tracing:
        yield tracing


def _databases(settings: Settings) -> dict[str, str]:
    """Those behind the ports, as the semantic conventions name them."""
    store = {"embedded": "sqlite", "scylla": "cassandra"}.get(settings.store.kind, "")
    edge = "redis" if settings.edge.kind == "redis" else ""
    return {"store": store, "gate": edge, "taken": edge, "seat_maps": edge}


def brokers(settings: Settings) -> dict[str, str]:
    """Those that events are sent to and come from, by what the spans say of them."""
    sent = {f"send {each.name}": _system(each.target) for each in parse_sinks(settings.events.sinks)}
    return sent | {f"process {each.name}": _system(each.source) for each in parse_sources(settings.events_in.sources)}


def _system(place: Target | Source) -> str:
    match place:
        case KafkaServers():
            return "kafka"
        case RabbitServers():
            return "rabbitmq"
        case NatsStream():
            return "nats"
        case RedisStreams():
            return "redis"
        case WebhookUrl():
            return "webhook"
        case JsonLinesFile():
            return "json_lines"
        case _:
            assert_never(place)


def _import_tracing() -> Any:  # noqa: ANN401 - its type would have to be imported
    from travio_inventory.telemetry.tracing import open_tracing  # noqa: PLC0415 - it takes a fifth of a second

    return open_tracing
