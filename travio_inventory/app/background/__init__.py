"""The background jobs: they decide when, the use cases decide what."""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from random import Random

from travio_inventory.app.background.audits import AuditJob
from travio_inventory.app.background.dead_letters import DeadLetterJob
from travio_inventory.app.background.own_events import OwnEventsJob
from travio_inventory.app.background.relay import RelayJob
from travio_inventory.app.background.reorders import ReorderJob
from travio_inventory.app.background.stock_audits import StockAuditJob
from travio_inventory.app.background.stock_jobs import stock_jobs
from travio_inventory.app.background.supervision import Job, Supervision
from travio_inventory.app.background.visits import VisitJob
from travio_inventory.app.relaying import Relay
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.protocol.batches import Partition, Table
from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.seats.use_cases.visited import Visited
from travio_inventory.telemetry.outages import Outages

__all__ = [
    "AuditJob",
    "DeadLetterJob",
    "Job",
    "RelayJob",
    "ReorderJob",
    "StockAuditJob",
    "Supervision",
    "VisitJob",
    "background_jobs",
    "stock_jobs",
]

log = logging.getLogger(__name__)

FORGET_INTERVAL_MS = 5_000
OPEN_INTERVAL_MS = 1_000


def background_jobs(
    inventory: Inventory,
    relays: Mapping[str, Relay],
    *,
    sweep_interval_ms: int,
    relay_interval_ms: int,
    forgot: Callable[[Visited[TripKey]], None],
    waits: StoreWaits,
    jitter: Random,
) -> dict[str, Job]:
    """Sweep, open and forget trips, and relay events to each sink separately: each job by name, until cancelled.
    `forgot` hears of the trips that were visited.
    """
    sweep, forget = partial(inventory.expire_holds, HOUSE), partial(inventory.forget_trips, HOUSE)
    go_on = partial(inventory.go_on_opening, HOUSE)
    jobs: dict[str, Job] = {
        "sweeper": VisitJob(
            "sweep", sweep, trip=_trip_of_group, interval_ms=sweep_interval_ms, waits=waits, jitter=jitter
        ).run,
        "opening of trips": VisitJob(
            "open trips",
            go_on,
            named=_trip_named,
            trip=_trip_of,
            interval_ms=OPEN_INTERVAL_MS,
            waits=waits,
            jitter=jitter,
        ).run,
        "forgetting of trips": VisitJob(
            "forget trips",
            forget,
            named=_trip_named,
            trip=_trip_of,
            count=forgot,
            interval_ms=FORGET_INTERVAL_MS,
            waits=waits,
            jitter=jitter,
        ).run,
    }
    for name, relay in relays.items():
        outages = Outages(log, f"the sink {name}")
        jobs[f"relay to {name}"] = RelayJob(
            name, relay, outages, interval_ms=relay_interval_ms, waits=waits, jitter=jitter
        ).run
        if relay.own is not None:
            jobs[f"own events to {name}"] = OwnEventsJob(name, relay.own, outages, waits=waits, jitter=jitter).run
    return jobs


def _trip_named(trip: TripKey) -> str:
    return f"{trip.trip} of {trip.organization}"


def _trip_of(trip: TripKey) -> str:
    return trip.trip


def _trip_of_group(group: Partition) -> str:
    return group.name if group.table is Table.SEAT_GROUPS else ""
