"""The bench of HTTP beside gRPC."""

from functools import partial

from travio_inventory.bench.report import Board
from travio_inventory.bench.session import Session
from travio_inventory.bench.web import web
from travio_inventory.cli.bench import DEFAULTS, SLICE_COLUMNS, Options, Report, Seconds, Workers, run_bench, show_slice
from travio_inventory.cli.connection_options import fail
from travio_inventory.cli.exits import Exit, Failure
from travio_inventory.cli.screen import Screen


def bench_web(*, workers: Workers = 32, seconds: Seconds = 3.0, options: Options = DEFAULTS) -> Exit:
    """Hold, be refused and read maps over HTTP, in turns with the same over gRPC, against a service of its own."""
    if options.target is not None:
        said = "this bench starts its own service: leave out --target"
        return fail(Screen(as_json=options.as_json), Failure(Exit.WRONG, "BAD_TARGET", said))

    async def bench(on: Session) -> Report:
        with Board(f"{workers} calls at once", SLICE_COLUMNS) as board:
            found = await web(on, workers=workers, seconds=seconds, show=partial(show_slice, board))
        return found.as_plain(), found.wrong

    return run_bench(options, bench, workers=workers, with_http=True)
