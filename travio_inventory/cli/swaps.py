"""The command that shows what would become of the bookings of a trip in another vehicle."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated

from cyclopts import Parameter

from travio_inventory.cli.arguments import TripId
from travio_inventory.cli.connection_options import HERE, ConnectionOptions, ask, fail
from travio_inventory.cli.exits import Exit, Failure
from travio_inventory.cli.plans import PlanFile, failure_of_plan
from travio_inventory.cli.screen import Screen
from travio_inventory.client.answers import HoldRecord
from travio_inventory.client.client import InventoryClient
from travio_inventory.imports.documents import WrongFile
from travio_inventory.imports.seat_plans import read_plan
from travio_inventory.seats.swapping import SeatMatches, Swapped, match_seats, swapped

NOT_YET = "a vehicle cannot be swapped by a command yet: this only shows what would become of the bookings"


def swap(
    trip: TripId,
    plan: PlanFile,
    /,
    *,
    dry_run: Annotated[bool, Parameter(negative="", help="Only show it; nothing else can be done yet.")] = False,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Show what would become of a trip's holds and bookings in the vehicle of a seat plan.

    A seat keeps its id; where the plan has none of that id, it is found by section, row, number and class.
    """
    screen = Screen(as_json=reach.as_json)
    if not dry_run:
        return fail(screen, Failure(Exit.WRONG, "DRY_RUN_ONLY", NOT_YET, "add --dry-run"))
    try:
        new = read_plan(plan)
    except WrongFile as wrong:
        return fail(screen, failure_of_plan(wrong, plan))

    async def work(client: InventoryClient, screen: Screen) -> None:
        matches = match_seats((await client.trip(trip)).seats, new.seats)
        records = await client.manifest(trip, include_held=True)
        becomes = [(record, swapped(record.seats, matches)) for record in records]
        screen.answer(_as_plain(trip, matches, becomes), lambda: _show(screen, matches, becomes))

    return ask(reach, work)


def _as_plain(trip: str, matches: SeatMatches, becomes: Sequence[tuple[HoldRecord, Swapped]]) -> Mapping[str, object]:
    return {
        "trip": trip,
        "seats": _counts(matches),
        "without": {seat: why.value for seat, why in matches.left.items()},
        "holds": [
            {
                "hold": record.booking or record.id,
                "order": record.order,
                "user": record.user,
                "seats": list(record.seats),
                "new_seats": list(found.seats),
                "left": {seat: why.value for seat, why in found.left.items()},
            }
            for record, found in becomes
        ],
    }


def _show(screen: Screen, matches: SeatMatches, becomes: Sequence[tuple[HoldRecord, Swapped]]) -> None:
    screen.fields({name.replace("_", " "): count for name, count in _counts(matches).items()})
    left = [(record, found) for record, found in becomes if not found.is_possible]
    moved = [(record, found) for record, found in becomes if found.is_possible and found.seats != record.seats]
    staying = len(becomes) - len(left) - len(moved)
    screen.raw("")
    screen.say(f"{staying} holds and bookings keep their seats, {len(moved)} get others, {len(left)} cannot be moved")
    if moved:
        screen.raw("")
        screen.table(
            ["moved", "order", "seats", "new seats"],
            [
                [record.booking or record.id, record.order, shlex.join(record.seats), shlex.join(found.seats)]
                for record, found in moved
            ],
        )
    if left:
        screen.raw("")
        screen.table(
            ["not moved", "order", "user", "why"],
            [[record.booking or record.id, record.order, record.user, _reasons(found)] for record, found in left],
        )


def _counts(matches: SeatMatches) -> dict[str, int]:
    """How many seats keep their id, how many get another, how many have none, and how many are new."""
    kinds = Counter(old == new for old, new in matches.matched.items())
    return {
        "same_id": kinds[True],
        "other_id": kinds[False],
        "without_a_new_seat": len(matches.left),
        "new": len(matches.unused),
    }


def _reasons(found: Swapped) -> str:
    return "; ".join(f"{seat}: {why.value}" for seat, why in found.left.items())
