"""The bench of live maps: many watch one trip."""

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from travio_inventory.bench.report import Board
from travio_inventory.bench.session import Session
from travio_inventory.bench.watchers import Over, calls_for
from travio_inventory.bench.watching import Load, Watching
from travio_inventory.cli.bench import DEFAULTS, Options, Report, Seconds, run_bench
from travio_inventory.cli.connection_options import WrongConnectionOptions, address_of, fail
from travio_inventory.cli.exits import Exit, Failure
from travio_inventory.cli.screen import Screen
from travio_inventory.kernel.addresses import Address

COLUMNS = ("watchers", "changes", "p50 ms", "p99 ms", "last p50 ms", "last p99 ms", "per core at 10/s")


def bench_watching(
    *,
    watchers: Annotated[int, Parameter(help="Watchers of the trip.", validator=Number(gte=1, lte=20_000))] = 1_000,
    over: Annotated[Over, Parameter(help="How they are told.")] = Over.SSE,
    changes: Annotated[
        float, Parameter(help="Holds and releases per second.", validator=Number(gt=0, lte=1_000))
    ] = 10.0,
    seconds: Seconds = 5.0,
    http: Annotated[
        str, Parameter(help="HOST:PORT where the service of --target serves HTTP, or another process of it.")
    ] = "",
    options: Options = DEFAULTS,
) -> Exit:
    """Let many watch one trip while seats are held and released: when each is told, whether it is told all in order,
    and what that costs.
    """
    screen = Screen(as_json=options.as_json)
    try:
        watched = address_of(http) if http else None
    except WrongConnectionOptions as wrong:
        return fail(screen, wrong.failure)
    if options.target is not None and watched is None and over is not Over.GRPC:
        said = "name where the service serves HTTP: add --http"
        return fail(screen, Failure(Exit.WRONG, "BAD_TARGET", said))

    async def bench(on: Session) -> Report:
        title = f"{watchers} watch a trip over {over} that changes {changes:g} times a second"
        with Board(title, COLUMNS) as board:
            watching = Watching(on, watched or _watched(on, over), over, show=board.add)
            await watching.measure(Load(watchers, changes, seconds))
        return watching.numbers, watching.wrong

    calls_max = calls_for(watchers) if over is Over.GRPC else 0
    return run_bench(options, bench, workers=1, with_http=True, watching_calls_max=calls_max)


def _watched(on: Session, over: Over) -> Address:
    """Where the service under measurement serves watchers."""
    return Address(on.service.host, on.own.http_port if on.own and over is not Over.GRPC else on.service.port)
