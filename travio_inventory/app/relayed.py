"""Which sinks this process relays events to, and what it hands over when it stops."""

import logging
from collections.abc import Mapping

import anyio

from travio_inventory.app.relaying import Relay
from travio_inventory.events.choice import parse_sinks
from travio_inventory.kernel.error_words import error_in_words
from travio_inventory.settings import Settings

FLUSH_SECONDS_MAX = 5

log = logging.getLogger(__name__)


def relayed(settings: Settings, relays: Mapping[str, Relay]) -> Mapping[str, Relay]:
    """The relays that work in this process."""
    match settings.background.relay:
        case "on":
            return relays
        case "shared":
            return {name: relay for name, relay in relays.items() if name in shared_sinks(settings)}
        case "off":
            return {}


def shared_sinks(settings: Settings) -> frozenset[str]:
    """The sinks that several processes may write to at once."""
    return frozenset(sink.name for sink in parse_sinks(settings.events.sinks) if sink.is_shared)


async def flush(relays: Mapping[str, Relay]) -> None:
    """Relay what the last steps recorded, to all sinks concurrently. The rest is relayed after the next start."""
    with anyio.move_on_after(FLUSH_SECONDS_MAX):
        async with anyio.create_task_group() as flushing:
            for name, relay in relays.items():
                flushing.start_soon(_flush_one, name, relay)


async def _flush_one(name: str, relay: Relay) -> None:
    try:
        if relay.own is None:
            await relay.round()
        else:
            await relay.own.round()
            await relay.own.note()
            await relay.release()
    except Exception as failed:  # noqa: BLE001 - nothing is lost, and the rest of the stop must go on
        log.warning("events for %s are left for the next start: %s", name, error_in_words(failed))
