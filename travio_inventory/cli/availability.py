"""The command that shows whether a party finds seats, and the price."""

from collections import Counter
from typing import Annotated

from cyclopts import Parameter

from travio_inventory.cli.arguments import SectionId, Segments, TripId, journey_of, stamp
from travio_inventory.cli.connection_options import HERE, ConnectionOptions, ask
from travio_inventory.cli.exits import Exit, Failed, Failure
from travio_inventory.cli.screen import Screen
from travio_inventory.client.answers import Availability, AvailabilityQuestion
from travio_inventory.client.client import InventoryClient

NOT_SOLD = "the trip has left the first stop of this journey, or its sales are not open (`travio-inventory trip show`)"


def availability(  # noqa: PLR0913 - three say what, the keyword-only ones are options
    trip: TripId,
    origin: Annotated[str, Parameter(help="First station of the journey.")],
    destination: Annotated[str, Parameter(help="Last station of the journey.")],
    /,
    *,
    passengers: Annotated[int, Parameter(help="How many; 0 means 1.")] = 1,
    seat_class: Annotated[str, Parameter(name="--class", help="Class of the seats; empty means any.")] = "",
    seats: Annotated[bool, Parameter(negative="", help="Also list the free seats.")] = False,
    segments: Segments = "",
    section: SectionId = "",
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Show whether a party finds seats for a journey, and the price. Only a hold reserves them."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        journey = journey_of(segments)
        question = AvailabilityQuestion(trip, origin, destination, passengers, seat_class, journey, section)
        found = await client.check_availability(question)
        if seat_class and not found.free:
            await _check_class(client, trip, seat_class)
        value = _as_plain(found) | {"trip": trip, "from": origin, "to": destination, "passengers": passengers}
        screen.answer(value, lambda: _show(screen, found, question, with_seats=seats))

    return ask(reach, work)


async def _check_class(client: InventoryClient, trip: str, seat_class: str) -> None:
    """Raises Failed if no seat of the trip is of the class."""
    classes = sorted({seat.seat_class for seat in (await client.trip(trip)).seats})
    if seat_class not in classes:
        said = f"no seat of the trip is of class {seat_class!r}"
        raise Failed(Failure(Exit.WRONG, "NO_SUCH_CLASS", said, f"its classes are {', '.join(map(repr, classes))}"))


def _as_plain(found: Availability) -> dict[str, object]:
    return {
        "available": found.is_available,
        "free": found.free,
        "price_minor": found.price_minor,
        "checked_at": stamp(found.checked_at),
        "seats": [
            {
                "seat": seat.id,
                "number": seat.number,
                "class": seat.seat_class,
                "type": seat.seat_type,
                "section": seat.section,
                "label": seat.label,
            }
            for seat in found.seats
        ],
    }


def _show(screen: Screen, found: Availability, asked: AvailabilityQuestion, *, with_seats: bool) -> None:
    party = f"{asked.passengers} passengers" if asked.passengers > 1 else "1 passenger"
    free = f"{found.free} free" + (f" of class {asked.seat_class!r}" if asked.seat_class else "")
    if found.is_available:
        screen.say(f"yes: {free}; {party} would pay {found.price_minor} (minor units)", "bold green")
    elif found.free >= asked.passengers:
        screen.say(f"no: {free}, but not sold: {NOT_SOLD}", "bold red")
    else:
        screen.say(f"no: {free}, too few for {party}", "bold red")
    if with_seats:
        rows = [[seat.id, seat.number, seat.seat_class, seat.seat_type] for seat in found.seats]
        screen.raw("")
        screen.table(["seat", "number", "class", "type"], rows)
    elif found.seats:
        by_class = Counter(seat.seat_class for seat in found.seats)
        screen.raw("")
        screen.table(["class", "free"], [[name or "-", count] for name, count in by_class.items()])
