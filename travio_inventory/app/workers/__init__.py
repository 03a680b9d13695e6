"""What goes on by itself: workers decide when, the use cases decide what."""

from random import Random

from travio_inventory.app.workers.relay import Relay
from travio_inventory.app.workers.supervision import Job, Supervision
from travio_inventory.app.workers.sweeper import Sweeper
from travio_inventory.seats.use_cases import Inventory

__all__ = ["Job", "Relay", "Supervision", "Sweeper", "worker_jobs"]


def worker_jobs(
    inventory: Inventory, *, sweep_interval_ms: int, relay_interval_ms: int, relays: bool = True, jitter: Random
) -> dict[str, Job]:
    """Sweep, and relay events unless another process does: each job by name, until cancelled."""
    jobs: dict[str, Job] = {
        "sweeper": Sweeper(inventory.expire_holds, interval_ms=sweep_interval_ms, jitter=jitter).run
    }
    if relays:
        jobs["relay"] = Relay(inventory.relay_events, interval_ms=relay_interval_ms, jitter=jitter).run
    return jobs
