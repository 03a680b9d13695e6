"""Commands about holds and bookings: hold, confirm, extend, release, cancel, list, show."""

import shlex
from secrets import token_hex
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from travio_inventory.cli.arguments import SeatIds, Segments, TripId, journey_of, stamp
from travio_inventory.cli.connection_options import HERE, ConnectionOptions, ask
from travio_inventory.cli.exits import Exit, Failed, Failure
from travio_inventory.cli.screen import Screen
from travio_inventory.client.answers import HoldRecord
from travio_inventory.client.client import InventoryClient

KEY_BYTES = 8
HoldId = Annotated[str, Parameter(help="The hold's id, as printed by `hold`.")]
Seconds = Annotated[
    int,
    Parameter(help="How long from now; 0 means the service's default.", validator=Number(gte=0)),
]


Parts = Annotated[
    list[str] | None,
    Parameter(help="Only these seats, by default all of them.", name="--seats", negative="", consume_multiple=True),
]


def hold(
    trip: TripId,
    origin: Annotated[str, Parameter(help="First station of the journey.")],
    destination: Annotated[str, Parameter(help="Last station of the journey.")],
    /,
    *seats: SeatIds,
    seconds: Seconds = 0,
    segments: Segments = "",
    key: Annotated[
        str,
        Parameter(
            help="Idempotency key: repeating it within a day, or as the service is set, returns the same hold. By "
            "default a new one is made."
        ),
    ] = "",
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Hold seats of a journey: all of them or none."""
    key = key or token_hex(KEY_BYTES)

    async def work(client: InventoryClient, screen: Screen) -> None:
        journey = journey_of(segments)
        held = await client.hold(trip, origin, destination, seats, seconds=seconds, segments=journey, key=key)
        value = {
            "hold": held.id,
            "seats": list(held.seats),
            "expires_at": stamp(held.expires_at),
            "price_minor": held.price_minor,
            "currency": held.currency,
            "key": key,
        }
        screen.answer(value, lambda: screen.fields({**value, "seats": shlex.join(held.seats)}))

    return ask(reach, work, again=f"with --key {shlex.quote(key)}")


def confirm(
    hold_id: HoldId,
    order: Annotated[str, Parameter(help="The order that pays for the hold.")],
    /,
    *,
    seats: Parts = None,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Turn a hold, or some of its seats, into a booking.

    Repeating it returns the same booking. With --seats the hold's other seats are given back.
    """

    async def work(client: InventoryClient, screen: Screen) -> None:
        booking = await client.confirm(hold_id, order, seats=seats or ())
        tickets = [
            {"ticket": ticket.id, "seat": ticket.seat, "price_minor": ticket.price_minor} for ticket in booking.tickets
        ]
        price = {"price_minor": booking.price_minor, "currency": booking.currency}

        def show() -> None:
            screen.fields({"booking": booking.id, **price})
            screen.table(["seat", "ticket"], [[ticket.seat, ticket.id] for ticket in booking.tickets])

        screen.answer({"booking": booking.id, "tickets": tickets, **price}, show)

    return ask(reach, work)


NOTHING_RELEASED = Failure(
    Exit.NO,
    "NOTHING_RELEASED",
    "nothing released: the hold is over or booked, or not of this --user and --organization",
)


def extend(hold_id: HoldId, /, *, seconds: Seconds = 0, reach: ConnectionOptions = HERE) -> Exit:
    """Extend a hold. Never shortens it."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        value = {"hold": hold_id, "expires_at": stamp(await client.extend(hold_id, seconds))}
        screen.answer(value, lambda: screen.fields(value))

    return ask(reach, work)


def release(hold_id: HoldId, /, *, seats: Parts = None, reach: ConnectionOptions = HERE) -> Exit:
    """Release a hold, or some of its seats, before it expires."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        count = await client.release(hold_id, seats=seats or ())
        if not count:
            raise Failed(NOTHING_RELEASED)
        screen.answer({"hold": hold_id, "released": count}, lambda: screen.say(f"{count} released"))

    return ask(reach, work)


def cancel(
    booking: Annotated[str, Parameter(help="The booking's id, as printed by `confirm`.")],
    /,
    *,
    seats: Parts = None,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Cancel a booking, or some of its seats, and put them back on sale."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        count = await client.cancel(booking, seats=seats or ())
        screen.answer({"booking": booking, "cancelled": count}, lambda: screen.say(f"{count} cancelled"))

    return ask(reach, work)


def _moves(_kind: type[list[str]], said: list[str] | None) -> None:
    for each in said or ():
        old, mark, new = each.partition("=")
        if not (old and mark and new):
            raise ValueError(f"{each!r} is not OLD=NEW")


def move(
    hold_id: Annotated[str, Parameter(help="The id of the hold, or of the booking.")],
    /,
    *,
    seats: Annotated[
        list[str] | None,
        Parameter(help="OLD=NEW for each seat that changes.", negative="", consume_multiple=True, validator=_moves),
    ] = None,
    from_: Annotated[str, Parameter(name="--from", help="First station of the new journey.")] = "",
    to: Annotated[str, Parameter(help="Last station of the new journey.")] = "",
    segments: Segments = "",
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Move a hold or a booking to other seats.

    Or to another journey, or both: all or none. Repeating it changes nothing.
    """

    async def work(client: InventoryClient, screen: Screen) -> None:
        onto = {old: new for old, _, new in (each.partition("=") for each in seats or ())}
        record = _as_plain(await client.move(hold_id, onto, ends=(from_, to), segments=journey_of(segments)))
        shown = {name: record[name] for name in ("hold", "status", "seats", "from", "to", "price_minor", "currency")}
        screen.answer(record, lambda: screen.fields({name: _word(value) for name, value in shown.items()}))

    return ask(reach, work)


def erase(
    booking: Annotated[str, Parameter(help="The booking's id, as printed by `confirm`.")],
    /,
    *,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Erase the passengers of a booking, which keeps its seats."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        await client.erase_passengers(booking)
        screen.answer({"booking": booking, "erased": True}, lambda: screen.say("passengers erased"))

    return ask(reach, work)


def list_holds(
    *,
    trip: Annotated[str, Parameter(help="Only holds of this trip.")] = "",
    order: Annotated[str, Parameter(help="Instead the bookings of this order, whoever made them.")] = "",
    ended: Annotated[bool, Parameter(negative="", help="Also ended ones.")] = False,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """List the user's bookings and holds, at most 1000; with --ended all of them, newest first."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        if order:
            found = await client.order_bookings(order, include_cancelled=ended)
        else:
            found = await client.list_holds(trip=trip, include_ended=ended)
        holds = [_as_plain(record) for record in found if trip in ("", record.trip)]
        whose = ["trip", "user"] if order else []
        columns = ["hold", *whose, "status", "seats", "from", "to", "expires_at"]

        def show() -> None:
            screen.table(columns, [[_word(record[column]) for column in columns] for record in holds])

        screen.answer({"holds": holds}, show if holds else lambda: screen.say("no holds"))

    return ask(reach, work)


def show_hold(hold_id: HoldId, /, *, reach: ConnectionOptions = HERE) -> Exit:
    """Show one hold."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        found = await client.find_hold(hold_id)
        record = _as_plain(found)
        words = {name: _word(value) for name, value in record.items()}
        words["prices"] = " ".join(map(str, found.prices))
        words["passengers"] = "; ".join(
            f"{each.seat} {each.name} {each.national_id}".strip() for each in found.passengers
        )
        screen.answer(record, lambda: screen.fields(words))

    return ask(reach, work)


def _as_plain(record: HoldRecord) -> dict[str, object]:
    return {
        "hold": record.id,
        "trip": record.trip,
        "user": record.user,
        "status": (record.status.name or "unknown").lower(),
        "seats": list(record.seats),
        "prices": [
            {"seat": seat, "price_minor": price} for seat, price in zip(record.seats, record.prices, strict=False)
        ],
        "price_minor": record.price_minor,
        "currency": record.currency,
        "from": record.origin,
        "to": record.destination,
        "created_at": stamp(record.created_at),
        "expires_at": stamp(record.expires_at),
        "order": record.order,
        "booking": record.booking,
        "passengers": [
            {"seat": each.seat, "name": each.name, "national_id": each.national_id} for each in record.passengers
        ],
    }


def _word(value: object) -> object:
    return shlex.join(map(str, value)) if isinstance(value, list) else value
