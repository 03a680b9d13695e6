"""Every command with its help; what a command needs is imported when it is run."""

import sys

from cyclopts import App, Parameter
from cyclopts.exceptions import CycloptsError

HERE = "travio_inventory.cli"
BEGIN = """\
Begin:
  travio-inventory serve                                           # in another terminal
  travio-inventory trip open examples/trips/coach.toml
  travio-inventory map coach-dhaka-coxs-bazar dhaka chattogram
  travio-inventory hold coach-dhaka-coxs-bazar dhaka chattogram seat-A1 seat-A2
  travio-inventory confirm HOLD order-1

Exit status: 0 done, 1 a definite no, 2 wrong input, 3 ask again, 4 no service there.\
"""
COACH = "coach-dhaka-coxs-bazar"


def build() -> App:
    """The command line."""
    app = _app(
        "travio-inventory",
        help="Seat inventory for trips: holds, bookings and seat maps that never sell a seat twice.",
        epilogue=BEGIN,
    )
    _running(app)
    _selling(app)
    _watching(app)
    return app


def _running(app: App) -> None:
    _add(app, "serve", "server:serve", "TRAVIO_DATA=/var/lib/travio travio-inventory serve")
    _add(app, "work", "server:work", "TRAVIO_DATA=/var/lib/travio travio-inventory work")
    _add(app, "settings", "settings:show_settings", "GRPC_PORT=9090 travio-inventory settings")
    _add(app, "demo", "demo:demo", "travio-inventory demo")
    bench = _app(
        "bench",
        help="Measure the service, and check what it did.",
        epilogue=_examples(
            "travio-inventory bench hot-seat --workers 50 --seat seat-A1",
            "travio-inventory bench holds --seconds 5 --json --out holds.json",
        ),
    )
    for name in ("hot-seat", "refusals", "holds", "map", "noop", "open", "start"):
        _add(bench, name, f"bench.commands:bench_{name.replace('-', '_')}", f"travio-inventory bench {name}")
    app.command(bench)


def _selling(app: App) -> None:
    trip = _app("trip", help="Open trips for sale, and show them.")
    _add(trip, "open", "trips:open_trip", "travio-inventory trip open examples/trips/shinkansen.toml")
    _add(trip, "show", "trips:show_trip", f"travio-inventory trip show {COACH}")
    app.command(trip)
    _add(app, "map", "trips:show_map", f"travio-inventory map {COACH} dhaka chattogram")
    _add(
        app,
        "hold",
        "holds:hold",
        f"travio-inventory hold {COACH} dhaka chattogram seat-A1 seat-A2 --seconds 300",
    )
    _add(app, "confirm", "holds:confirm", "travio-inventory confirm HOLD order-1")
    _add(app, "release", "holds:release", "travio-inventory release HOLD")
    _add(app, "extend", "holds:extend", "travio-inventory extend HOLD --seconds 900")
    _add(app, "cancel", "holds:cancel", "travio-inventory cancel BOOKING")
    _add(app, "block", "trips:block", f"travio-inventory block {COACH} seat-J4 --reason 'broken belt'")
    _add(app, "unblock", "trips:unblock", f"travio-inventory unblock {COACH} seat-J4")


def _watching(app: App) -> None:
    holds = _app("holds", help="Look at holds and bookings.")
    _add(holds, "list", "holds:list_holds", "travio-inventory holds list --user me --ended")
    _add(holds, "show", "holds:show_hold", "travio-inventory holds show HOLD")
    app.command(holds)
    waitlist = _app("waitlist", help="Wait for seats of a class.")
    _add(
        waitlist,
        "join",
        "waitlist:join",
        f"travio-inventory waitlist join {COACH} --class business --seats 2",
    )
    _add(waitlist, "leave", "waitlist:leave", f"travio-inventory waitlist leave {COACH} --class business")
    _add(waitlist, "list", "waitlist:list_waits", "travio-inventory waitlist list")
    app.command(waitlist)
    _add(app, "events", "events:events", "travio-inventory events --follow")


def _app(name: str, *, help: str, epilogue: str = "") -> App:  # noqa: A002 - cyclopts' name for it
    return App(
        name=name,
        help=help,
        help_epilogue=epilogue,
        help_format="plaintext",
        help_formatter="default" if sys.stdout.isatty() else "plain",
        error_formatter=_in_one_line,
        default_parameter=Parameter(negative=()),
        version_flags=["--version"] if name == "travio-inventory" else [],
    )


def _add(app: App, name: str, function: str, example: str) -> None:
    app.command(f"{HERE}.{function}", name=name, help_epilogue=_examples(example))


def _examples(*commands: str) -> str:
    return "Example:\n" + "\n".join(f"  {command}" for command in commands)


def _in_one_line(wrong: CycloptsError) -> str:
    return f"{wrong} Try --help."
