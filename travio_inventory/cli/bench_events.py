"""The benches of events: how long one takes to a consumer, and how fast a backlog is caught up with."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from travio_inventory.app.backends import StartFailed
from travio_inventory.bench.event_backlog import catch_up
from travio_inventory.bench.event_consumers import Brokers
from travio_inventory.bench.event_delays import Load, delays
from travio_inventory.bench.report import Board
from travio_inventory.bench.session import Session, settings_given
from travio_inventory.cli.bench import DEFAULTS, Options, Report, Seconds, run_bench
from travio_inventory.cli.bench_reports import finish, report_of
from travio_inventory.cli.connection_options import fail
from travio_inventory.cli.exits import Exit, Failure
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.server import settings_or_none
from travio_inventory.events.choice import parse_sinks
from travio_inventory.events.shapes import Shape
from travio_inventory.events.targets.kafka import KafkaTopic
from travio_inventory.events.targets.rabbitmq import RabbitExchange

DELAY_COLUMNS = ("sink", "from", "events", "p50 ms", "p99 ms")
BACKLOG_COLUMNS = ("what", "events", "seconds")
NEEDED = "set TRAVIO_EVENTS to sinks of Kafka or RabbitMQ, in the native shape"


def bench_events(
    *,
    holds_per_second: Annotated[int, Parameter(help="Holds asked for.", validator=Number(gte=1, lte=20_000))] = 1_000,
    seconds: Seconds = 10.0,
    options: Options = DEFAULTS,
) -> Exit:
    """How long an event takes from the commit of its hold to a consumer of each broker in TRAVIO_EVENTS.

    The answer to the hold leaves just after its commit: from then on is counted, and from the request. Every event must
    arrive. Give each run a topic or exchange that nobody else publishes to.
    """
    screen, settings = Screen(as_json=options.as_json), settings_or_none()
    if settings is None:
        return Exit.WRONG
    sinks: dict[str, Brokers] = {
        name: target
        for name, target in parse_sinks(settings.events.sinks)
        if isinstance(target, KafkaTopic | RabbitExchange) and target.shape is Shape.NATIVE
    }
    if not sinks:
        return fail(screen, Failure(Exit.WRONG, "NO_BROKER", NEEDED))
    load = Load(holds_per_second, seconds)

    async def bench(on: Session) -> Report:
        with Board(f"{holds_per_second} holds a second", DELAY_COLUMNS) as board:
            return await delays(on, sinks, load, board.add)

    return run_bench(options, bench, workers=400)


def bench_backlog(
    *,
    events: Annotated[int, Parameter(help="Events to record.", validator=Number(gte=2, lte=10_000_000))] = 100_000,
    options: Options = DEFAULTS,
) -> Exit:
    """How fast one relay catches up: events are recorded without it, then published to each sink in TRAVIO_EVENTS.

    On the store that the settings name; the embedded one is in a folder of its own.
    """
    screen = Screen(as_json=options.as_json)
    with TemporaryDirectory(prefix="travio-backlog-") as folder:
        settings = settings_or_none(data=Path(folder), background=False, edge="local")
        if settings is None:
            return Exit.WRONG
        sinks = parse_sinks(settings.events.sinks)
        quiet = settings_or_none(data=Path(folder), background=False, edge="local", events="none")
        if not sinks or quiet is None:
            return fail(screen, Failure(Exit.WRONG, "NO_SINK", "set TRAVIO_EVENTS to the sinks to measure"))

        async def measure() -> Report:
            with Board(f"a backlog of {events} events", BACKLOG_COLUMNS) as board:
                return await catch_up(
                    quiet, sinks, events, lambda what, done, took_s: board.add(what, done, f"{took_s:.1f}")
                )

        try:
            report = report_of({"settings": settings_given()}, *asyncio.run(measure()))
        except StartFailed as failed:
            return fail(screen, Failure(Exit.NO_SERVICE, "START_FAILED", str(failed)))
    finish(screen, report, options.out)
    return Exit.NO if report["wrong"] else Exit.DONE
