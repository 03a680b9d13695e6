"""The users of the service: holders who repeat requests, at once and too late, and the house that blocks seats."""

import asyncio
from collections.abc import Awaitable, Sequence
from random import Random

from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.commands import SalesAction
from travio_inventory.seats.hold import Hold, base_id
from travio_inventory.seats.move import Move
from travio_inventory.seats.refusals import SalesClosed
from travio_inventory.seats.trip import Ends, Trip
from verification.simulation.front import Front, WantedHold
from verification.simulation.history import CallOutcome
from verification.simulation.oracle import Violated
from verification.simulation.plan import LAPSES_S, TTL_S
from verification.simulation.sales import Sales
from verification.simulation.virtual_loop import now_s

INSISTS_ON = 8
"""How many keys are asked for again at the end of a day on which earlier ones are new requests by then."""
AT_ONCE = 0.15
"""How often a holder asks for two things at once."""
STEP_S_MAX = 40
"""A call whose caller hung up is over by then: it must not end a later freeze."""
TWIN_LATER_S = (0.05, 1, 8, 2 * TTL_S)
"""How much later the same move is asked for again at most: perhaps when the hold is over."""
OTHER_REQUEST = 0.12
"""How often a key is used for another request."""


class Holder:
    """One holder: holds, and steps on them, until the day is over. `keyed` are the requests with a key."""

    def __init__(self, front: Front, name: str, random: Random) -> None:
        self.keyed: list[WantedHold] = []
        self._front = front
        self._had: list[tuple[Actor, str]] = []
        self._name = name
        self._random = random
        self._twins = Random(f"{front.plan.seed} {name}")
        self._pending: list[asyncio.Task[None]] = []

    async def live(self) -> None:
        """The whole day."""
        random, turn = self._random, 0
        await asyncio.sleep(random.uniform(0, 4))
        while now_s() < self._front.plan.day_s:
            turn += 1
            wanted = self._new_wanted(turn)
            if random.random() < 0.3:
                await self._front.look(self._name)
            if wanted.key and random.random() < self._front.plan.twins:
                self._front.seen["asked twice at once"] += 1
                self._start(self._ask_later(wanted, random.choice((0, 0.05, 1, 8)) * random.random()))
            if random.random() < AT_ONCE:
                self._start(self._ask_later(self._new_wanted(-turn), random.choice((0, 0.05)) * random.random()))
            _, hold = await self._front.hold(wanted, tries=random.choice((1, 2, 5)) if wanted.key else 1)
            if hold is None:
                await asyncio.sleep(random.uniform(0.5, 7))
                continue
            life = self._start(self._use(wanted, hold))
            if random.random() < 0.6:
                await life
            await asyncio.sleep(random.uniform(0.05, 2))
        await asyncio.gather(*self._pending)

    def _start(self, work: Awaitable[None]) -> "asyncio.Task[None]":
        task = asyncio.ensure_future(work)
        self._pending.append(task)
        return task

    def _new_wanted(self, turn: int) -> WantedHold:
        random = self._random
        key = f"k{turn}" if random.random() < 0.7 else None
        wanted = WantedHold(Actor("o", self._name), *_wish(random, self._front.trip, self._front.plan.popular), key)
        if key:
            self.keyed.append(wanted)
        return wanted

    async def _ask_later(self, wanted: WantedHold, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        await self._front.hold(wanted, tries=1)

    async def _use(self, wanted: WantedHold, hold: Hold) -> None:
        """What the holder does with a hold."""
        random, hold_id = self._random, base_id(hold.id)
        self._had.append((wanted.actor, hold_id))
        if wanted.key and random.random() < OTHER_REQUEST:
            await self._front.hold(
                WantedHold(wanted.actor, *_wish(random, self._front.trip, self._front.plan.popular), wanted.key),
                tries=1,
            )
        if random.random() < 0.3:
            await self._front.look(self._name)
        if random.random() < 0.2:
            await self._front.find(wanted.actor, hold_id)
        fate = random.random()
        if fate < 0.15:
            return
        if self._front.plan.changes:
            await self._change(wanted.actor, hold)
        if random.random() < 0.35:
            await asyncio.sleep(random.choice((random.uniform(0, 3), TTL_S + random.uniform(-3, 3))))
            extending = self._start(self._extend(wanted.actor, hold_id))
            if random.random() < 0.6:
                await extending
        if fate < 0.35:
            await self._give_back(wanted.actor, hold_id)
        else:
            await self._book(wanted.actor, hold, is_late=fate >= 0.6)
            if wanted.key and random.random() < 0.25:
                await self._front.hold(wanted, tries=2)

    def _some(self, hold: Hold) -> tuple[str, ...]:
        """Some of the seats that the hold was made with."""
        return tuple(self._random.sample(hold.seats, self._random.randint(1, len(hold.seats))))

    async def _change(self, actor: Actor, hold: Hold) -> None:
        """Give some of its seats back, and move it, or neither."""
        random, changes = self._random, self._front.plan.changes
        if random.random() < changes:
            await self._front.release(actor, base_id(hold.id), tries=3, parts=self._some(hold))
        if random.random() < changes:
            moving = self._start(self._move(actor, hold))
            if random.random() < 0.7:
                await moving

    async def _move(self, actor: Actor, hold: Hold, *, delay_s: float = 0) -> None:
        """To other seats, another journey, or both; half of the time back again."""
        random = self._random
        await asyncio.sleep(delay_s)
        for _ in range(random.choice((1, 1, 2, 3))):
            ends, seats = _wish(random, self._front.trip, self._front.plan.popular)
            back = hold.seats if random.random() < 0.4 else seats
            to = ends if random.random() < 0.4 else None
            wanted: list[Move] = []
            if self._twins.random() < self._front.plan.twin_moves:
                self._front.seen["moved twice at once"] += 1
                self._start(self._move_too(actor, hold, to, back, wanted))
            await self._front.move(actor, hold, to, back, wanted, tries=3)

    async def _move_too(
        self, actor: Actor, hold: Hold, ends: Ends | None, seats: Sequence[str], wanted: list[Move]
    ) -> None:
        await asyncio.sleep(self._twins.choice(TWIN_LATER_S) * self._twins.random())
        await self._front.move(actor, hold, ends, seats, wanted, tries=1)

    async def _extend(self, actor: Actor, hold_id: str) -> None:
        await self._front.extend(actor, hold_id, tries=3)

    async def _give_back(self, actor: Actor, hold_id: str) -> None:
        random = self._random
        await asyncio.sleep(random.choice((random.uniform(0, 4), TTL_S + random.uniform(-3, 3))))
        if random.random() < 0.3:
            self._start(self._confirm(actor, hold_id, "rival", tries=2))
        await self._front.release(actor, hold_id, tries=4)

    async def _book(self, actor: Actor, hold: Hold, *, is_late: bool) -> None:
        random, hold_id, changes = self._random, base_id(hold.id), self._front.plan.changes
        late_s = TTL_S + random.choice((random.uniform(-3, 4), random.uniform(2, 30)))
        await asyncio.sleep(late_s if is_late else random.uniform(0, 5))
        order = f"order-{random.randrange(10**6)}"
        if random.random() < 0.2:
            rival = order if random.random() < 0.4 else f"{order}-rival"
            self._start(self._confirm(actor, hold_id, rival, tries=3, delay_s=random.random() * 5))
        some = self._some(hold) if changes and random.random() < changes else ()
        await self._front.confirm(actor, hold_id, order, tries=random.choice((1, 2, 5)), parts=some)
        if random.random() < 0.35:
            await asyncio.sleep(random.uniform(0, 25))
            await self._front.confirm(actor, hold_id, order, tries=3)
        if changes and random.random() < changes:
            self._start(self._cancel_some(actor, hold))
        if changes and random.random() < changes:
            self._start(self._move(actor, hold, delay_s=random.uniform(0, 8)))
        if random.random() < 0.65:
            await asyncio.sleep(random.uniform(0, 15))
            await self._front.cancel(actor, hold_id, tries=4)
        if random.random() < 0.2:
            await self._front.find(actor, hold_id)

    async def _confirm(self, actor: Actor, hold_id: str, order: str, *, tries: int, delay_s: float = 0) -> None:
        await asyncio.sleep(delay_s)
        await self._front.confirm(actor, hold_id, order, tries=tries)

    async def _cancel_some(self, actor: Actor, hold: Hold) -> None:
        await asyncio.sleep(self._random.uniform(0, 15))
        await self._front.cancel(actor, base_id(hold.id), tries=3, parts=self._some(hold))

    async def look_back(self, random: Random) -> None:
        """The whole day: ask again what was asked long ago, and ask for its outcome."""
        while now_s() < self._front.plan.day_s:
            await asyncio.sleep(random.uniform(2, 40))
            if self.keyed and random.random() < 0.5:
                await self._front.hold(random.choice(self.keyed), tries=1)
            if self._had:
                await self._ask_after(random, *random.choice(self._had))

    async def _ask_after(self, random: Random, actor: Actor, hold_id: str) -> None:
        match random.randrange(5):
            case 0:
                await self._front.confirm(actor, hold_id, "at last", tries=2)
            case 1:
                await self._front.cancel(actor, hold_id, tries=2)
            case 2:
                await self._front.release(actor, hold_id, tries=2)
            case 3:
                await self._extend(actor, hold_id)
            case _:
                await self._front.find(actor, hold_id)

    async def insist(self) -> None:
        """When all is well again, repeat every request with a key. A caller who is told to try again, and does so when
        everything has lapsed, must get an answer. Raises Violated.
        """
        for wanted in self.keyed[-INSISTS_ON:] if self._front.plan.forgets else self.keyed:
            if not all(map(self._front.trip.has_seat, wanted.seats)):
                continue  # of a former vehicle
            call, _ = await self._front.hold(wanted, tries=1, settles=True)
            if call.answer is CallOutcome.AGAIN:
                await asyncio.sleep(LAPSES_S)
                call, _ = await self._front.hold(wanted, tries=1, settles=True)
            is_ended = self._front.plan.cancels and call.told == SalesClosed.reason
            if call.answer in (CallOutcome.AGAIN, CallOutcome.UNKNOWN) and not is_ended:
                raise Violated(f"I5 asked again when all is well, and no answer: {call}")


async def keep_looking(front: Front, random: Random) -> None:
    """Read the seat map again and again."""
    while now_s() < front.plan.day_s:
        await asyncio.sleep(random.uniform(0, 4))
        await front.look("viewer")


async def keep_house(front: Front, random: Random) -> None:
    """Block seats now and then, and unblock them: one after the other, in any order, not always all."""
    popular = min(front.plan.seats, front.plan.popular)
    while now_s() < front.plan.day_s:
        await asyncio.sleep(random.uniform(2, 20))
        chosen = random.sample(range(popular), min(popular, random.choice((1, 2, 2, 3))))
        seats = [front.trip.seats[-1 - number].id for number in chosen]
        await front.block(seats, tries=random.choice((1, 3)))
        await asyncio.sleep(random.uniform(0, 10))
        for seat in seats:
            if random.random() < 0.9:
                await front.unblock(seat, tries=random.choice((1, 3)))


async def keep_sales(front: Front, sales: Sales, random: Random) -> None:
    """Freeze the trip now and then for a while; in the evening it is sold."""
    while now_s() < front.plan.day_s:
        await asyncio.sleep(random.uniform(3, 25))
        if (await front.control(SalesAction.FREEZE)).answer is CallOutcome.OK:
            sales.is_frozen = True
            front.seen["trip frozen"] += 1
            await asyncio.sleep(random.uniform(0.5, 12))
        sales.is_frozen = False
        await _unfreeze(front)


async def _unfreeze(front: Front) -> None:
    while True:
        call = await front.control(SalesAction.UNFREEZE)
        if call.answer is CallOutcome.OK:
            return
        await asyncio.sleep(STEP_S_MAX if call.answer is CallOutcome.UNKNOWN else 1)


def _wish(random: Random, trip: Trip, popular: int) -> tuple[Ends, tuple[str, ...]]:
    """A journey and one to three of the last seats."""
    wished = range(max(0, len(trip.seats) - popular), len(trip.seats))
    seats = sorted(random.sample(wished, min(len(wished), random.choice((1, 1, 2, 2, 3)))))
    first = random.randrange(len(trip.segments))
    last = random.randrange(first, len(trip.segments))
    return Ends(trip.stops[first], trip.stops[last + 1]), tuple(trip.seats[seat].id for seat in seats)
