"""Every command with its help; a command imports what it needs when it runs."""

import sys
from collections.abc import Sequence

from cyclopts import App, Parameter
from cyclopts.exceptions import CycloptsError, ValidationError
from rich.console import Console

from travio_inventory.cli.command import Command
from travio_inventory.cli.numbers import read_words
from travio_inventory.cli.stock.commands import STOCK_BEGIN, STOCK_COMMANDS

PACKAGE = "travio_inventory.cli"
NAME = "travio-inventory"
EXIT_WRONG = 2
PLAIN_WIDTH = 300
"""Width of help outside a terminal: each sentence on one line."""
COACH = "coach-dhaka-coxs-bazar"
BEGIN = f"""\
To begin, run the service in one terminal and the commands in another:
  {NAME} serve
  {NAME} trip example coach > coach.toml
  {NAME} trip open coach.toml
  {NAME} map {COACH} dhaka chattogram
  {NAME} hold {COACH} dhaka chattogram seat-A1 seat-A2
  {NAME} confirm HOLD order-1

Exit status:
  0 done; 1 refused; 2 wrong input; 3 retry; 4 no service at the target
  5 the command failed, which is a bug; 130 interrupted\
"""
BENCH_BEGIN = f"""\
Without --target a bench starts its own server on one core, and uses another core itself.

Examples:
  {NAME} bench hot-seat --workers 50 --seat seat-A1
  {NAME} bench hot-seat --target localhost:9083 --rounds 100
  {NAME} bench holds --seconds 5 --json --out holds.json\
"""
IMPORT_BEGIN = f"""\
Begin with an example of a seat plan and of a timetable:
  {NAME} plan example bus > bus.toml
  {NAME} import example feed
  {NAME} import gtfs feed --seat-plan bus.toml --date 2027-06-05 --dry-run
  {NAME} import gtfs feed --seat-plan bus.toml --date 2027-06-05\
"""
GROUPS = {
    "schema": ("Tables of the scylla store.", ""),
    "trip": ("Open trips for sale, and show them.", ""),
    "plan": ("Seat plans, each for any number of trips.", ""),
    "import": ("Open the trips of a timetable.", IMPORT_BEGIN),
    "holds": ("Show holds and bookings.", ""),
    "waitlist": ("Waiting lists for seats of a class.", ""),
    "events": ("Events that the service publishes; without a command, `show`.", ""),
    "stock": ("Goods per stock keeping unit and warehouse.", STOCK_BEGIN),
    "bench": ("Measure the service and check the results.", BENCH_BEGIN),
}


