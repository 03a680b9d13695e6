"""The service that the settings describe: the inventory on its store and edge, its background jobs, and the server."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random, SystemRandom
from typing import TYPE_CHECKING

import anyio
from grpclib.health.check import ServiceStatus

from travio_inventory.api.live.feeds import Feeds
from travio_inventory.app.assemble import Assembly, InventoryRules, Ports, Watch, assemble, audited_sinks
from travio_inventory.app.authentication import authenticating, limited, trust_callers
from travio_inventory.app.backends import OwnCertificate, Renewals, Store, open_batches, open_edge
from travio_inventory.app.background import (
    AuditJob,
    Job,
    Supervision,
    background_jobs,
    stock_jobs,
)
from travio_inventory.app.dead_letters import dead_letters_of, event_jobs
from travio_inventory.app.deeds import deeds_of, recorded
from travio_inventory.app.metrics_listener import telling_metrics
from travio_inventory.app.readiness import BACKGROUND, Readiness, look_at_store
from travio_inventory.app.relayed import flush, relayed, shared_sinks
from travio_inventory.app.relaying import Relay
from travio_inventory.app.serving import Face, Served, serving
from travio_inventory.app.sinks import open_sinks
from travio_inventory.app.told_figures import (
    count_visits,
    tell_assembly,
    tell_backends,
    tell_calls,
    tell_process,
    tell_stock,
)
from travio_inventory.app.traces import tracing_of
from travio_inventory.app.trip_archives import open_archive
from travio_inventory.app.watched_trips import watched_trips
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.kernel.events import Sink
from travio_inventory.kernel.rates import Rates
from travio_inventory.protocol.batches import Applied
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.rules import Rules
from travio_inventory.seats.limits import SeatLimits
from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.seats.trip import Ambiguous
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.seats.use_cases.hold_seats import HoldTimes
from travio_inventory.seats.use_cases.turn_away import RefusesAtOnce
from travio_inventory.settings import Settings
from travio_inventory.telemetry.families import WATCHERS
from travio_inventory.telemetry.meters import Meters
from travio_inventory.telemetry.metrics import Figures
from travio_inventory.telemetry.telling import ProcessTold
from travio_inventory.telemetry.watched import CallWatch, report

if TYPE_CHECKING:
    from travio_inventory.stock.use_cases import Stock
    from travio_inventory.telemetry.tracing import Tracing

log = logging.getLogger(__name__)

REPORT_SECONDS = 60
APPLIED = ("store.apply", Applied.__name__)
"""The figure of batches that the store has applied."""
HEARD_SECONDS = 0.05
"""How long a stop is announced to health watchers before it begins."""


@dataclass(frozen=True, slots=True)
class App:
    """The running service: its inventory, its figures, its metrics, its readiness, its live feeds, what counts
    requests, what looks after its files, and where it listens (port 0 = nowhere).
    """

    inventory: Inventory
    figures: Figures
    meters: Meters
    readiness: Readiness
    feeds: Feeds
    rates: Rates
    port: int
    http_port: int = 0
    renewals: Renewals = field(default_factory=Renewals)
    metrics_port: int = 0
    tracing: "Tracing | None" = None
    stock: "Stock | None" = None
    turn_away: RefusesAtOnce | None = None


@asynccontextmanager
async def running(settings: Settings, *, only: Face | None = None) -> AsyncIterator[App]:
    """The service with its servers, or only with one of them; and, if they are on, with its background jobs.

    On leaving: no new calls, the running ones finish, background jobs stop, steps commit, events are relayed, the store
    closes. Raises StartFailed.
    """
    is_on, renewals = settings.background.is_on, Renewals()
    certificate = _own_certificate(settings, renewals)
    ready, at_work = ServiceStatus(), ServiceStatus()
    async with (
        authenticating(settings, renewals) as (authentication, upkeep),
        _at_work(settings, renewals, tell_ready=ready.set, tell_at_work=at_work.set, with_background=is_on) as app,
        _kept_at_work(upkeep),
    ):
        callers = limited(authentication, app.rates, settings.rates)
        served = Served(
            app.inventory,
            app.feeds,
            callers,
            app.readiness,
            app.meters,
            ready,
            at_work if is_on else None,
            app.tracing,
            stock=app.stock,
            turn_away=app.turn_away,
        )
        async with serving(settings, served, certificate, only=only) as ports:
            try:
                yield replace(app, port=ports.grpc, http_port=ports.http)
            finally:
                app.readiness.stop()
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(HEARD_SECONDS)
                    await app.feeds.close()


def _own_certificate(settings: Settings, renewals: Renewals) -> OwnCertificate | None:
    """What the servers show, if they speak TLS, and whom they ask for a certificate. Raises StartFailed."""
    server, auth = settings.server, settings.auth
    if server.tls_cert is None:
        return None
    prepare = partial(trust_callers, auth=auth)
    return OwnCertificate(server.tls_cert, server.tls_key, renewals, prepare=prepare, besides=auth.mtls_ca_file)


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[App]:
    """The background jobs without a server. Raises StartFailed."""
    async with _at_work(settings, Renewals()) as app:
        yield app


@asynccontextmanager
async def _at_work(
    settings: Settings,
    renewals: Renewals,
    *,
    tell_ready: Callable[[bool], None] = lambda _is_ready: None,
    tell_at_work: Callable[[bool], None] = lambda _all_well: None,
    with_background: bool = True,
) -> AsyncIterator[App]:
    """The inventory with the jobs that maintain it, and its background jobs if they are wanted."""
    figures, meters, readiness = Figures(), Meters(), Readiness(tell_ready)

    def tell(all_well: bool) -> None:
        tell_at_work(all_well)
        readiness.note(BACKGROUND, "" if all_well else "one failed, see the lines before")

    async with (
        tracing_of(settings) as tracing,
        _opened(settings, renewals, figures=figures, meters=meters, tracing=tracing) as (assembly, store, rates),
        telling_metrics(
            settings.metrics, lambda: ProcessTold(meters.snapshot(), dict(readiness.problems))
        ) as metrics_port,
    ):
        inventory = assembly.inventory
        tell_process(meters, settings, readiness)
        look = partial(look_at_store, store, readiness, waits=assembly.sender.waits)
        house: dict[str, Job] = {
            "figures": partial(report, figures, every_seconds=REPORT_SECONDS),
            "renewed files": renewals.keep_up,
            "look at the store": partial(look, applied=partial(applied, figures)),
            **store.jobs,
            **watched_trips(settings.metrics, assembly, meters),
        }
        background = _background_jobs(settings, assembly, store, figures, meters, tracing) if with_background else {}
        async with _kept_at_work(house), _kept_at_work(background, tell=tell):
            feeds = Feeds(inventory.follow_maps, assembly.signals, SystemClock())
            figures.gauge("live watchers", lambda: feeds.watchers)
            meters.read_one(WATCHERS, lambda: feeds.watchers)
            app = App(inventory, figures, meters, readiness, feeds, rates, 0, 0, renewals, metrics_port, tracing)
            yield replace(app, stock=assembly.stock, turn_away=assembly.turn_away)


def applied(figures: Figures) -> int:
    """How many batches the store has applied for anybody but the house."""
    return sum(each.calls for each in figures.snapshot() if (each.use_case, each.outcome) == APPLIED)


@asynccontextmanager
async def open_inventory(
    settings: Settings,
    *,
    figures: Figures | None = None,
    sinks: Mapping[str, Sink] | None = None,
    signals: MapSignals | None = None,
) -> AsyncIterator[Inventory]:
    """The use cases alone; events go to `sinks` if given, and `signals` tell of changed maps. On leaving, steps commit
    and, if background jobs are on, events are relayed a last time. Raises StartFailed.
    """
    async with _opened(settings, Renewals(), figures=figures, sinks=sinks, signals=signals) as (assembly, _, _):
        yield assembly.inventory


@asynccontextmanager
async def open_assembly(settings: Settings, *, signals: MapSignals | None = None) -> AsyncIterator[Assembly]:
    """The inventory, and stock where it is kept, without a server; as `open_inventory`. Raises StartFailed."""
    async with _opened(settings, Renewals(), signals=signals) as (assembly, _, _):
        yield assembly


@asynccontextmanager
async def _opened(
    settings: Settings,
    renewals: Renewals,
    *,
    figures: Figures | None = None,
    meters: Meters | None = None,
    tracing: "Tracing | None" = None,
    sinks: Mapping[str, Sink] | None = None,
    signals: MapSignals | None = None,
) -> AsyncIterator[tuple[Assembly, Store, Rates]]:
    """See open_inventory; and the store that it is on, and what counts requests."""
    signals = signals or MapSignals()
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_batches(settings, renewals))
        edge = await stack.enter_async_context(open_edge(settings, store.deployment, signals, renewals))
        if not sinks:
            letters = dead_letters_of(settings, store)
            sinks = await stack.enter_async_context(open_sinks(settings.events, settings.store.data, letters))
        figures = figures or Figures()
        archive = open_archive(settings.retention.trip_archive)
        ports = Ports(
            store.batches,
            edge.gate,
            edge.taken,
            edge.seat_maps,
            sinks,
            archive,
            store.views,
            signals,
            edge.sight,
            edge.memory,
        )
        ports = ports._replace(shared=shared_sinks(settings))
        watch: Watch = CallWatch(figures)
        watch = watch if tracing is None else tracing.watch(watch)
        assembly = assemble(ports, SystemClock(), SystemRandom(), rules_of(settings), watch=watch)
        assembly = _with_stock(settings, assembly, store, watch, audited_sinks(ports))
        assembly = assembly._replace(inventory=recorded(assembly.inventory, deeds_of(settings, store)))
        for name, read in (*store.gauges.items(), *_gauges_of(assembly.relays)):
            figures.gauge(name, read)
        if meters is not None:
            tell_calls(meters, figures)
            tell_assembly(meters, assembly)
            tell_backends(meters, store, edge)
            if assembly.stock is not None:
                tell_stock(meters, assembly.stock.counts)
        try:
            yield assembly, store, edge.rates
        finally:
            with anyio.CancelScope(shield=True):
                await assembly.steps.drain(settings.limits.drain_seconds)
                if settings.background.is_on:
                    await flush(relayed(settings, assembly.relays))


def _with_stock(settings: Settings, assembly: Assembly, store: Store, watch: Watch, sinks: Collection[str]) -> Assembly:
    """The assembly, with stock where it is kept."""
    if not settings.stock.is_on:
        return assembly
    from travio_inventory.app.stock import allocation_of, assemble_stock, limits_of, recorded_stock  # noqa: PLC0415 - only where it is kept

    every_ms = settings.background.audit_seconds * 1_000
    stock = assemble_stock(
        assembly.sender,
        assembly.steps,
        watch=watch,
        views=watch.port("store", store.views) if store.views else None,
        sinks=sinks,
        audit_round_ms=every_ms,
        limits=limits_of(settings.stock),
        rules=allocation_of(settings.stock),
    )
    return assembly._replace(stock=recorded_stock(stock, deeds_of(settings, store)))


def _gauges_of(relays: Mapping[str, Relay]) -> Iterator[tuple[str, Callable[[], int]]]:
    """What shows of each sink how far it is behind, by name."""
    for name, relay in relays.items():
        yield f"relay_events.{name} lag_ms", relay.lag_ms
        yield f"relay_events.{name} forgotten_in_s", relay.forgotten_in_s
        yield f"relay_events.{name} missed_s", relay.missed_s


def rules_of(settings: Settings) -> InventoryRules:
    """As an operator chose. Embedded, no other process writes, and one transaction has all that a batch brings."""
    holds, trips, is_embedded = settings.holds, settings.trips, settings.store.kind == "embedded"
    return InventoryRules(
        times=HoldTimes(
            ttl_s_default=holds.ttl_seconds,
            ttl_s_max=holds.ttl_seconds_max,
            total_s_max=holds.total_seconds_max,
            sells_departed=trips.sell_departed,
        ),
        changes_known_within_s=trips.change_seconds,
        protocol=Rules(
            clock_bound_ms=holds.clock_bound_ms,
            grace_ms=holds.attempt_grace_seconds * 1_000,
            holds_per_holder_max=holds.per_holder_max,
            retention=retention_of(settings),
        ),
        limits=SeatLimits(
            seats_per_trip=trips.seats_max,
            cells_per_trip=trips.cells_max,
            segments_per_trip=trips.segments_max,
            seats_per_hold=holds.seats_max,
            cells_per_hold=holds.cells_max,
        ),
        ambiguous_journeys=Ambiguous(trips.ambiguous_journeys),
        map_stale_ms_max=settings.edge.map_stale_ms,
        steps_at_once_max=holds.commits_in_flight_max,
        is_alone=is_embedded,
        lists_are_whole=is_embedded,
        audit_round_ms=settings.background.audit_seconds * 1_000,
    )


def retention_of(settings: Settings) -> Retention:
    """How long what ends is kept, as an operator chose."""
    retention = settings.retention
    return Retention(
        events_s=retention.events_seconds,
        holds_s=retention.holds_seconds,
        keys_s=retention.keys_seconds,
        trips_s=retention.trips_seconds,
        held_s_max=settings.holds.total_seconds_max,
    )


@asynccontextmanager
async def _kept_at_work(
    jobs: Mapping[str, Job], *, tell: Callable[[bool], None] = lambda _all_well: None
) -> AsyncIterator[None]:
    """Run the jobs, each restarted if it fails, until the block is left."""
    jitter = Random()  # noqa: S311 - spreads waits, guards nothing
    task = asyncio.ensure_future(Supervision(jitter=jitter, tell=tell).run(jobs))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _background_jobs(
    settings: Settings,
    assembly: Assembly,
    store: Store,
    figures: Figures,
    meters: Meters,
    tracing: "Tracing | None",
) -> dict[str, Job]:
    background, waits = settings.background, assembly.sender.waits
    jitter = Random()  # noqa: S311 - spreads waits, guards nothing
    jobs = background_jobs(
        assembly.inventory,
        relayed(settings, assembly.relays),
        sweep_interval_ms=background.sweep_interval_ms,
        relay_interval_ms=background.relay_interval_ms,
        forgot=partial(count_visits, figures),
        waits=waits,
        jitter=jitter,
    )
    count, missed = partial(_count_fault, figures), partial(_count_missed, figures)
    if background.audit_seconds:
        jobs["auditor"] = AuditJob(
            assembly.inventory.audit_trips, count=count, missed=missed, waits=waits, jitter=jitter
        ).run
    if assembly.stock is not None:
        jobs |= stock_jobs(assembly.stock, settings, count_fault=count, missed=missed, waits=waits, jitter=jitter)
    return {**jobs, **event_jobs(settings, assembly, store, figures, meters, tracing)}


def _count_fault(figures: Figures, fault: str) -> None:
    figures.add("audit", str(fault), 0)


def _count_missed(figures: Figures, what: str, count: int) -> None:
    figures.not_checked[what] += count
