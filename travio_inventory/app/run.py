"""Runs the service as a process: signals, the exit status, and the log lines at the start."""

import gc
import logging
import os
import resource
import signal
from asyncio import AbstractEventLoop, SelectorEventLoop
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, ExitStack
from functools import partial

import anyio

from travio_inventory.app.authentication import UNSAFE
from travio_inventory.app.backends import StartFailed
from travio_inventory.app.service import App, running, working
from travio_inventory.app.serving import Face
from travio_inventory.kernel.addresses import Address
from travio_inventory.settings import ScyllaSettings, Settings, StoreSettings, shadowed
from travio_inventory.telemetry.families import BUSY, LOG_LINES, TURN
from travio_inventory.telemetry.logs import LogLines, set_up_logs
from travio_inventory.telemetry.meters import NS
from travio_inventory.telemetry.notify import READY, STOPPING, kept_alive, notify
from travio_inventory.telemetry.turns import LONGEST_TURN, TimedTurns
from travio_inventory.telemetry.watched import log_figures

log = logging.getLogger(__name__)

GARBAGE_THRESHOLDS = (10_000, 20, 50)
"""Python's own (700, 10, 10) were seen to pause a busy process for 70 ms."""
OTHER_FILES_MAX = 512
"""Beside connections: the store's, the edge's, logs."""
WHILE_RUNNING = (signal.SIGUSR1, signal.SIGHUP)
"""Signals that end nothing: log the figures, and load the files of certificates and secrets that have changed."""
OBEYED = (*WHILE_RUNNING, signal.SIGTERM, signal.SIGINT)
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


def serve(settings: Settings, *, only: Face | None = None) -> int:
    """Serve over gRPC and HTTP, or over one of them, until SIGTERM or SIGINT; then finish running calls. A second
    signal ends it at once. SIGUSR1 logs the figures, SIGHUP loads certificates and secrets that have changed.

    Returns an exit status: 0; EXIT_INTERRUPTED after a second SIGINT; EXIT_FAILED, with one line logged, if the service
    could not start.
    """
    return _run(settings, running(settings, only=only))


def work(settings: Settings) -> int:
    """Run the background jobs alone, without a server; signals and exit status as with `serve`."""
    return _run(settings, working(settings))


def _run(settings: Settings, service: AbstractAsyncContextManager[App]) -> int:
    lines = set_up_logs(level=settings.logs.level, form=settings.logs.format, worker=settings.logs.worker)
    allow_connections(settings)
    try:
        turns = TimedTurns()
        until_told = partial(_until_told, settings, service, turns, lines)
        anyio.run(until_told, backend_options={"loop_factory": loop_factory(settings, turns)})
    except StartFailed as failed:
        log.critical("cannot start: %s", failed)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0


def loop_factory(settings: Settings, turns: TimedTurns) -> Callable[[], AbstractEventLoop]:
    """Makes the event loop that was chosen, which is timed. Raises StartFailed where it is not installed."""
    if settings.server.loop == "asyncio":
        return partial(SelectorEventLoop, turns)
    try:
        import uvloop  # noqa: PLC0415 - an extra
    except ImportError:
        raise StartFailed("TRAVIO_LOOP=uvloop needs uvloop: pip install 'travio-inventory[uvloop]'") from None

    def timed() -> AbstractEventLoop:
        loop = uvloop.new_event_loop()
        turns.look_at(loop)
        return loop

    return timed


def allow_connections(settings: Settings) -> None:
    """Let the process open as many files as it may have connections, if the system lets it."""
    files_max, files_most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.limits.connections_max + settings.http.connections_max + OTHER_FILES_MAX
    most = wanted if files_most == resource.RLIM_INFINITY else min(wanted, files_most)
    if files_max != resource.RLIM_INFINITY and files_max < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, files_most))


async def _until_told(
    settings: Settings, service: AbstractAsyncContextManager[App], turns: TimedTurns, lines: LogLines
) -> None:
    with ExitStack() as listening:
        signals = listening.enter_context(anyio.open_signal_receiver(*OBEYED))
        async with kept_alive(), service as app:
            collect_seldom()
            app.figures.gauge(LONGEST_TURN, turns.longest_us)
            app.meters.read_one(TURN, lambda: turns.longest_lately_ns() / NS)
            app.meters.read_one(BUSY, lambda: turns.busy_ns / NS)
            app.meters.read(LOG_LINES, lambda: {(level,): count for level, count in lines.counts.items()})
            _say_ready(settings, app)
            turns.say_slow()
            while (told := await anext(aiter(signals))) in WHILE_RUNNING:
                if told is signal.SIGHUP:
                    app.renewals.look()
                else:
                    log_figures(app.figures)
            listening.close()  # from now on signals have their default effect
            for needless in WHILE_RUNNING:
                signal.signal(needless, signal.SIG_IGN)
            log.info("stopping: %s", told.name)
            notify(STOPPING)
        log_figures(app.figures)


def collect_seldom() -> None:
    """Objects of the start stay, and most objects of calls have no cycles: collect garbage less often."""
    gc.freeze()  # without a collection before: it would look through all of them, for 30 ms, and find next to nothing
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    gc.enable()


def _say_ready(settings: Settings, app: App) -> None:
    for name, value in shadowed().items():
        log.info("%s=%s is ignored: it describes another service, as Kubernetes does", name, value)
    server, store, scylla, edge, redis = settings.server, settings.store, settings.scylla, settings.edge, settings.redis
    if "hosts" in scylla.model_fields_set and store.kind != "scylla":
        log.warning("SCYLLA_HOSTS=%s is ignored: TRAVIO_STORE=%s", scylla.hosts, store.kind)
    if "addr" in redis.model_fields_set and edge.kind != "redis":
        log.warning("REDIS_ADDR=%s is ignored: TRAVIO_EDGE=%s", redis.addr, edge.kind)
    if settings.kafka.brokers and not settings.kafka.chosen.items() & {
        ("events", settings.events.sinks), ("events_in", settings.events_in.sources),
    }:  # fmt: skip
        log.warning("KAFKA_BROKERS=%s is ignored: TRAVIO_EVENTS and TRAVIO_EVENTS_IN are set", settings.kafka.brokers)
    if (app.port or app.http_port) and settings.auth.kind == "off":
        log.warning(UNSAFE)
    tls = " with TLS" if server.tls_cert else ""
    where = f"{Address(server.host, app.port)}{tls}" if app.port else ""
    web = f"HTTP at {Address(settings.http.host, app.http_port)}{tls}" if app.http_port else ""
    listens = ", ".join(filter(None, (where, web))) or "background jobs only"
    edge_named = f"redis at {redis.addr}" if edge.kind == "redis" else edge.kind
    log.info("ready: %s, store %s, edge %s, pid %s", listens, _store_named(store, scylla), edge_named, os.getpid())
    notify(READY)


def _store_named(store: StoreSettings, scylla: ScyllaSettings) -> str:
    match store.kind:
        case "embedded":
            return f"embedded in {store.data.resolve()}"
        case "scylla":
            return f"scylla at {scylla.hosts}, keyspace {scylla.keyspace}"
        case _:
            return store.kind
