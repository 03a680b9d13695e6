"""The background jobs: they decide when, the use cases decide what."""

from collections.abc import Mapping
from functools import partial
from random import Random

from travio_inventory.app.assemble import Relay
from travio_inventory.app.background.forgetter import Forgetter
from travio_inventory.app.background.relay import RelayJob
from travio_inventory.app.background.supervision import Job, Supervision
from travio_inventory.app.background.sweeper import Sweeper
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.seats.use_cases import Inventory

__all__ = ["Forgetter", "Job", "RelayJob", "Supervision", "Sweeper", "background_jobs"]


def background_jobs(
    inventory: Inventory,
    relays: Mapping[str, Relay],
    *,
    sweep_interval_ms: int,
    relay_interval_ms: int,
    jitter: Random,
) -> dict[str, Job]:
    """Sweep, forget trips, and relay events to each sink separately: each job by name, until cancelled."""
    jobs: dict[str, Job] = {
        "sweeper": Sweeper(partial(inventory.expire_holds, HOUSE), interval_ms=sweep_interval_ms, jitter=jitter).run,
        "forgetting of trips": Forgetter(partial(inventory.forget_trips, HOUSE), jitter=jitter).run,
    }
    for name, relay in relays.items():
        jobs[f"relay to {name}"] = RelayJob(name, relay, interval_ms=relay_interval_ms, jitter=jitter).run
    return jobs
