"""The command that gives a trip another vehicle, or shows what would become of its bookings there."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Annotated

import anyio
from cyclopts import Parameter

from travio_inventory.cli.arguments import TripId
from travio_inventory.cli.connection_options import HERE, ConnectionOptions, ask, fail
from travio_inventory.cli.exits import Exit, Failed, Failure
from travio_inventory.cli.plans import PlanFile, failure_of_plan
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.trip_life import Version
from travio_inventory.client.answers import HoldRecord, VehicleSwap
from travio_inventory.client.client import InventoryClient
from travio_inventory.imports.documents import WrongFile
from travio_inventory.imports.seat_plans import SeatPlan, read_plan
from travio_inventory.seats.seat_plan import NOWHERE
from travio_inventory.seats.swapping import NewVehicle, SeatMatches, Swapped, match_seats, swapped
from travio_inventory.seats.trip import TripKey

PAUSE_S = 0.2
SEATS_IN_CALL_MAX = 5_000


def swap(
    trip: TripId,
    plan: PlanFile,
    /,
    *,
    seat: Annotated[tuple[str, ...], Parameter(help="OLD=NEW: which seat stands for which; may be repeated.")] = (),
    version: Version = 0,
    dry_run: Annotated[bool, Parameter(negative="", help="Only show what would become of them.")] = False,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Give a trip the vehicle of a seat plan, and move its holds and bookings there.

    A seat keeps its id; where the plan has none of that id, it is found by section, row, number and class. What has no
    seat there keeps the old ones, which are not sold any more, until it is moved or cancelled:
    `trip manifest --without-place` lists it. Repeat the command if it is interrupted.
    """
    screen = Screen(as_json=reach.as_json)
    try:
        new = read_plan(plan)
    except WrongFile as wrong:
        return fail(screen, failure_of_plan(wrong, plan))

    async def work(client: InventoryClient, screen: Screen) -> None:
        chosen = dict(map(_chosen, seat))
        if not dry_run:
            done = await _swap(client, screen, trip, new, chosen, version)
            screen.answer(_swap_as_plain(trip, done), lambda: _show_swap(screen, trip, done))
            return
        before = await client.trip(trip)
        after = NewVehicle(new.seats, new.seats_per_group, new.name, chosen=chosen, sections=new.sections).of(before)
        matches = match_seats(before.seats, after.seats, chosen)
        records = await client.manifest(trip, include_held=True)
        becomes = [(record, swapped(record.seats, matches)) for record in records]
        screen.answer(_as_plain(trip, matches, becomes), lambda: _show(screen, matches, becomes))

    return ask(reach, work)


async def _swap(
    client: InventoryClient, screen: Screen, trip: str, plan: SeatPlan, chosen: Mapping[str, str], version: int
) -> VehicleSwap:
    """Swap, and show how far it is until it is over. Seats that are too many for one call are sent as a seat plan."""
    layout = plan.trip(TripKey("any", trip), NOWHERE)
    stored = f"of-trip-{blake2b(trip.encode(), digest_size=16).hexdigest()}"
    is_stored = len(layout.seats) > SEATS_IN_CALL_MAX
    if is_stored:
        await client.put_seat_plan(stored, layout)
    while True:
        found = await client.swap_vehicle(
            trip, layout, seat_plan=stored if is_stored else "", seats=chosen, version=version
        )
        if found.is_over:
            break
        screen.over(f"{found.groups_done} of {found.groups} seat groups, {found.moved} moved, {found.left} left")
        await anyio.sleep(PAUSE_S)
    screen.over("")
    if is_stored:
        await client.delete_seat_plan(stored)
    return found


def _chosen(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise Failed(Failure(Exit.WRONG, "INVALID_ARGUMENT", f"seat: must be OLD=NEW, not {text!r}"))
    return old, new


def _swap_as_plain(trip: str, found: VehicleSwap) -> Mapping[str, object]:
    return {
        "trip": trip,
        "state": (found.sale.state.name or "").lower(),
        "version": found.sale.version,
        "moved": found.moved,
        "left": found.left,
        "left_holds": [
            {
                "hold": each.hold.booking or each.hold.id,
                "order": each.hold.order,
                "user": each.hold.user,
                "seats": list(each.hold.seats),
                "reasons": dict(each.reasons),
            }
            for each in found.left_holds
        ],
    }


def _show_swap(screen: Screen, trip: str, found: VehicleSwap) -> None:
    state = (found.sale.state.name or "").lower()
    screen.say(f"{trip} is {state} with its new vehicle: {found.moved} moved, {found.left} left without a seat", "bold")
    if found.left_holds:
        screen.raw("")
        screen.table(
            ["left", "order", "user", "why"],
            [
                [each.hold.booking or each.hold.id, each.hold.order, each.hold.user, _why(each.reasons)]
                for each in found.left_holds
            ],
        )


def _why(reasons: Mapping[str, str]) -> str:
    return "; ".join(f"{seat}: {why}" for seat, why in reasons.items())


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
    return _why(found.left)
