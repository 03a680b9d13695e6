"""Customers: request seats with keys, use the holds in every way, and repeat calls that were not answered."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

from travio_inventory.client import Journey
from verification.chaos.notebook import Notebook, is_decided, words
from verification.chaos.season import Door, Season
from verification.chaos.wishes import Wish, send
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
CHANGES = 0.4
"""How often a hold or a booking is moved, or gives some of its seats back."""


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
        seats = [seat.id for seat in book.trip.seats]
        count = 1 if self.account else self.random.choice(SEATS_WISHED)
        wished = self.random.sample(seats, min(len(seats), count))
        return Wish(
            book,
            f"{self.account}-{self.season.waves}" if self.account else f"{self.name}-{self._asked // 10}",
            "hold",
            seats=book.trip.in_layout_order(wished),
            journey=self._journey(len(book.trip.segments)),
            key=f"{self.name}-{self._asked}",
            seconds=self.random.choice(SECONDS_WISHED),
        )

    def _journey(self, segments: int) -> Journey:
        first = self.random.randrange(segments)
        return Journey(first, self.random.randrange(first, segments))

    async def _go_on(self, wish: Wish, call: Call) -> None:
        """What becomes of a hold."""
        random = self.random
        if random.random() < OTHER_REQUESTS:
            await self._insist(replace(wish, journey=Journey(0, 0), seats=wish.seats[:1]))
        if random.random() < 0.1:
            await self._insist(wish)
        held = replace(wish, hold_id=call.told)
        if random.random() < 0.2:
            await self._insist(held.about("extend", seconds=random.choice(SECONDS_WISHED)))
        has = await self._change(held, "release") if random.random() < CHANGES else held
        if has is not None:
            await self._end(has)
        if random.random() < 0.3:
            await self._insist(held.about("find"))

    async def _end(self, has: Wish) -> None:
        """Give it back, book it, or let it lapse; perhaps the booking is changed, or given back as well."""
        random = self.random
        match random.choice(("lapse", "release", "confirm", "confirm", "cancel", "late", "late cancel")):
            case "release":
                await self._wait(1.2 * has.seconds * random.randrange(2))
                await self._insist(has.about("release"))
            case "confirm" | "cancel" | "late" | "late cancel" as fate:
                await self._wait(0.1)
                if fate.startswith("late"):
                    await asyncio.sleep(has.seconds + random.uniform(-0.3, 0.8))
                is_some = len(has.seats) > 1 and random.random() < CHANGES
                booking = has.of_some("confirm", self._some(has)) if is_some else has.about("confirm")
                booked = await self._insist(booking)
                if booked.answer is CallOutcome.OK and random.random() < CHANGES:
                    await self._change(replace(booking, parts=()), "cancel")
                if booked.answer is CallOutcome.OK and fate.endswith("cancel"):
                    await self._insist(has.about("cancel"))
            case _:
                pass

    async def _change(self, has: Wish, give_back: str) -> Wish | None:
        """Move it, or give some of its seats back; what it has then, None if that is not known."""
        if len(has.seats) > 1 and self.random.random() < 0.5:
            change = has.of_some(give_back, self._some(has))
        else:
            change = await self._move_of(has)
        call = await self._insist(change)
        if call.answer is CallOutcome.OK:
            return replace(change, parts=(), move=None)
        return has if call.answer is CallOutcome.NO else None

    def _some(self, has: Wish) -> tuple[str, ...]:
        """Some of its seats, not all."""
        return tuple(self.random.sample(has.seats, self.random.randrange(1, len(has.seats))))

    async def _move_of(self, has: Wish) -> Wish:
        """To other seats, another journey or both; half of the time only if it is as it is now."""
        random, trip = self.random, has.book.trip
        others = [seat.id for seat in trip.seats if seat.id not in has.seats]
        old = random.sample(has.seats, random.randint(1, min(len(has.seats), len(others))))
        journey = self._journey(len(trip.segments)) if random.random() < 0.3 else has.journey
        read = await self._insist(has.about("find")) if random.random() < 0.5 else None
        version = read.has.version if read is not None and read.has is not None else None
        return has.moved(dict(zip(old, random.sample(others, len(old)), strict=True)), journey, version)

    async def _insist(self, wish: Wish, *, was_unknown: bool = False) -> Call:
        """Call until there is an answer, a few times, through any service; what gets none is settled later."""
        for _ in range(TRIES):
            call = await send(replace(wish, settles=was_unknown), self._door(), self.notebook)
            was_unknown = was_unknown or call.answer is CallOutcome.UNKNOWN
            if is_decided(call):
                if was_unknown:
                    self.notebook.settled[wish.op, "asked again at once", words(call)] += 1
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
        if not is_decided(call):
            return False
        self.unsettled.remove(wish)
        self.notebook.settled[wish.op, how, words(call)] += 1
        return True

    def _door(self) -> Door:
        return self.random.choice(self.doors)

    async def _wait(self, most_s: float) -> None:
        await asyncio.sleep(self.random.uniform(0, most_s))
