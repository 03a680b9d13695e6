"""Commands that open the trips of a timetable in GTFS, and write an example of one."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from travio_inventory.cli import examples
from travio_inventory.cli.arguments import stamp
from travio_inventory.cli.connection_options import HERE, AsJson, ConnectionOptions, ask, fail
from travio_inventory.cli.exits import Exit, Failure
from travio_inventory.cli.opening import Outcome, Outcomes, open_all
from travio_inventory.cli.plans import failure_of_plan
from travio_inventory.cli.screen import Screen
from travio_inventory.client.client import InventoryClient
from travio_inventory.imports.documents import WrongFile
from travio_inventory.imports.gtfs.feed import Feed
from travio_inventory.imports.gtfs.timetable import Timetable, read_timetable
from travio_inventory.imports.gtfs.trips import PlannedTrip, plan_trips
from travio_inventory.imports.seat_plans import StoredSeats, read_plan
from travio_inventory.kernel.refusals import InvalidRequest

AT_ONCE_MAX = 64
OUTCOME_WIDTH = max(map(len, Outcome))

Row = dict[str, object]
"""A trip and its outcome, as it is shown."""


@Parameter(name="*", group=Group("Seats of each trip (one of them)"))
@dataclass(frozen=True, slots=True)
class PlanOptions:
    """Which plan has the seats of each trip."""

    seat_plan: Annotated[Path | None, Parameter(help="A file; `plan example` prints one.")] = None
    stored_plan: Annotated[str | None, Parameter(help="The id of a plan that the service has (`plan put`).")] = None


NO_PLAN = PlanOptions()


def _day(_kind: type[str], said: str) -> None:
    try:
        date.fromisoformat(said)
    except ValueError:
        raise ValueError(f"Must be a date, YYYY-MM-DD, not {said!r}.") from None


def import_gtfs(
    feed: Annotated[Path, Parameter(help="A GTFS feed: a zip file, or a folder.")],
    /,
    *,
    day: Annotated[str, Parameter(name="--date", help="The service day, YYYY-MM-DD.", validator=_day)],
    seats: PlanOptions = NO_PLAN,
    route: Annotated[list[str] | None, Parameter(help="Only this route_id; may be repeated.", negative="")] = None,
    by_parent_station: Annotated[
        bool, Parameter(negative="", help="Stations are the stops' parent_station, for stops that have one.")
    ] = False,
    dry_run: Annotated[bool, Parameter(negative="", help="Only show what would be opened; asks no service.")] = False,
    at_once: Annotated[
        int, Parameter(help="Trips to open at the same time.", validator=Number(gte=1, lte=AT_ONCE_MAX))
    ] = 32,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Open the trips that run on a date, each with the seats of a plan, under the id TRIP@DATE.

    A trip that cannot be opened is shown with the reason, and the others are opened. Repeating the command changes
    nothing, and opens what is not open yet.
    """
    screen = Screen(as_json=reach.as_json)
    if (seats.seat_plan is None) == (seats.stored_plan is None):
        return fail(screen, Failure(Exit.WRONG, "SEAT_PLAN", "name one plan: --seat-plan FILE or --stored-plan ID"))
    try:
        plan = read_plan(seats.seat_plan) if seats.seat_plan else StoredSeats(seats.stored_plan or "")
    except WrongFile as wrong:
        return fail(screen, failure_of_plan(wrong, seats.seat_plan))
    except InvalidRequest as refusal:
        return fail(screen, Failure(Exit.WRONG, "STORED_PLAN", f"--stored-plan: {refusal}"))
    try:
        timetable = read_timetable(
            Feed(feed), date.fromisoformat(day), route or (), by_parent_station=by_parent_station
        )
    except WrongFile as wrong:
        return fail(screen, Failure(Exit.WRONG, "FEED", str(wrong)))
    planned = plan_trips(timetable, plan, reach.organization)
    if dry_run:
        return _show(screen, timetable, planned)
    return _open(reach, timetable, planned, at_once)


