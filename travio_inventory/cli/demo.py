"""The command that demonstrates the service: a trip, a hot seat, a booking, and the seats before and after."""

import asyncio
import shlex
import signal
import sys
from pathlib import Path
from secrets import token_hex
from shutil import which
from typing import Annotated

from cyclopts import Parameter

from travio_inventory.bench import hot_seat
from travio_inventory.bench.calls import Contest, Outcome
from travio_inventory.bench.lean_channel import ChannelPool
from travio_inventory.bench.measuring import channels_for
from travio_inventory.bench.own_server import OwnServer, ServerFailed
from travio_inventory.bench.report import Board
from travio_inventory.cli import examples
from travio_inventory.cli.bench import ROUND_COLUMNS, show_round
from travio_inventory.cli.commands import NAME, PACKAGE
from travio_inventory.cli.connection_options import PORT_DEFAULT, fail
from travio_inventory.cli.drawn_maps import show_drawing
from travio_inventory.cli.exits import Exit, Failure, failure_of
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.stock_demo import show_stock_sale
from travio_inventory.cli.trip_files import parse_trip, read_trip
from travio_inventory.client.client import InventoryClient
from travio_inventory.imports.documents import WrongFile
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.seats.trip import Trip

EXAMPLE = "coach"
SEAT = "seat-A1"
"""The contended seat; if the trip does not have it, its first seat."""
CONTENDERS = 50
ROUNDS = 5
DEMO_SECONDS_MAX = 45.0
SECOND_EXAMPLE = "shinkansen"
"""What the page sells beside the example, while the demo stays."""
HTTP_PORT_DEFAULT = 8083


def demo(
    *,
    file: Annotated[Path | None, Parameter(help="A trip file to use instead of the example coach.")] = None,
    stay: Annotated[
        bool, Parameter(negative=(), help="Keep the service and its page for a browser, until Ctrl-C.")
    ] = False,
    stock: Annotated[
        bool, Parameter(negative=(), help="Sell goods instead: 100 units in three warehouses to 5,000 buyers.")
    ] = False,
) -> Exit:
    """Start the service on its own folder, let fifty buyers compete for one seat, and show the result. With --stay its
    page sells the other seats.
    """
    screen = Screen()
    if stock and (file or stay):
        return fail(screen, Failure(Exit.WRONG, "OPTIONS", "--stock sells goods: it goes without --file and --stay"))
    try:
        trip = read_trip(file) if file else parse_trip(examples.text(EXAMPLE), source=EXAMPLE)
    except WrongFile as wrong:
        return fail(screen, Failure(Exit.WRONG, "TRIP_FILE", str(wrong)))
    try:
        if stock:
            return asyncio.run(show_stock_sale(screen))
        return asyncio.run(_stay(screen, trip) if stay else _show(screen, trip, file))
    except Refusal as refusal:
        return fail(screen, failure_of(refusal))
    except (ServerFailed, OSError, ExceptionGroup) as failed:
        said = str(failed) or "it took too long"
        return fail(screen, Failure(Exit.NO_SERVICE, "DEMO_FAILED", f"the demo failed: {said}"))


async def _show(screen: Screen, trip: Trip, file: Path | None) -> Exit:
    async with OwnServer.of_inventory(wanted=PORT_DEFAULT) as server:
        right = await _demo(screen, server, trip)
    screen.raw("")
    _say_what_next(screen, trip, file)
    return Exit.DONE if right else Exit.NO


