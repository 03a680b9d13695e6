"""Puts the service together: the one place that knows both the settings and the constructors."""

import asyncio
import gc
import logging
import os
import signal
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    closing,
    contextmanager,
    suppress,
)
from dataclasses import dataclass
from functools import partial
from random import Random, SystemRandom

import anyio
from grpclib.health.check import CheckBase, ServiceStatus

from travio_inventory.addresses import Address
from travio_inventory.api.rpc.codec import PassThroughCodec
from travio_inventory.api.rpc.guarded import GuardedServer
from travio_inventory.api.rpc.limits import ServerLimits
from travio_inventory.api.rpc.refusals import TOLD, SerializedDetails
from travio_inventory.api.rpc.service import SERVICE, services
from travio_inventory.backends import Edge, OwnCertificate, StartFailed, open_batches, open_edge
from travio_inventory.broker.in_process import InProcess
from travio_inventory.broker.json_lines import JsonLines
from travio_inventory.engine import Inventory
from travio_inventory.engine.block_seats import BlockSeats
from travio_inventory.engine.cancel_booking import CancelBooking
from travio_inventory.engine.check_availability import CheckAvailability
from travio_inventory.engine.commits import Commits
from travio_inventory.engine.confirm_hold import ConfirmHold
from travio_inventory.engine.edge_upkeep import EdgeUpkeep
from travio_inventory.engine.expire_holds import ExpireHolds
from travio_inventory.engine.extend_hold import ExtendHold
from travio_inventory.engine.hold_seats import HoldSeats, HoldTimes
from travio_inventory.engine.open_trip import OpenTrip
from travio_inventory.engine.own_maps import OwnMaps
from travio_inventory.engine.ports import Journal, Publisher
from travio_inventory.engine.read_holds import ReadHolds
from travio_inventory.engine.read_seat_map import ReadSeatMap
from travio_inventory.engine.relay_events import RelayEvents
from travio_inventory.engine.release_hold import ReleaseHold
from travio_inventory.engine.trip_catalog import TripCatalog
from travio_inventory.engine.waitlist import Waitlist
from travio_inventory.observability.logs import set_up_logs
from travio_inventory.observability.metrics import Figures
from travio_inventory.observability.notify import READY, notify
from travio_inventory.observability.watched import log_figures, observed, report, watched
from travio_inventory.settings import Settings, shadowed
from travio_inventory.store.batches import Batches
from travio_inventory.store.definitions import Definitions
from travio_inventory.store.journal import EventJournal
from travio_inventory.store.lapses import LapseFinder
from travio_inventory.store.late_events import LateEvents
from travio_inventory.store.listings import ListingPublisher
from travio_inventory.store.owners import Owners
from travio_inventory.store.rules import Rules
from travio_inventory.store.transitions import Transitions
from travio_inventory.store.waitlists import WaitlistTable
from travio_inventory.workers import Job, Supervision, worker_jobs

log = logging.getLogger(__name__)

EVENTS_FILE = "events.jsonl"
REPORT_SECONDS = 60
FLUSH_SECONDS_MAX = 5
ADMIN_METHODS = ("InitializeTripInventory", "UpdateInventory")
ENDLESS_METHODS = frozenset({"/grpc.health.v1.Health/Watch"})
CONTROL_FRAMES_PER_SECOND_MAX = 1_000
HEADER_BYTES_MAX = 16_384
HEADER_BLOCK_BYTES_MAX = 65_536
MESSAGE_READ_SECONDS_MAX = 10
WRITE_STALLED_SECONDS_MAX = 30
LINGER_SECONDS_MAX = 1
GARBAGE_THRESHOLDS = (10_000, 20, 50)
"""Python's own (700, 10, 10) were seen to pause a busy process for 70 ms."""
EVERY_ADDRESS = "::"
_STOPWATCH: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Where there is one that goes on while the machine sleeps, that."""
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class App:
    """The service while it runs: what it can do, what was counted, and where it listens (port 0 = nowhere)."""

    inventory: Inventory
    figures: Figures
    port: int


class SystemClock:
    """Clock. The time of day of this machine, and its time since it was started, asleep or awake."""

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return time.time_ns() // 1_000_000

    def elapsed_ms(self) -> int:
        """Milliseconds since the machine was started."""
        return time.clock_gettime_ns(_STOPWATCH) // 1_000_000


# ---- to run


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then finish what is under way; a second signal ends it at once. SIGUSR1 logs the
    figures.

    Returns an exit status: 0; EXIT_INTERRUPTED after a second SIGINT; EXIT_FAILED, with one line logged, where the
    service could not start.
    """
    return _run(settings, running(settings))