COMMANDS = (
    Command("serve", "server:serve", "Run the service. Settings come from the environment."),
    Command("demo", "demo:demo", "Demonstrate the service, within a minute.", "--stay"),
    Command("trip open", "trips:open_trip", "Open a trip for sale from a TOML file.", "coach.toml"),
    Command(
        "trip example",
        "trips:show_example",
        "Print an example of a trip file.",
        "coach > coach.toml",
        usage="[OPTIONS] [NAME]",
    ),
    Command("trip show", "trips:show_trip", "Show a trip as it was opened: stops, classes, prices.", COACH),
    Command("trip export", "trip_exports:export", "Write an open trip as a trip file.", f"{COACH} exported.toml"),
    Command(
        "trip manifest",
        "manifests:show_manifest",
        "List a trip's bookings by seat: who boards where, under which order.",
        f"{COACH} --boarding dhaka",
    ),
    Command(
        "trip swap",
        "swaps:swap",
        "Give a trip another vehicle: its holds and bookings move there.",
        f"{COACH} bus.toml --dry-run",
    ),
    Command(
        "plan example",
        "plans:show_example",
        "Print an example of a seat plan.",
        "bus > bus.toml",
        usage="[OPTIONS] [NAME]",
    ),
    Command("plan show", "plans:show", "Draw a seat plan, with its classes and prices.", "bus.toml"),
    Command(
        "plan convert",
        "plans:convert",
        "Convert a seat plan of pretix, or a chart report of seats.io.",
        "hall.json hall.toml --from pretix",
    ),
    Command("plan put", "stored_plans:put", "Store a seat plan for any number of trips.", "bus.toml bus"),
    Command("plan list", "stored_plans:show_all", "List the stored seat plans."),
    Command("plan delete", "stored_plans:delete", "Delete a stored seat plan; open trips keep their seats.", "bus"),
    Command("plan export", "plans:export", "Write the seats of an open trip as a seat plan.", f"{COACH} coach.json"),
    Command(
        "import example", "timetables:write_example", "Write the feed of a small timetable into a new folder.", "feed"
    ),
    Command(
        "import gtfs",
        "timetables:import_gtfs",
        "Open the trips that run on a date, each with the seats of a plan.",
        "feed --seat-plan bus.toml --date 2027-06-05",
        usage="--date DATE (--seat-plan FILE | --stored-plan ID) [OPTIONS] FEED",
    ),
    Command("map", "maps:show_map", "Draw the seats for a journey, section by section.", f"{COACH} dhaka chattogram"),
    Command(
        "summary",
        "maps:summary",
        "Show how many seats are free, by section and class.",
        f"{COACH} dhaka chattogram",
    ),
    Command("trip list", "trip_life:show_list", "List trips by departure, with their state.", "--date 2027-06-05"),
    Command(
        "trip prices", "trip_life:prices", "Change prices; what is held keeps its own.", f"{COACH} --seat seat-A1=4500"
    ),
    Command(
        "trip times",
        "trip_life:times",
        "Change the times of segments.",
        f"{COACH} 2=2099-01-15T22:25/",
        usage="[OPTIONS] TRIP SEGMENT=DEPARTS/ARRIVES...",
    ),
    Command("trip close", "trip_life:close", "Close the sales of a trip; what is held goes on.", COACH),
    Command("trip reopen", "trip_life:reopen", "Open closed sales again.", COACH),
    Command("trip freeze", "trip_life:freeze", "Close the sales for every process at once.", COACH),
    Command("trip unfreeze", "trip_life:unfreeze", "End a freeze.", COACH),
    Command(
        "availability",
        "availability:availability",
        "Show whether a party finds seats, and the price.",
        f"{COACH} dhaka cumilla --seats",
    ),
    Command(
        "hold",
        "holds:hold",
        "Hold seats of a journey: all of them or none.",
        f"{COACH} dhaka chattogram seat-A1 seat-A2",
    ),
    Command("confirm", "holds:confirm", "Turn a hold, or some of its seats, into a booking.", "HOLD order-1"),
    Command("extend", "holds:extend", "Extend a hold. Never shortens it.", "HOLD --seconds 900"),
    Command("release", "holds:release", "Release a hold, or some of its seats, before it expires.", "HOLD"),
    Command("cancel", "holds:cancel", "Cancel a booking, or some of its seats, and put them back on sale.", "BOOKING"),
    Command(
        "explain",
        "explanations:explain",
        "Explain a seat: who has it, who had it, who was refused it.",
        f"{COACH} seat-A1",
    ),
    Command("move", "holds:move", "Move a hold or a booking to other seats.", "HOLD --seats seat-A1=seat-B1"),
    Command("erase", "holds:erase", "Erase the passengers of a booking.", "BOOKING"),
    Command("block", "trips:block", "Take seats off sale.", f"{COACH} seat-J4 --reason 'broken belt'"),
    Command("unblock", "trips:unblock", "Put blocked seats back on sale.", f"{COACH} seat-J4"),
    Command("holds list", "holds:list_holds", "List the user's holds, newest first.", "--user me --ended"),
    Command("holds show", "holds:show_hold", "Show one hold.", "HOLD"),
    Command(
        "waitlist join",
        "waitlist:join",
        "Join the waiting list, or keep the place on it.",
        f"{COACH} --class business",
    ),
    Command("waitlist leave", "waitlist:leave", "Leave the waiting list.", f"{COACH} --class business"),
    Command("trip cancel", "trip_life:cancel", "Cancel a trip, with all that is held and booked.", f"{COACH} --yes"),
    Command("waitlist list", "waitlist:list_waits", "List the user's places on waiting lists."),
    Command("health", "health:show_health", "Show whether the service is alive, and ready for calls."),
    Command("events show", "events:events", "Show the events that the service has published.", "--follow"),
    Command(
        "events dead-letters",
        "dead_letters:dead_letters",
        "List events that can never take effect as they are, or show one.",
        "--of shop",
        usage="[OPTIONS] [LETTER]",
    ),
    Command(
        "events requeue",
        "dead_letters:requeue",
        "Have dead letters given again.",
        "--all --of shop",
        usage="[OPTIONS] (LETTER... | --all)",
    ),
    Command(
        "events discard",
        "dead_letters:discard",
        "Forget dead letters.",
        "--all --of shop --yes",
        usage="[OPTIONS] (LETTER... | --all)",
    ),
    Command(
        "events replay",
        "replays:replay_events",
        "Publish recorded events to a sink again.",
        "--from 2027-06-01T10:00:00Z --to-sink shop",
    ),
    Command("events lag", "replays:lag", "Show how far each sink is."),
    Command("work", "server:work", "Run only the background jobs, without a server."),
    Command("settings", "settings:show_settings", "List every setting and its value, secrets masked."),
    Command(
        "schema apply", "schema:apply_schema", "Create the tables in the cluster at SCYLLA_HOSTS.", "--replication 3"
    ),
    Command("schema check", "schema:check_schema", "Check whether the tables at SCYLLA_HOSTS are as required."),
    Command("backup", "copies:backup", "Copy the embedded store to a new file, while the service runs.", "copy.db"),
    Command("restore", "copies:restore", "Make a backup the embedded store of a data folder.", "copy.db"),
    Command("deeds", "deeds:show_deeds", "Show what the house did in a month: who, when, what.", "--month 2027-06"),
    Command(
        "verify",
        "verification:verify",
        "Verify that a cluster and a Redis keep what the service rests on.",
        "--replication 3",
    ),
    Command(
        "audit",
        "audits:audit",
        "Compare what is recorded of trips with what must be true, and repair it.",
        "--repair",
        usage="[OPTIONS] [TRIP]",
    ),
    Command("token", "tokens:make_token", "Make a token for development.", '--user ann --scope "read hold confirm"'),
    Command("completion", "completion:completion", "Print a script that completes words in a shell.", "bash"),
    Command(
        "bench hot-seat",
        "bench:bench_hot_seat",
        "Many workers request one seat; exactly one may win.",
        "--workers 50 --seat seat-A1",
    ),
    Command("bench refusals", "bench:bench_refusals", "How fast taken seats are refused."),
    Command("bench holds", "bench:bench_holds", "How fast free seats are held durably."),
    Command("bench web", "bench_web:bench_web", "How much HTTP costs, compared with gRPC."),
    Command("bench map", "bench:bench_map", "How fast a train's seat map is read."),
    Command("bench claims", "bench_claims:bench_claims", "How fast a cluster sells, compared with its bare batches."),
    Command("bench browsing", "bench:bench_browsing", "How fast maps are while seats are sold.", "--seats 500"),
    Command(
        "bench compare",
        "bench:bench_compare",
        "How many times as fast one service is as another.",
        'localhost:9083 "travio-inventory serve"',
    ),
    Command(
        "bench server",
        "bench_server:bench_server",
        "How much a service does behind each server in a second of its CPU time.",
        "lean grpclib --work refusal",
        usage="[OPTIONS] [SERVER...]",
    ),
    Command("bench noop", "bench:bench_noop", "How fast a no-op call is."),
    Command("bench open", "bench:bench_open", "How long opening a train takes."),
    Command("bench season", "bench_season:bench_season", "How fast trips of a timetable are opened.", "--trips 200"),
    Command(
        "bench watching",
        "bench_watching:bench_watching",
        "How soon many who watch a trip are told of a change.",
        "--watchers 1000 --changes 10",
    ),
    Command(
        "bench events",
        "bench_events:bench_events",
        "How long an event takes to a consumer of a broker.",
        "--holds-per-second 1000",
    ),
    Command(
        "bench backlog", "bench_events:bench_backlog", "How fast a relay catches up with events.", "--events 1000000"
    ),
    Command("bench start", "bench:bench_start", "How long the service takes from start to first answer."),
    *STOCK_COMMANDS,
)


