"""Commands about the seat plans that the service stores: store one from a file, list them, delete one."""

from typing import Annotated

from cyclopts import Parameter

from travio_inventory.cli.arguments import stamp
from travio_inventory.cli.connection_options import HERE, WHOLE_TRIP_S, ConnectionOptions, ask, fail
from travio_inventory.cli.exits import Exit
from travio_inventory.cli.opening_progress import sent_to
from travio_inventory.cli.plans import PlanFile, failure_of_plan
from travio_inventory.cli.screen import Screen
from travio_inventory.client.client import InventoryClient
from travio_inventory.imports.documents import WrongFile
from travio_inventory.imports.seat_plans import read_plan
from travio_inventory.seats.seat_plan import NOWHERE
from travio_inventory.seats.trip import TripKey

PlanName = Annotated[str, Parameter(help="The id of a stored seat plan.")]


def put(plan: PlanFile, name: PlanName, /, *, reach: ConnectionOptions = HERE) -> Exit:
    """Store a seat plan for any number of trips, in place of the one with that id. Open trips keep their seats."""
    try:
        found = read_plan(plan)
    except WrongFile as wrong:
        return fail(Screen(as_json=reach.as_json), failure_of_plan(wrong, plan))
    layout = found.trip(TripKey(reach.organization, "plan"), NOWHERE)

    async def work(client: InventoryClient, screen: Screen) -> None:
        seats = await client.put_seat_plan(name, layout, sent=sent_to(screen))
        screen.over("")
        screen.answer({"plan": name, "seats": seats}, lambda: screen.say(f"{name} is stored: {seats} seats", "bold"))

    return ask(reach, work, deadline_s=WHOLE_TRIP_S)


def show_all(*, reach: ConnectionOptions = HERE) -> Exit:
    """List the stored seat plans."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        plans = await client.seat_plans()
        screen.answer(
            {
                "plans": [
                    {
                        "plan": each.plan,
                        "seats": each.seats,
                        "stored_at": stamp(each.stored_at),
                        "revision": each.revision,
                    }
                    for each in plans
                ]
            },
            lambda: screen.table(
                ["plan", "seats", "stored"], [[each.plan, each.seats, stamp(each.stored_at)] for each in plans]
            ),
        )

    return ask(reach, work)


def delete(name: PlanName, /, *, reach: ConnectionOptions = HERE) -> Exit:
    """Delete a stored seat plan. Trips that were opened with it keep their seats."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        await client.delete_seat_plan(name)
        screen.answer({"plan": name, "deleted": True}, lambda: screen.say(f"{name} is deleted"))

    return ask(reach, work)
