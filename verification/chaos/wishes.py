"""What customers want of a trip, and how it is called: every call is written down with its answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from travio_inventory.client import Booking, Hold, HoldExpired, HoldRecord, InventoryClient, Journey
from verification.chaos.notebook import Book, Notebook, cells
from verification.chaos.season import Door
from verification.kit.trips import ends
from verification.simulation.history import LIVE, AskedMove, Call, CallOutcome, Told


@dataclass(frozen=True)
class Wish:
    """One thing that a customer wants of a trip, however many calls it takes. Of a hold that there is, `seats` and
    `journey` are what it is to have then.
    """

    book: Book
    user: str
    op: str
    seats: tuple[str, ...] = ()
    journey: Journey = Journey(0, 0)  # noqa: RUF009 - an immutable value
    key: str = ""
    seconds: int = 0
    hold_id: str = ""
    order: str = ""
    settles: bool = False
    """Whether it was requested before with an unknown outcome."""
    parts: tuple[str, ...] = ()
    """The seats that a step is for, where it is not for all of the hold's."""
    move: AskedMove | None = None
    version: int | None = None
    """The hold is to be moved only if it is as it was read then."""

    def about(self, op: str, *, seconds: int = 0) -> "Wish":
        """The next step on the same hold."""
        return replace(self, op=op, order=f"order-{self.key}", seconds=seconds, settles=False)

    def of_some(self, op: str, parts: tuple[str, ...]) -> "Wish":
        """The next step on the same hold, for these of its seats; a confirm gives the others back."""
        kept = tuple(seat for seat in self.seats if (seat in parts) == (op == "confirm"))
        return replace(self.about(op), parts=parts, seats=kept)

    def moved(self, onto: dict[str, str], journey: Journey, version: int | None) -> "Wish":
        """The move of the same hold to other seats, another journey, or both."""
        seats = self.book.trip.in_layout_order([onto.get(seat, seat) for seat in self.seats])
        asked = AskedMove(onto, journey if journey != self.journey else None)
        return replace(self.about("move"), seats=seats, journey=journey, move=asked, version=version)


async def send(wish: Wish, door: Door, notebook: Notebook) -> Call:
    """Call once."""
    if wish.op == "hold":
        return await _hold(wish, door, notebook)
    client = door.client.acting_for(wish.user)
    call = notebook.step(wish.book, wish.op, wish.user, wish.hold_id, service=door.service)
    call.order = wish.order if wish.op == "confirm" else ""
    call.parts, call.move = wish.parts, wish.move
    call.cells = cells(wish.book.trip, wish.seats, wish.journey) if wish.move else ()
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "confirm": lambda: client.confirm(wish.hold_id, wish.order, seats=wish.parts),
        "release": lambda: _release(client, wish),
        "cancel": lambda: client.cancel(wish.hold_id, seats=wish.parts),
        "extend": lambda: client.extend(wish.hold_id, wish.seconds),
        "move": lambda: _move(client, wish),
        "find": lambda: client.find_hold(wish.hold_id),
    }
    told = await notebook.hear(call, asked[wish.op])
    if call.answer is CallOutcome.OK:
        _note(call, told, wish)
    return call


async def _hold(wish: Wish, door: Door, notebook: Notebook) -> Call:
    call = notebook.hold(wish.book, wish.user, wish.seats, wish.journey, wish.key, service=door.service)
    call.settles = wish.settles
    client = door.client.acting_for(wish.user)

    async def ask() -> Hold:
        return await client.hold(
            wish.book.name,
            *ends(wish.journey),
            wish.seats,
            seconds=wish.seconds,
            key=wish.key,
            settle=wish.settles,
        )

    hold = await notebook.hear(call, ask)
    if hold is not None:
        call.told, call.until_ms = hold.id, _ms(hold.expires_at)
        call.status = "held" if call.until_ms else "confirmed"
    return call


async def _release(client: InventoryClient, wish: Wish) -> None:
    """A hold that cannot be released any more answers with no seats. Here nobody confirms a hold and releases it too,
    so it has expired.
    """
    if not await client.release(wish.hold_id, seats=wish.parts):
        raise HoldExpired


async def _move(client: InventoryClient, wish: Wish) -> HoldRecord:
    onto, journey = wish.move or AskedMove({})
    stations = ends(Journey(*journey)) if journey else ("", "")
    return await client.move(wish.hold_id, onto, ends=stations, version=wish.version)


def _note(call: Call, told: object, wish: Wish) -> None:
    call.told = call.subject
    match told:
        case datetime():
            call.until_ms = _ms(told)
        case Booking():
            call.told = told.id
            seats = [ticket.seat for ticket in told.tickets]
            call.has = Told(cells(wish.book.trip, seats, wish.journey), told.price_minor)
        case HoldRecord():
            call.status = told.status.name.lower()
            if call.status in LIVE or wish.op == "move":  # it had these, if it has ended since
                has = cells(wish.book.trip, told.seats, told.journey)
                call.has = Told(has, told.price_minor, told.version)
        case _:
            pass


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000