def work(settings: Settings) -> int:
    """Run the workers alone, without a server; signals and exit status as with `serve`."""
    return _run(settings, working(settings))


def _run(settings: Settings, service: AbstractAsyncContextManager[App]) -> int:
    set_up_logs(level=settings.log_level, form=settings.log_format)
    try:
        anyio.run(_until_told, settings, service)
    except StartFailed as failed:
        log.critical("cannot start: %s", failed)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0


async def _until_told(settings: Settings, service: AbstractAsyncContextManager[App]) -> None:
    with ExitStack() as listening:
        signals = listening.enter_context(anyio.open_signal_receiver(signal.SIGUSR1, signal.SIGTERM, signal.SIGINT))
        async with service as app:
            _collect_seldom()
            _say_ready(settings, app)
            while (told := await anext(aiter(signals))) is signal.SIGUSR1:
                log_figures(app.figures)
            listening.close()  # from now on a signal does what it does to any process
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
            log.info("stopping: %s", told.name)
        log_figures(app.figures)


def _collect_seldom() -> None:
    """What stands at the start stays, and most of what calls make has no cycles: look for garbage less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    gc.enable()


def _say_ready(settings: Settings, app: App) -> None:
    for name, value in shadowed().items():
        log.info("%s=%s is not read: it describes another service, as Kubernetes does", name, value)
    if "scylla_hosts" in settings.model_fields_set and settings.store != "scylla":
        log.warning("SCYLLA_HOSTS=%s is not used: TRAVIO_STORE=%s", settings.scylla_hosts, settings.store)
    if "redis_addr" in settings.model_fields_set and settings.edge != "redis":
        log.warning("REDIS_ADDR=%s is not used: TRAVIO_EDGE=%s", settings.redis_addr, settings.edge)
    address = Address(settings.grpc_host, app.port)
    where = f"{address}{' with TLS' if settings.tls_cert else ''}" if app.port else "workers only"
    log.info("ready: %s, store %s, edge %s, pid %s", where, _store_named(settings), _edge_named(settings), os.getpid())
    notify(READY)


def _store_named(settings: Settings) -> str:
    match settings.store:
        case "embedded":
            return f"embedded in {settings.data.resolve()}"
        case "scylla":
            return f"scylla at {settings.scylla_hosts}, keyspace {settings.scylla_keyspace}"
        case _:
            return settings.store


def _edge_named(settings: Settings) -> str:
    return f"redis at {settings.redis_addr}" if settings.edge == "redis" else settings.edge


# ---- what runs


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[App]:
    """The service with its server and, where they are on, its workers.

    On leaving: no new calls, the running ones finish, workers stop, steps commit, events are relayed, the store
    closes. Raises StartFailed.
    """
    figures, workers = Figures(), ServiceStatus()
    certificate = OwnCertificate(settings.tls_cert, settings.tls_key) if settings.tls_cert else None
    async with open_inventory(settings, figures=figures) as inventory:
        jobs = _worker_jobs(settings, inventory) if settings.workers else {}
        jobs["figures"] = partial(report, figures, every_seconds=REPORT_SECONDS)
        if certificate is not None:
            jobs["certificate"] = certificate.keep_up
        async with (
            _kept_at_work(jobs, tell=workers.set),
            _listening(
                settings, inventory, workers if settings.workers else None, certificate.context if certificate else None
            ) as server,
        ):
            yield App(inventory, figures, server.port or 0)


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[App]:
    """The workers without a server. Raises StartFailed."""
    figures = Figures()
    async with (
        open_inventory(settings, figures=figures) as inventory,
        _kept_at_work(_worker_jobs(settings, inventory), tell=lambda _all_well: None),
    ):
        yield App(inventory, figures, port=0)


@asynccontextmanager
async def open_inventory(
    settings: Settings, *, figures: Figures | None = None, publisher: Publisher | None = None
) -> AsyncIterator[Inventory]:
    """The use cases alone; events go to `publisher` where one is given. On leaving, steps commit and, where workers
    are on, events are relayed a last time. Raises StartFailed.
    """
    commits = Commits(in_flight_max=settings.commits_in_flight_max)
    async with AsyncExitStack() as stack:
        figures = figures or Figures()
        store = await stack.enter_async_context(open_batches(settings))
        batches = observed(store.batches, "store", figures)
        edge = await stack.enter_async_context(open_edge(settings, store.deployment))
        edge = Edge(*(observed(port, name, figures) for name, port in edge._asdict().items()))
        publisher = publisher or stack.enter_context(_publisher(settings))
        inventory = watched(_use_cases(settings, batches, edge, commits, publisher, figures), figures)
        try:
            yield inventory
        finally:
            with anyio.CancelScope(shield=True):
                await commits.drain(settings.drain_seconds)
                if settings.workers and settings.relay:
                    await _flush(inventory)


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


def _worker_jobs(settings: Settings, inventory: Inventory) -> dict[str, Job]:
    return worker_jobs(
        inventory,
        sweep_interval_ms=settings.sweep_interval_ms,
        relay_interval_ms=settings.relay_interval_ms,
        relays=settings.relay,
        jitter=Random(),  # noqa: S311 - spreads waits, guards nothing
    )


# ---- what it is made of


def _use_cases(
    settings: Settings, batches: Batches, edge: Edge, commits: Commits, publisher: Publisher, figures: Figures
) -> Inventory:
    clock, jitter = SystemClock(), Random()  # noqa: S311 - spreads waits, guards nothing
    gate, taken, cache = edge
    maps = OwnMaps(cache, stale_ms_max=settings.map_stale_ms)
    owners = Owners(
        batches,
        clock=clock,
        watch=EdgeUpkeep(taken, maps),
        background=commits.in_background,
        rules=Rules(
            clock_bound_ms=settings.clock_bound_ms,
            grace_ms=settings.attempt_grace_seconds * 1_000,
            holds_per_holder_max=settings.holds_per_holder_max,
        ),
        random=SystemRandom(),
    )
    times = HoldTimes(
        ttl_s_default=settings.hold_ttl_seconds,
        ttl_s_max=settings.hold_ttl_seconds_max,
        total_s_max=settings.hold_total_seconds_max,
    )
    definitions, holds = Definitions(batches), observed(Transitions(owners), "holds", figures)
    trips = TripCatalog(definitions)
    read_seat_map = ReadSeatMap(trips, holds, maps)
    return Inventory(
        trips=trips,
        open_trip=OpenTrip(definitions),
        hold_seats=HoldSeats(
            trips=trips, holds=holds, gate=gate, commits=commits, times=times, clock=clock, jitter=jitter
        ),
        confirm_hold=ConfirmHold(holds, commits),
        release_hold=ReleaseHold(holds, commits),
        extend_hold=ExtendHold(holds, commits, times, clock),
        cancel_booking=CancelBooking(holds, commits),
        read_holds=ReadHolds(holds),
        read_seat_map=read_seat_map,
        check_availability=CheckAvailability(read_seat_map),
        block_seats=BlockSeats(trips, holds, commits),
        waitlist=Waitlist(trips, WaitlistTable(owners), commits),
        expire_holds=ExpireHolds(LapseFinder(owners)),
        relay_events=RelayEvents(_journal(settings, owners), ListingPublisher(owners.batches, publisher)),
    )


def _journal(settings: Settings, owners: Owners) -> Journal:
    """Embedded, nobody else writes, and nothing lands late."""
    if settings.store == "embedded":
        return EventJournal(owners, is_alone=True)
    return LateEvents(EventJournal(owners), owners)


@contextmanager
def _publisher(settings: Settings) -> Iterator[Publisher]:
    if settings.events == "none":
        yield InProcess()
    else:
        file = settings.data / EVENTS_FILE
        with closing(JsonLines(file)) as lines:
            try:
                lines.check()
            except OSError as failed:
                raise StartFailed(f"events cannot be written to {file}: {failed.strerror or failed}") from failed
            yield lines


# ---- the server


@asynccontextmanager
async def _listening(
    settings: Settings, inventory: Inventory, workers: CheckBase | None, tls: ssl.SSLContext | None
) -> AsyncIterator[GuardedServer]:
    server = GuardedServer(
        services(inventory, refusals=settings.refusals, clock=SystemClock(), workers=workers),
        limits=_server_limits(settings),
        codec=PassThroughCodec(),
        status_details_codec=SerializedDetails(),
        told=TOLD,
    )
    address = Address(settings.grpc_host, settings.grpc_port)
    async with server:
        try:
            await _listen(server, address, tls, reuse_port=settings.grpc_reuse_port)
        except OSError as failed:
            raise StartFailed(f"cannot listen on {address}: {_why(failed)}") from failed
        try:
            yield server
        finally:
            with anyio.CancelScope(shield=True):
                await server.drain()


def _why(failed: OSError) -> str:
    """The system's own words; asyncio's name the address a second time."""
    if failed.errno is not None and failed.errno > 0:
        return os.strerror(failed.errno)
    return failed.strerror or str(failed)


async def _listen(server: GuardedServer, address: Address, tls: ssl.SSLContext | None, *, reuse_port: bool) -> None:
    """Listen at the address; at :: for IPv4 as well, which asyncio leaves out. Raises OSError."""
    if address.host != EVERY_ADDRESS or not socket.has_dualstack_ipv6():
        await server.start(*address, ssl=tls, reuse_port=reuse_port)
        return
    sock = socket.create_server(address, family=socket.AF_INET6, dualstack_ipv6=True, reuse_port=reuse_port)
    try:
        await server.start(sock=sock, ssl=tls)
    except BaseException:
        sock.close()
        raise


def _server_limits(settings: Settings) -> ServerLimits:
    return ServerLimits(
        message_bytes_default_max=settings.message_bytes_max,
        message_bytes_max_by_method={
            f"/{SERVICE}/{method}": settings.admin_message_bytes_max for method in ADMIN_METHODS
        },
        unread_bytes_max=settings.unread_bytes_max,
        streams_concurrent_max=settings.streams_max,
        calls_max=settings.calls_max,
        connections_max=settings.connections_max,
        resets_per_second_max=settings.resets_per_second_max,
        control_frames_per_second_max=CONTROL_FRAMES_PER_SECOND_MAX,
        header_bytes_max=HEADER_BYTES_MAX,
        header_block_bytes_max=HEADER_BLOCK_BYTES_MAX,
        idle_connection_seconds_max=settings.idle_connection_seconds,
        message_read_seconds_max=MESSAGE_READ_SECONDS_MAX,
        write_stalled_seconds_max=WRITE_STALLED_SECONDS_MAX,
        deadline_default_seconds=settings.deadline_seconds,
        deadline_max_seconds=settings.deadline_seconds_max,
        methods_without_deadline=ENDLESS_METHODS,
        drain_seconds_max=settings.drain_seconds,
        linger_seconds_max=LINGER_SECONDS_MAX,
    )