def run(words: Sequence[str] | None) -> None:
    """Run the command named by the words, or by the program's arguments; raises SystemExit with its status."""
    try:
        build()(_whole(sys.argv[1:] if words is None else words), print_error=False, exit_on_error=False)
    except CycloptsError as wrong:
        if isinstance(wrong, ValidationError) and wrong.argument and isinstance(wrong.argument.value, list | tuple):
            wrong.value = " ".join(map(str, wrong.argument.value))  # as it was typed
        said = " ".join(str(wrong).split())
        sys.stderr.write(f"{said if said.endswith(('.', '?')) else f'{said}.'} Try --help.\n")
        sys.exit(EXIT_WRONG)


def _whole(words: Sequence[str]) -> Sequence[str]:
    """The words, with `show` after `events` where no command of it is named."""
    if (
        list(words[:1]) == ["events"]
        and (len(words) == 1 or words[1].startswith("-"))
        and not {"--help", "-h"} & {*words}
    ):
        return ["events", "show", *words[1:]]
    return words


def build(commands: Sequence[Command] = COMMANDS) -> App:
    """The command line of these commands."""
    app = _app(NAME, "Seat inventory for trips: holds and bookings that never sell a seat twice.", BEGIN)
    groups = {name: _app(name, *words) for name, words in GROUPS.items()}
    for at, command in enumerate(commands):
        group, _, name = command.words.rpartition(" ")
        if group and groups[group].sort_key is None:
            groups[group].sort_key = at
        (groups[group] if group else app).command(
            f"{PACKAGE}.{command.function}",
            name=name,
            sort_key=at,
            help=command.help,
            usage=f"Usage: {NAME} {command.words} {command.usage}\n" if command.usage else None,
            help_epilogue=f"Example:\n  {NAME} {command.words} {command.example}".rstrip(),
        )
    for group_app in groups.values():
        if group_app.sort_key is not None:
            app.command(group_app)
    return app


class _PlainConsole(Console):
    """The console for help that goes to a pipe."""

    def on_broken_pipe(self) -> None:
        """The reader stopped reading: end as for any other output, not with rich's own status."""
        raise BrokenPipeError


def _app(name: str, said: str, epilogue: str) -> App:
    is_read = sys.stdout.isatty()
    return App(
        name=name,
        default_parameter=Parameter(converter=read_words),
        help=said,
        help_epilogue=epilogue,
        help_format="plaintext",
        help_formatter="default" if is_read else "plain",
        console=None if is_read else _PlainConsole(width=PLAIN_WIDTH),
        version_flags=["--version"] if name == NAME else [],
    )
