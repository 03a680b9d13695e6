"""The commands of the bench: their options, output and exit status."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from socket import gaierror
from ssl import SSLError
from statistics import median
from time import perf_counter
from typing import Annotated, Literal

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from travio_inventory.bench import bench_trips, browsing, compare, hot_seat, throughput, venue
from travio_inventory.bench.calls import Outcome, contest_for
from travio_inventory.bench.measuring import Slice, latency_ms, rounded
from travio_inventory.bench.own_server import OwnServer, ServerFailed, cores_apart
from travio_inventory.bench.report import Board
from travio_inventory.bench.session import Command, Session, session
from travio_inventory.cli.bench_reports import finish, report_of
from travio_inventory.cli.connection_options import (
    AsJson,
    CaFile,
    Tls,
    WrongConnectionOptions,
    address_of,
    fail,
    place_of,
    tls_of,
)
from travio_inventory.cli.exits import Exit, Failure, failure_of, failure_of_error, not_reached
from travio_inventory.cli.screen import Screen
from travio_inventory.client.refusals import ClientError
from travio_inventory.client.unreachable import NoService, NoTls, unreachable
from travio_inventory.kernel.addresses import Address
from travio_inventory.kernel.refusals import Refusal

WORKERS_MAX = 10_000
ROUNDS_MAX = 100_000
SECONDS_MAX = 3_600.0
ROUND_COLUMNS = ("round", *(outcome.value for outcome in Outcome), "p50 ms", "max ms")
SLICE_COLUMNS = ("what", "calls", "per second", "per CPU second", "p50 ms", "p99 ms")

Workers = Annotated[int, Parameter(help="Concurrent calls.", validator=Number(gte=1, lte=WORKERS_MAX))]
Rounds = Annotated[int, Parameter(help="How often.", validator=Number(gte=1, lte=ROUNDS_MAX))]
Seats = Annotated[int, Parameter(help="Seats of each trip.", validator=Number(gte=1, lte=5_000))]
SeatsPerGroup = Annotated[
    int,
    Parameter(help="Seats of a seat group: 0 = the default, -1 = as many as may be.", validator=Number(gte=-1)),
]
Seconds = Annotated[float, Parameter(help="Seconds per measurement.", validator=Number(gt=0, lte=SECONDS_MAX))]


@Parameter(name="*", group=Group("Bench options", sort_key=100))
@dataclass(frozen=True, slots=True)
class Options:
    """Options of all benches."""

    target: Annotated[
        str | None, Parameter(help="HOST:PORT of a running service; by default the bench starts its own.")
    ] = None
    tls: Tls = False
    ca_file: CaFile = None
    out: Annotated[Path | None, Parameter(help="Also write the JSON report to this file.")] = None
    as_json: AsJson = False


DEFAULTS = Options()
Report = tuple[dict[str, object], list[str]]
Bench = Callable[[Session], Awaitable[Report]]


def bench_hot_seat(
    *,
    workers: Workers = 50,
    seat: Annotated[str, Parameter(help="The seat that all workers want.")] = "seat-A1",
    rounds: Rounds = 20,
    options: Options = DEFAULTS,
) -> Exit:
    """Many workers request one seat at the same moment, in several rounds. Exit status 1 unless each round has one
    winner.
    """

    async def bench(on: Session) -> Report:
        trip = bench_trips.coach(seats=(seat,))
        await on.open(trip)
        contest = contest_for(trip, seat)
        with Board(f"{workers} want {seat}", ROUND_COLUMNS) as board:
            found = await hot_seat.compete(
                on.service.channels,
                contest,
                workers=workers,
                rounds=rounds,
                show=lambda played: show_round(board, played),
            )
        return found.as_plain(), found.wrong

    return run_bench(options, bench, workers=workers)


def show_round(board: Board, played: hot_seat.Round) -> None:
    """One row of the live table."""
    latency = latency_ms(played.latencies_s)
    counts = [played.tally[outcome] for outcome in Outcome]
    board.add(played.number, *counts, rounded(latency["p50"]), rounded(latency["max"]))


def bench_refusals(*, workers: Workers = 64, seconds: Seconds = 3.0, options: Options = DEFAULTS) -> Exit:
    """Request a taken seat, compared with a no-op call."""
    return _throughput(throughput.refusals, options, workers, seconds)


def bench_holds(*, workers: Workers = 64, seconds: Seconds = 3.0, options: Options = DEFAULTS) -> Exit:
    """Hold free seats, one seat on two segments per call, compared with a no-op call; then check every hold."""
    return _throughput(throughput.holds, options, workers, seconds)


def bench_map(*, workers: Workers = 16, seconds: Seconds = 3.0, options: Options = DEFAULTS) -> Exit:
    """Read the map of a train with 1,300 seats, unchanged and changed, compared with a no-op call."""
    return _throughput(throughput.maps, options, workers, seconds)


def bench_browsing(
    *,
    seats: Seats = 1_300,
    segments: Annotated[int, Parameter(help="Segments of the trip.", validator=Number(gte=1, lte=25))] = 5,
    seats_per_group: SeatsPerGroup = 0,
    writes: Annotated[int, Parameter(help="Holds and releases per second.", validator=Number(gte=2, lte=10_000))] = 200,
    workers: Workers = 16,
    seconds: Seconds = 5.0,
    options: Options = DEFAULTS,
) -> Exit:
    """Read seat maps uncached, cached and while seats are sold; count the reads of the store that the cache saves."""

    async def bench(on: Session) -> Report:
        size = browsing.Size(seats, segments, seats_per_group)
        with Board(f"{workers} read the map of {seats} seats on {segments} segments", SLICE_COLUMNS) as board:
            readers = browsing.Browsing(on, size, readers=workers, show=partial(show_slice, board))
            found = await readers.measure(writes_per_second=writes, seconds=seconds)
        return found.as_plain(), found.wrong

    return run_bench(options, bench, workers=workers)


def bench_compare(
    a: Annotated[str, Parameter(help="HOST:PORT of a running service, or in quotes the command that starts one.")],
    b: Annotated[str, Parameter(help="The other one; both serve the same contract.")],
    /,
    *,
    work: Annotated[Literal["holds", "refusals", "map"], Parameter(help="What both do.")] = "holds",
    workers: Workers = 64,
    rounds: Rounds = 5,
    seconds: Seconds = 1.0,
    options: Options = DEFAULTS,
) -> Exit:
    """Let two services do the same in turns, and show A / B: how many times as fast A is, as the median of all rounds,
    the least and the greatest. A command finds its port in TRAVIO_GRPC_PORT, or as {port} in its words; of what it
    starts the CPU time is compared too.
    """
    screen = Screen(as_json=options.as_json)
    if options.target is not None:
        return fail(screen, Failure(Exit.WRONG, "BAD_TARGET", "name both services after `compare`: omit --target"))
    try:
        places = place_of("A", a), place_of("B", b)
    except WrongConnectionOptions as wrong:
        return fail(screen, wrong.failure)

    async def bench(on: Session) -> Report:
        with Board(f"{work}, {workers} calls at once", SLICE_COLUMNS) as board:
            async with session(places[1], tls=on.tls, workers=workers) as other:
                show = partial(show_slice, board)
                found = await compare.compare(
                    on, other, compare.WORKS[work], workers=workers, seconds=seconds, rounds=rounds, show=show
                )
        return {"A is": a, "B is": b, **found.as_plain()}, found.wrong

    return run_bench(options, bench, workers=workers, place=places[0])


def bench_noop(*, workers: Workers = 64, seconds: Seconds = 3.0, options: Options = DEFAULTS) -> Exit:
    """Call a no-op, behind the same server code as the service. It always starts its own server."""
    if options.target is not None:
        said = "the no-op runs only on the bench's own server: omit --target"
        return fail(Screen(as_json=options.as_json), Failure(Exit.WRONG, "BAD_TARGET", said))
    return _throughput(throughput.no_op_alone, options, workers, seconds)


def bench_open(
    *,
    rounds: Rounds = 5,
    seats: Annotated[
        int, Parameter(help="Seats of a hall that is opened instead, once.", validator=Number(gte=0, lte=100_000))
    ] = 0,
    options: Options = DEFAULTS,
) -> Exit:
    """Open a train with 1,300 seats and five segments for sale; or a hall, then read it and hold seats of it."""

    async def hall(on: Session) -> Report:
        with Board(f"a hall of {seats} seats", ("what", "seconds", "longest turn ms")) as board:
            return await venue.Venue(on, seats=seats, show=board.add).measure(), []

    async def bench(on: Session) -> Report:
        took: list[float] = []
        with Board("opening a train", ("round", "seconds")) as board:
            for number in range(1, rounds + 1):
                trip = bench_trips.train()
                began = perf_counter()
                await on.open(trip)
                took.append(perf_counter() - began)
                board.add(number, round(took[-1], 3))
        return {"rounds": rounds, **_seconds(took)}, []

    return run_bench(options, hall if seats else bench, workers=1)


def bench_start(*, rounds: Rounds = 5, options: Options = DEFAULTS) -> Exit:
    """Start the service with an empty data folder and wait for the answer to the first call."""

    async def bench(_on: Session) -> Report:
        took: list[float] = []
        server_core, _ = cores_apart()
        with Board("starting the service", ("round", "seconds")) as board:
            for number in range(1, rounds + 1):
                async with OwnServer.of_inventory(core=server_core) as server:
                    took.append(server.start_seconds)
                board.add(number, round(took[-1], 3))
        return {"rounds": rounds, **_seconds(took)}, []

    return run_bench(options, bench, workers=1)


def _seconds(took: list[float]) -> dict[str, object]:
    return {"seconds": {"median": round(median(took), 3), "max": round(max(took), 3)}}


def _throughput(
    measure: Callable[..., Awaitable[throughput.BenchResult]], options: Options, workers: int, seconds: float
) -> Exit:
    async def bench(on: Session) -> Report:
        with Board(f"{workers} calls at once", SLICE_COLUMNS) as board:
            found = await measure(on, workers=workers, seconds=seconds, show=partial(show_slice, board))
        return found.as_plain(), found.wrong

    return run_bench(options, bench, workers=workers, with_noops=True)


def show_slice(board: Board, name: str, measured: Slice) -> None:
    """One row of the live table."""
    latency, per_cpu = latency_ms(measured.latencies_s), rounded(measured.per_cpu_second)
    board.add(
        name,
        measured.calls,
        rounded(measured.per_second),
        "-" if per_cpu is None else per_cpu,
        latency.get("p50", "-"),
        latency.get("p99", "-"),
    )


def run_bench(
    options: Options,
    bench: Bench,
    *,
    workers: int,
    with_noops: bool = False,
    with_http: bool = False,
    watching_calls_max: int = 0,
    place: Address | Command | None = None,
) -> Exit:
    """Run the bench against that place, the target or its own server, and report whether the results are correct."""
    screen = Screen(as_json=options.as_json)
    try:
        place = place or (None if options.target is None else address_of(options.target))
        tls = tls_of(tls=options.tls, ca_file=options.ca_file)
        if options.out is not None:
            options.out.touch()
    except WrongConnectionOptions as wrong:
        return fail(screen, wrong.failure)
    except OSError as failed:
        return fail(screen, Failure(Exit.WRONG, "BAD_OUT", f"--out {options.out}: {failed.strerror}"))

    async def measure() -> dict[str, object]:
        async with session(
            place,
            tls=tls,
            workers=workers,
            with_noops=with_noops,
            with_http=with_http,
            watching_calls_max=watching_calls_max,
        ) as on:
            return report_of(on.as_plain(), *await bench(on))

    try:
        report = asyncio.run(measure())
    except (Refusal, ClientError, ServerFailed, OSError, ExceptionGroup) as failed:
        target = str(place) if isinstance(place, Address) else "its own address"
        return fail(screen, failure_in_bench(failed, target, with_tls=tls is not None))
    finish(screen, report, options.out)
    return Exit.NO if report["wrong"] else Exit.DONE


def failure_in_bench(failed: Exception, target: str, *, with_tls: bool) -> Failure:
    """Why there is no report. Raises errors that are bugs of the bench."""
    match failed:
        case ExceptionGroup():
            return failure_in_bench(failed.exceptions[0], target, with_tls=with_tls)
        case ServerFailed():
            return Failure(Exit.NO_SERVICE, "SERVER_FAILED", str(failed))
        case NoService() | NoTls():
            return not_reached(failed, with_tls=with_tls)
        case ConnectionRefusedError() | gaierror() | SSLError():
            return not_reached(unreachable(failed, target, is_there=False), with_tls=with_tls)
        case Refusal():
            return failure_of(failed)
        case ClientError():
            return failure_of_error(failed)
        case ConnectionError() | TimeoutError():
            said = str(failed) or "no answer in time"
            return Failure(Exit.NO_SERVICE, "CONNECTION_LOST", f"lost the service at {target}: {said}")
        case OSError():
            return Failure(Exit.WRONG, "NOT_POSSIBLE", str(failed))
        case _:
            raise failed
