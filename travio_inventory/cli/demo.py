"""The command that shows the service at work: a trip, a hot seat, a booking, and the seats before and after."""

import asyncio
from pathlib import Path
from secrets import token_hex
from typing import Annotated

from cyclopts import Parameter

from travio_inventory.cli.bench import hot_seat
from travio_inventory.cli.bench.bench_trips import coach
from travio_inventory.cli.bench.calls import Contest, Outcome
from travio_inventory.cli.bench.commands import ROUND_COLUMNS, show_round
from travio_inventory.cli.bench.lean_channel import Lines
from travio_inventory.cli.bench.measuring import lines_for
from travio_inventory.cli.bench.own_server import OwnServer, ServerFailed, free_port
from travio_inventory.cli.bench.report import Board
from travio_inventory.cli.exits import Exit, Failure, failure_of
from travio_inventory.cli.reach import PORT_DEFAULT, fail
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.trip_files import read_trip
from travio_inventory.cli.trips import show_drawing
from travio_inventory.client.client import InventoryClient
from travio_inventory.domain.errors import Refusal
from travio_inventory.domain.trip import Trip

TRIP_FILE = Path("examples/trips/coach.toml")
SEAT = "seat-A1"
CONTENDERS = 50
ROUNDS = 5
DEMO_SECONDS_MAX = 45.0


def demo(
    *,
    file: Annotated[Path, Parameter(help="The trip to sell; it needs a seat called seat-A1.")] = TRIP_FILE,
) -> Exit:
    """Start the service on a folder of its own, sell a seat that fifty want, and show what became of it."""
    screen = Screen()
    trip = read_trip(file) if file.exists() else coach()
    try:
        return asyncio.run(_demo(screen, trip, file))
    except Refusal as refusal:
        return fail(screen, failure_of(refusal))
    except (ServerFailed, OSError, ExceptionGroup) as failed:
        return fail(screen, Failure(Exit.NO_SERVICE, "DEMO_FAILED", f"the demo could not go on: {failed}"))


async def _demo(screen: Screen, trip: Trip, file: Path) -> Exit:
    async with asyncio.timeout(DEMO_SECONDS_MAX), OwnServer.of_inventory(port=free_port(PORT_DEFAULT)) as server:
        target = f"{server.host}:{server.port}"
        started = f"The service is up at {target}, {server.start_seconds:.2f} seconds after its start."
        screen.say(f"{started} Its store is an embedded one in a folder of its own.")
        async with InventoryClient(target, organization=trip.key.organization, user="demo") as client:
            await client.open_trip(trip)
            screen.say(f"{trip.key.trip} is open: {len(trip.seats)} seats, {' - '.join(trip.stops)}.")
            screen.raw("")
            right = await _sell(screen, server, client, trip)
    screen.raw("")
    _say_what_next(screen, trip, file)
    return Exit.DONE if right else Exit.NO


async def _sell(screen: Screen, server: OwnServer, client: InventoryClient, trip: Trip) -> bool:
    """Draw, let everybody at the seat, book it for the winner, draw again. Whether all was as it should be."""
    origin, destination = trip.stops[0], trip.stops[-2]
    contest = Contest(trip.key.organization, trip.key.trip, origin, destination, SEAT)
    title = f"{trip.key.trip}  {origin} - {destination}"
    show_drawing(screen, await client.seat_map(trip.key.trip, origin, destination), f"Before: {title}", marked=SEAT)
    screen.raw("")
    lines = await Lines.connect(server.host, server.port, lines_for(CONTENDERS))
    try:
        with Board(f"{CONTENDERS} want {SEAT} at the same moment", ROUND_COLUMNS) as board:
            found = await hot_seat.compete(
                lines,
                contest,
                workers=CONTENDERS,
                rounds=ROUNDS,
                tell=lambda played: show_round(board, played),
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
    said = f"{CONTENDERS * found.rounds} asked in {found.rounds} rounds, {found.tally[Outcome.WON]} won, one a round."
    screen.say(f"{said} The last winner pays: ticket {booking.tickets[0].id}", "bold green")
    screen.raw("")
    show_drawing(screen, await client.seat_map(trip.key.trip, origin, destination), f"After: {title}", marked=SEAT)
    return not found.wrong


def _say_what_next(screen: Screen, trip: Trip, file: Path) -> None:
    command = ".venv/bin/travio-inventory" if Path(".venv/bin/travio-inventory").exists() else "travio-inventory"
    screen.say("That service has stopped. Three commands to try next:", "bold")
    screen.say(f"  {command} serve &")
    screen.say(f"  {command} trip open {file}")
    screen.say(f"  {command} map {trip.key.trip} {trip.stops[0]} {trip.stops[-1]}")
