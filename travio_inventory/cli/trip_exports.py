"""The command that writes an open trip as a trip file, with its route, its seats and their prices."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from travio_inventory.cli.arguments import TripId
from travio_inventory.cli.connection_options import HERE, WHOLE_TRIP_S, ConnectionOptions, ask, fail
from travio_inventory.cli.exits import Exit, Failure
from travio_inventory.cli.plans import write_plan
from travio_inventory.cli.screen import Screen
from travio_inventory.client.client import InventoryClient
from travio_inventory.imports.documents import FILE_BYTES_MAX, WrongFile, write_new
from travio_inventory.imports.seat_plans import plan_of_trip
from travio_inventory.imports.trip_text import trip_toml
from travio_inventory.seats.trip import Trip


def export(
    trip: TripId,
    out: Annotated[Path, Parameter(help="The trip file to write.")],
    /,
    *,
    seat_plan: Annotated[Path | None, Parameter(help="A file for its seats, which the trip file names.")] = None,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Write an open trip as a trip file: its stops and times, its seats and prices as they are now."""
    failed: list[WrongFile] = []

    async def work(client: InventoryClient, screen: Screen) -> None:
        found = await client.trip(trip)
        try:
            _write(out, found, seat_plan)
        except WrongFile as wrong:
            failed.append(wrong)
            return
        said = f"{out}: {len(found.stops)} stops, {len(found.seats)} seats"
        value = {"trip": str(out), "stops": len(found.stops), "seats": len(found.seats)}
        screen.answer(value, lambda: screen.say(said))

    ended = ask(reach, work, deadline_s=WHOLE_TRIP_S)
    if not failed:
        return ended
    return fail(Screen(as_json=reach.as_json), Failure(Exit.WRONG, "TRIP_FILE", str(failed[0])))


def _write(out: Path, trip: Trip, seat_plan: Path | None) -> None:
    """Write the trip, and its seats where they have a file of their own. Raises WrongFile."""
    if seat_plan is None:
        text = trip_toml(trip)
        if (size := len(text.encode())) > FILE_BYTES_MAX:
            said = f"would have {size} bytes, at most {FILE_BYTES_MAX}: name a file for its seats by --seat-plan"
            raise WrongFile(f"{out}: {said}")
    else:
        write_plan(seat_plan, plan_of_trip(trip))
        is_beside = seat_plan.parent == out.parent
        text = trip_toml(trip, seat_plan=seat_plan.name if is_beside else str(seat_plan.resolve()))
    write_new(out, text)
