"""Commands about the waiting list: join, leave, list."""

from typing import Annotated

from cyclopts import Parameter

from travio_inventory.cli.arguments import TripId
from travio_inventory.cli.connection_options import HERE, ConnectionOptions, ask
from travio_inventory.cli.exits import Exit
from travio_inventory.cli.screen import Screen
from travio_inventory.client.client import InventoryClient

SeatClass = Annotated[str, Parameter(name="--class", help="The class; empty means any.")]


def join(
    trip: TripId,
    /,
    *,
    seat_class: SeatClass = "",
    seats: Annotated[int, Parameter(help="How many.")] = 1,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Join the waiting list, or keep the place on it."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        position = await client.join_waitlist(trip, seat_class=seat_class, seats=seats)
        screen.answer(
            {"trip": trip, "position": position}, lambda: screen.say(f"number {position} on the waiting list")
        )

    return ask(reach, work)


def leave(trip: TripId, /, *, seat_class: SeatClass = "", reach: ConnectionOptions = HERE) -> Exit:
    """Leave the waiting list."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        await client.leave_waitlist(trip, seat_class=seat_class)
        screen.answer({"trip": trip, "left": True}, lambda: screen.say("removed from the waiting list"))

    return ask(reach, work)


def list_waits(*, reach: ConnectionOptions = HERE) -> Exit:
    """List the user's places on waiting lists."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        entries = [
            {
                "trip": entry.trip,
                "class": entry.seat_class,
                "seats": entry.seats,
                "status": entry.status,
                "since": entry.joined_at.isoformat(),
                "position": entry.position,
            }
            for entry in await client.waitlist()
        ]

        def show() -> None:
            screen.table(
                ["trip", "class", "seats", "status", "since", "position"], [list(entry.values()) for entry in entries]
            )

        screen.answer({"entries": entries}, show if entries else lambda: screen.say("on no waiting list"))

    return ask(reach, work)