async def _stay(screen: Screen, trip: Trip) -> Exit:
    """Until the process is told to stop, or the service ends."""
    stopped = asyncio.Event()
    for told in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(told, stopped.set)
    service = OwnServer.of_inventory(wanted=PORT_DEFAULT)
    service.serve_http(HTTP_PORT_DEFAULT)
    async with service as server:
        right = await _demo(screen, server, trip, parse_trip(examples.text(SECOND_EXAMPLE), source=SECOND_EXAMPLE))
        screen.raw("")
        screen.say("The service goes on. Sell the other seats in a browser, best in two windows:", "bold")
        screen.say(f"  http://localhost:{server.http_port}/")
        screen.say("Ctrl-C stops it, and its folder is removed.")
        waits = [asyncio.ensure_future(stopped.wait()), asyncio.ensure_future(server.ended())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
    if not stopped.is_set():
        raise ServerFailed("the service has ended by itself")
    return Exit.DONE if right else Exit.NO


async def _demo(screen: Screen, server: OwnServer, trip: Trip, *others: Trip) -> bool:
    """Show the service at work. Whether the results are correct."""
    target = f"{server.host}:{server.port}"
    screen.say(f"The service is up at {target}, {server.start_seconds:.2f} seconds after its start.")
    screen.say("It uses an embedded store in its own folder.")
    async with (
        asyncio.timeout(DEMO_SECONDS_MAX),
        InventoryClient(target, organization=trip.key.organization, user="demo") as client,
    ):
        for each in (*others, trip):
            await client.open_trip(each)
        screen.say(f"{trip.key.trip} is open: {len(trip.seats)} seats.")
        screen.say(f"It runs {' - '.join(trip.stops)}.")
        screen.raw("")
        return await _sell(screen, server, client, trip)


async def _sell(screen: Screen, server: OwnServer, client: InventoryClient, trip: Trip) -> bool:
    """Draw the seats, let all compete, book the seat for the winner, draw again. Whether the results are correct."""
    origin, destination = trip.stops[0], trip.stops[max(1, len(trip.stops) - 2)]
    seat = SEAT if trip.has_seat(SEAT) else trip.seats[0].id
    contest = Contest(trip.key.organization, trip.key.trip, origin, destination, seat)
    title = f"{trip.key.trip}  {origin} - {destination}"
    show_drawing(screen, await client.seat_map(trip.key.trip, origin, destination), f"Before: {title}", marked=seat)
    screen.raw("")
    lines = await ChannelPool.connect(server.host, server.port, channels_for(CONTENDERS))
    try:
        with Board(f"{CONTENDERS} want {seat} at the same moment", ROUND_COLUMNS) as board:
            found = await hot_seat.compete(
                lines,
                contest,
                workers=CONTENDERS,
                rounds=ROUNDS,
                show=lambda played: show_round(board, played),
                keep_last=True,
            )
    finally:
        lines.close()
    for line in found.wrong:
        screen.say(f"WRONG: {line}", "bold red")
    if found.last_winner is None:
        return False
    winner = client.acting_for(found.last_winner.user)
    booking = await winner.confirm(found.last_winner.hold_id, f"order-{token_hex(4)}")
    screen.raw("")
    said = (
        f"{CONTENDERS * found.rounds} requests in {found.rounds} rounds, {found.tally[Outcome.WON]} won, one per round."
    )
    screen.say(said, "bold green")
    screen.say(f"The last winner pays: ticket {booking.tickets[0].id}", "bold green")
    screen.raw("")
    show_drawing(screen, await client.seat_map(trip.key.trip, origin, destination), f"After: {title}", marked=seat)
    return not found.wrong


def _say_what_next(screen: Screen, trip: Trip, file: Path | None) -> None:
    """Commands as they can be pasted into this terminal."""
    command = _own_name()
    screen.say("That service has stopped. To continue with your own:", "bold")
    screen.say(f"  {command} serve &")
    if file is None:
        screen.say(f"  {command} trip example {EXAMPLE} > {EXAMPLE}.toml")
    screen.say(f"  {command} trip open {shlex.quote(str(file or f'{EXAMPLE}.toml'))}")
    screen.say(f"  {command} map {shlex.join([trip.key.trip, trip.stops[0], trip.stops[-1]])}")
    screen.say("Its page sells seats in a browser, at once with `demo --stay`:")
    screen.say(f"http://localhost:{HTTP_PORT_DEFAULT}/")


def _own_name() -> str:
    """The command by which this program was started."""
    if which(NAME):
        return NAME
    program = Path(sys.argv[0])
    return shlex.quote(sys.argv[0]) if program.name == NAME else f"{Path(sys.executable).name} -m {PACKAGE}"
