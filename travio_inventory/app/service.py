"""What the settings describe: the inventory on its store and edge, its background jobs, and the server in front."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random, SystemRandom

import anyio
from grpclib.health.check import ServiceStatus

from travio_inventory.app.assemble import InventoryRules, Ports, assemble
from travio_inventory.app.backends import OwnCertificate, StartFailed, open_batches, open_edge
from travio_inventory.app.background import Job, Supervision, background_jobs
from travio_inventory.app.listening import listening
from travio_inventory.events.sinks.in_process import InProcess
from travio_inventory.events.sinks.json_lines import JsonLines
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.protocol.rules import Rules
from travio_inventory.seats.ports import Publisher
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.seats.use_cases.hold_seats import HoldTimes
from travio_inventory.settings import BackgroundSettings, EventSettings, Settings
from travio_inventory.telemetry.metrics import Figures
from travio_inventory.telemetry.watched import CallWatch, report

log = logging.getLogger(__name__)

EVENTS_FILE = "events.jsonl"
REPORT_SECONDS = 60
FLUSH_SECONDS_MAX = 5


@dataclass(frozen=True, slots=True)
class App:
    """The service while it runs: what it can do, what was counted, and where it listens (port 0 = nowhere)."""

    inventory: Inventory
    figures: Figures
    port: int


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[App]:
    """The service with its server and, where they are on, its background jobs.

    On leaving: no new calls, the running ones finish, background jobs stop, steps commit, events are relayed, the store
    closes. Raises StartFailed.
    """
    figures, workers = Figures(), ServiceStatus()
    server, background = settings.server, settings.background
    certificate = OwnCertificate(server.tls_cert, server.tls_key) if server.tls_cert else None
    async with open_inventory(settings, figures=figures) as inventory:
        jobs = _background_jobs(background, inventory) if background.is_on else {}
        jobs["figures"] = partial(report, figures, every_seconds=REPORT_SECONDS)
        if certificate is not None:
            jobs["certificate"] = certificate.keep_up
        async with (
            _kept_at_work(jobs, tell=workers.set),
            listening(
                server,
                settings.limits,
                inventory,
                workers if background.is_on else None,
                certificate.context if certificate else None,
            ) as listener,
        ):
            yield App(inventory, figures, listener.port or 0)


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[App]:
    """The background jobs without a server. Raises StartFailed."""
    figures = Figures()
    async with (
        open_inventory(settings, figures=figures) as inventory,
        _kept_at_work(_background_jobs(settings.background, inventory), tell=lambda _all_well: None),
    ):
        yield App(inventory, figures, port=0)


@asynccontextmanager
async def open_inventory(
    settings: Settings, *, figures: Figures | None = None, publisher: Publisher | None = None
) -> AsyncIterator[Inventory]:
    """The use cases alone; events go to `publisher` where one is given. On leaving, steps commit and, where
    background jobs are on, events are relayed a last time. Raises StartFailed.
    """
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_batches(settings))
        edge = await stack.enter_async_context(open_edge(settings, store.deployment))
        publisher = publisher or stack.enter_context(_publisher(settings.events, settings.store.data))
        assembly = assemble(
            Ports(store.batches, *edge, publisher),
            SystemClock(),
            SystemRandom(),
            rules_of(settings),
            watch=CallWatch(figures or Figures()),
        )
        try:
            yield assembly.inventory
        finally:
            with anyio.CancelScope(shield=True):
                await assembly.steps.drain(settings.limits.drain_seconds)
                if settings.background.is_on and settings.background.relay:
                    await _flush(assembly.inventory)


def rules_of(settings: Settings) -> InventoryRules:
    """As an operator chose. Embedded, no other process writes."""
    holds = settings.holds
    return InventoryRules(
        times=HoldTimes(
            ttl_s_default=holds.ttl_seconds, ttl_s_max=holds.ttl_seconds_max, total_s_max=holds.total_seconds_max
        ),
        protocol=Rules(
            clock_bound_ms=holds.clock_bound_ms,
            grace_ms=holds.attempt_grace_seconds * 1_000,
            holds_per_holder_max=holds.per_holder_max,
        ),
        map_stale_ms_max=settings.edge.map_stale_ms,
        steps_at_once_max=holds.commits_in_flight_max,
        is_alone=settings.store.kind == "embedded",
    )


async def _flush(inventory: Inventory) -> None:
    """Relay what the last steps recorded. What is left is relayed after the next start."""
    with anyio.move_on_after(FLUSH_SECONDS_MAX):
        try:
            await inventory.relay_events()
        except Exception as failed:  # noqa: BLE001 - nothing is lost, and the rest of the stop must go on
            log.warning("events are left for the next start: %s: %s", type(failed).__name__, failed)


@asynccontextmanager
async def _kept_at_work(jobs: Mapping[str, Job], *, tell: Callable[[bool], None]) -> AsyncIterator[None]:
    """Run the jobs, each again where it breaks down, until the block is left."""
    jitter = Random()  # noqa: S311 - spreads waits, guards nothing
    task = asyncio.ensure_future(Supervision(jitter=jitter, tell=tell).run(jobs))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _background_jobs(background: BackgroundSettings, inventory: Inventory) -> dict[str, Job]:
    return background_jobs(
        inventory,
        sweep_interval_ms=background.sweep_interval_ms,
        relay_interval_ms=background.relay_interval_ms,
        relays=background.relay,
        jitter=Random(),  # noqa: S311 - spreads waits, guards nothing
    )


@contextmanager
def _publisher(events: EventSettings, folder: Path) -> Iterator[Publisher]:
    if events.sink == "none":
        yield InProcess()
    else:
        file = folder / EVENTS_FILE
        with closing(JsonLines(file)) as lines:
            try:
                lines.check()
            except OSError as failed:
                raise StartFailed(f"events cannot be written to {file}: {failed.strerror or failed}") from failed
            yield lines
