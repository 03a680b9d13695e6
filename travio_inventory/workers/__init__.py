"""What goes on by itself: workers decide when, the engine decides what."""

from random import Random

import anyio

from travio_inventory.engine import Inventory
from travio_inventory.workers.relay import Relay
from travio_inventory.workers.sweeper import Sweeper

__all__ = ["Relay", "Sweeper", "run_workers"]


async def run_workers(
    inventory: Inventory, *, sweep_interval_ms: int, relay_interval_ms: int, relays: bool = True, jitter: Random
) -> None:
    """Sweep, and relay events unless another process does, until cancelled."""
    async with anyio.create_task_group() as workers:
        workers.start_soon(Sweeper(inventory.expire_holds, interval_ms=sweep_interval_ms, jitter=jitter).run)
        if relays:
            workers.start_soon(Relay(inventory.relay_events, interval_ms=relay_interval_ms, jitter=jitter).run)