def _show(screen: Screen, timetable: Timetable, planned: Iterator[PlannedTrip]) -> Exit:
    """Show what would be opened; exits as an import of which the service refuses nothing."""
    outcomes = Outcomes()
    rows = []
    for each in planned:
        outcome = Outcome.LEFT_OUT if each.trip is None else Outcome.WOULD_OPEN
        outcomes.counts[outcome] += 1
        rows.append(_row(each, outcome, each.reason))
    screen.answer(_as_plain(timetable, rows, outcomes), lambda: _show_table(screen, timetable, rows, outcomes))
    return _end(outcomes)


def _show_table(screen: Screen, timetable: Timetable, rows: list[Row], outcomes: Outcomes) -> None:
    columns = ["trip", "route", "departs", "from", "arrives", "to", "segments", "outcome", "notes"]
    if rows:
        screen.table(columns, [[_cell(row[column]) for column in columns] for row in rows])
        screen.raw("")
    screen.say(_summary(timetable, outcomes), "bold")


def _open(reach: ConnectionOptions, timetable: Timetable, planned: Iterator[PlannedTrip], at_once: int) -> Exit:
    outcomes = Outcomes()
    rows: list[Row] = []

    async def work(client: InventoryClient, screen: Screen) -> None:
        def tell(each: PlannedTrip, outcome: Outcome, reason: str) -> None:
            outcomes.counts[outcome] += 1
            row = _row(each, outcome, reason)
            if screen.as_json:
                rows.append(row)
            else:
                screen.say(f"{outcome:<{OUTCOME_WIDTH}}  {each.id}  {_cell(row['notes'])}".rstrip())

        try:
            await open_all(client, planned, at_once=at_once, tell=tell)
        except BaseException:
            sys.stderr.write(f"so far: {outcomes}\n")
            raise
        screen.answer(_as_plain(timetable, rows, outcomes), lambda: screen.say(_summary(timetable, outcomes), "bold"))

    failed = ask(reach, work)
    return failed or _end(outcomes)


def _end(outcomes: Outcomes) -> Exit:
    """The exit status; what went wrong is said on standard error."""
    if outcomes.exit == Exit.ASK_AGAIN:
        sys.stderr.write("not every trip could be opened: run the same command again\n")
    elif outcomes.exit:
        sys.stderr.write("not every trip can be opened: their lines say why\n")
    return outcomes.exit


def _row(each: PlannedTrip, outcome: Outcome, reason: str) -> Row:
    row: Row = {"trip": each.id, "route": each.route, "headsign": each.headsign}
    if each.trip:
        first, last = each.trip.segments[0], each.trip.segments[-1]
        row |= {
            "departs": stamp(datetime.fromtimestamp(first.departs_at_s, each.zone)),
            "from": first.origin,
            "arrives": stamp(datetime.fromtimestamp(last.arrives_at_s, each.zone)),
            "to": last.destination,
            "segments": len(each.trip.segments),
        }
    else:
        row |= dict.fromkeys(("departs", "from", "arrives", "to", "segments"))
    return {**row, "outcome": outcome.value, "notes": [reason] if reason else list(each.notes)}


def _cell(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(value)
    return "-" if value is None else str(value)


def _as_plain(timetable: Timetable, rows: list[Row], outcomes: Outcomes) -> dict[str, object]:
    return {
        "date": timetable.date.isoformat(),
        "counts": {outcome.value: count for outcome, count in outcomes.counts.items()},
        "not_running": timetable.not_running,
        "other_routes": timetable.other_routes,
        "trips": rows,
        "exit_status": int(outcomes.exit),
    }


def _summary(timetable: Timetable, outcomes: Outcomes) -> str:
    others = f"; {timetable.other_routes} of other routes" if timetable.other_routes else ""
    return f"{timetable.date}: {outcomes}; {timetable.not_running} do not run on that date{others}"


def write_example(
    folder: Annotated[Path, Parameter(help="The folder to make.")], /, *, as_json: AsJson = False
) -> Exit:
    """Write the feed of a small timetable: a loop, a night coach past midnight, a shuttle by headway."""
    screen = Screen(as_json=as_json)
    found = examples.feed_files()
    try:
        folder.mkdir()
        for name, text in found.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as failed:
        return fail(screen, Failure(Exit.WRONG, "FOLDER", f"{folder}: {failed.strerror or failed}"))
    value = {"folder": str(folder), "files": sorted(found)}
    screen.answer(value, lambda: screen.say(f"{folder}: {', '.join(sorted(found))}"))
    return Exit.DONE
