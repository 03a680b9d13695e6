"""Customers: request seats with keys, use the holds in every way, and repeat calls that were not answered."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random

from travio_inventory.client import Booking, Hold, HoldExpired, HoldRecord, InventoryClient, Journey
from verification.chaos.notebook import UNDECIDED, Book, Notebook
from verification.chaos.season import Door, Season
from verification.kit.trips import ends
from verification.simulation.history import Call, CallOutcome

SEATS_WISHED = (1, 1, 1, 2, 2, 3)
SECONDS_WISHED = (1, 1, 2, 3)
TRIES = 3
PAUSE_S = 0.03
SHARED_PAUSE_S = 0.3
TWINS = 0.1
"""How often a customer sends the same request twice at once, through different services."""
OTHER_REQUESTS = 0.05
"""How often a key is used for another request."""


@dataclass(frozen=True)
class Wish:
    """One thing that a customer wants of a trip, however many calls it takes."""

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

    def about(self, call: Call, op: str, *, seconds: int = 0) -> "Wish":
        """The next step on the hold that the call returned."""
        return replace(self, op=op, hold_id=call.told, order=f"order-{self.key}", seconds=seconds, settles=False)


async def send(wish: Wish, door: Door, notebook: Notebook) -> Call:
    """Call once."""
    if wish.op == "hold":
        return await _hold(wish, door, notebook)
    client = door.client.acting_for(wish.user)
    call = notebook.step(wish.book, wish.op, wish.user, wish.hold_id, service=door.service)
    call.order = wish.order if wish.op == "confirm" else ""
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "confirm": lambda: client.confirm(wish.hold_id, wish.order),
        "release": lambda: _release(client, wish.hold_id),
        "cancel": lambda: client.cancel(wish.hold_id),
        "extend": lambda: client.extend(wish.hold_id, wish.seconds),
        "find": lambda: client.find_hold(wish.hold_id),
    }
    told = await notebook.hear(call, asked[wish.op])
    if call.answer is CallOutcome.OK:
        _note(call, told)
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


async def _release(client: InventoryClient, hold_id: str) -> None:
    """A hold that cannot be released any more answers with no seats. Here nobody confirms a hold and releases it too,
    so it has expired.
    """
    if not await client.release(hold_id):
        raise HoldExpired


def _note(call: Call, told: object) -> None:
    call.told = call.subject
    match told:
        case datetime():
            call.until_ms = _ms(told)
        case Booking():
            call.told = told.id
        case HoldRecord():
            call.status = told.status.name.lower()
        case _:
            pass


def _words(call: Call) -> str:
    """The answer, in words for the page."""
    return "OK" if call.answer is CallOutcome.OK else call.told


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000


@dataclass
class Customer:
    """One customer, with a connection to every service. `unsettled` is what was never answered.

    Customers of one `account` ask in one name, all at once: they contend for what one holder may hold.
    """

    name: str
    doors: Sequence[Door]
    season: Season
    notebook: Notebook
    random: Random
    account: str = ""
    unsettled: list[Wish] = field(default_factory=list)
    _asked: int = 0

    async def shop(self) -> None:
        """Until the season is over."""
        while not self.season.is_over:
            if self.unsettled:
                await self._settle(self.unsettled.pop(0), "asked again later")
            wish = self._next()
            was_unknown = self.random.random() < TWINS and await self._ask_twice(wish)
            call = await self._insist(wish, was_unknown=was_unknown)
            if call.answer is CallOutcome.OK and call.status == "held":
                await self._go_on(wish, call)
            await self._wait(SHARED_PAUSE_S if self.account else PAUSE_S)

    async def _ask_twice(self, wish: Wish) -> bool:
        """Call all services at once; whether any of them did not answer."""
        twins = await asyncio.gather(*(send(wish, door, self.notebook) for door in self.doors))
        return any(twin.answer is CallOutcome.UNKNOWN for twin in twins)

    def _next(self) -> Wish:
        self._asked += 1
        book = self.random.choice(self.season.on_sale)
        segments, seats = len(book.trip.segments), [seat.id for seat in book.trip.seats]
        first = self.random.randrange(segments)
        count = 1 if self.account else self.random.choice(SEATS_WISHED)
        wished = self.random.sample(seats, min(len(seats), count))
        return Wish(
            book,
            f"{self.account}-{self.season.waves}" if self.account else f"{self.name}-{self._asked // 10}",
            "hold",
            seats=book.trip.in_layout_order(wished),
            journey=Journey(first, self.random.randrange(first, segments)),
            key=f"{self.name}-{self._asked}",
            seconds=self.random.choice(SECONDS_WISHED),
        )

    async def _go_on(self, wish: Wish, call: Call) -> None:
        """What becomes of a hold."""
        random, step = self.random, wish.about
        if random.random() < OTHER_REQUESTS:
            await self._insist(replace(wish, journey=Journey(0, 0), seats=wish.seats[:1]))
        if random.random() < 0.1:
            await self._insist(wish)
        if random.random() < 0.2:
            await self._insist(step(call, "extend", seconds=random.choice(SECONDS_WISHED)))
        match random.choice(("lapse", "release", "confirm", "confirm", "cancel", "late", "late cancel")):
            case "release":
                await self._wait(1.2 * wish.seconds * random.randrange(2))
                await self._insist(step(call, "release"))
            case "confirm" | "cancel" | "late" | "late cancel" as fate:
                await self._wait(0.1)
                if fate.startswith("late"):
                    await asyncio.sleep(wish.seconds + random.uniform(-0.3, 0.8))
                booked = await self._insist(step(call, "confirm"))
                if booked.answer is CallOutcome.OK and fate.endswith("cancel"):
                    await self._insist(step(call, "cancel"))
            case _:
                pass
        if random.random() < 0.3:
            await self._insist(step(call, "find"))

    async def _insist(self, wish: Wish, *, was_unknown: bool = False) -> Call:
        """Call until there is an answer, a few times, through any service; what gets none is settled later."""
        for _ in range(TRIES):
            call = await send(replace(wish, settles=was_unknown), self._door(), self.notebook)
            was_unknown = was_unknown or call.answer is CallOutcome.UNKNOWN
            if call.answer not in UNDECIDED:
                if was_unknown:
                    self.notebook.settled[wish.op, "asked again at once", _words(call)] += 1
                return call
            if call.answer in (CallOutcome.AGAIN, CallOutcome.SEEN) and not was_unknown and wish.op == "hold":
                return call
            await self._wait(0.3)
        if was_unknown:
            self.unsettled.append(wish)
        return call

    async def settle(self) -> None:
        """When all faults are over: call until everything is answered. Raises TimeoutError."""
        while self.unsettled:
            if not await self._settle(self.unsettled.pop(0), "asked again in the end"):
                await self._wait(0.5)

    async def _settle(self, wish: Wish, how: str) -> bool:
        """Call once; whether there was an answer. Without one, it stays unsettled."""
        self.unsettled.append(wish)
        call = await send(replace(wish, settles=True), self._door(), self.notebook)
        if call.answer in UNDECIDED:
            return False
        self.unsettled.remove(wish)
        self.notebook.settled[wish.op, how, _words(call)] += 1
        return True

    def _door(self) -> Door:
        return self.random.choice(self.doors)

    async def _wait(self, most_s: float) -> None:
        await asyncio.sleep(self.random.uniform(0, most_s))
