"""The calls as their callers see them: to a process that may die, by a caller who may lose patience."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TypeAlias

from travio_inventory.kernel.actor import Actor, house_of, user_anywhere
from travio_inventory.seats.commands import SalesAction, WaitlistPlace, WaitsQuery, trip_id
from travio_inventory.seats.hold import Confirmed, Expired, Held, Hold, HoldRequest, base_id, claimant_of
from travio_inventory.seats.move import Move
from travio_inventory.seats.offer import SalesState
from travio_inventory.seats.ports import Cell
from travio_inventory.seats.trip import Ends, Trip
from travio_inventory.seats.waitlist import WaitlistEntry
from verification.kit.asking import control_sales, hold_seats
from verification.kit.asking import seat_map as seat_map_of
from verification.simulation import by_house
from verification.simulation.answers import write_down, write_down_places
from verification.simulation.hindsight import ASKING
from verification.simulation.history import HOUSE, AskedMove, Call, CallOutcome
from verification.simulation.plan import HELD_S_MAX, TTL_S, Plan
from verification.simulation.process import Process

PATIENCES_S = (1.0, 4.0, 15.0, 40.0)
PAUSES_S = (0, 0.1, 1, 6)
GONE_S = 60.0
SETTLES, MOVES_SETTLE = 0.7, 0.3
"""How often a caller who does not know the outcome of a key has it settled, and any who moves a hold."""

Work: TypeAlias = Callable[[Process], Coroutine[object, object, Hold | None]]


@dataclass(frozen=True, slots=True)
class WantedHold:
    """A request for a hold."""

    actor: Actor
    ends: Ends
    seats: tuple[str, ...]
    key: str | None

    def request(self, trip: Trip) -> HoldRequest:
        """In the form that the store takes."""
        seats = trip.in_layout_order(self.seats)
        return HoldRequest(self.actor, trip, trip.journey(self.ends), seats, TTL_S * 1_000, self.key)

    def cells(self, trip: Trip) -> tuple[Cell, ...]:
        """The requested cells, in layout order; the trip may have another vehicle by now."""
        segments = trip.journey(self.ends).segments
        return tuple(Cell(seat, segment) for seat in self.seats for segment in segments)

    @property
    def subject(self) -> str:
        """The name of the key in the history."""
        return claimant_of(self.actor, self.key) if self.key is not None else ""


class Front:
    """Sends calls to the processes and writes down the answers."""

    def __init__(self, plan: Plan, trip: Trip, processes: list[Process], random: Random) -> None:
        self.plan = plan
        self.trip = trip
        self.calls: list[Call] = []
        self.seen: Counter[str] = Counter()
        """The faults on the callers' side."""
        self.is_calm = False
        self.given_up: dict[Call, asyncio.Task[Hold | None]] = {}
        """Calls whose callers did not wait for the answer."""
        self._processes = processes
        self._total_ms_max = HELD_S_MAX * 1_000 if plan.forgets else 10**9
        self._random = random

    async def hold(self, wanted: WantedHold, *, tries: int, settles: bool = False) -> tuple[Call, Hold | None]:
        """Ask for a hold, up to so many times; the last call, and the hold where there is one. Most callers who do not
        know the outcome of a key have it settled.
        """
        got: list[Hold] = []
        is_unknown = settles

        async def work(process: Process) -> Hold:
            if self.plan.with_gate:
                hold = await hold_seats(
                    process.inventory,
                    wanted.actor,
                    "t",
                    wanted.ends,
                    wanted.seats,
                    ttl_s=TTL_S,
                    key=wanted.key,
                    settles=is_unknown,
                )
            else:
                hold = await process.steps.run(process.holds.hold(wanted.request(self.trip)))
            got.append(hold)
            return hold

        for turn in range(tries):
            if turn:
                await self.pause()
            call = await self._call(
                "hold", wanted.subject, work, holder=wanted.actor.user, cells=wanted.cells(self.trip)
            )
            call.settles = is_unknown
            if call.answer is CallOutcome.UNKNOWN and wanted.key is not None:
                is_unknown = self._random.random() < SETTLES
            if call.answer not in (CallOutcome.AGAIN, CallOutcome.UNKNOWN):
                break
        return call, got[-1] if call.answer is CallOutcome.OK else None

    async def confirm(self, actor: Actor, hold_id: str, order: str, *, tries: int, parts: tuple[str, ...] = ()) -> Call:
        """Confirm it, or these of its seats."""

        async def work(process: Process) -> Hold:
            booked = await process.steps.run(process.holds.confirm(actor, hold_id, Confirmed(order), parts or None))
            assert booked.state == Confirmed(order)
            assert not parts or booked.moves or {*booked.seats} <= {*parts}
            return booked

        return await self.step("confirm", actor.user, hold_id, work, tries=tries, order=order, parts=parts)

    async def release(self, actor: Actor, hold_id: str, *, tries: int, parts: tuple[str, ...] = ()) -> Call:
        """Release it, or these of its seats."""

        async def work(process: Process) -> Hold:
            return await process.steps.run(process.holds.release(actor, hold_id, parts or None))

        return await self.step("release", actor.user, hold_id, work, tries=tries, parts=parts)

    async def cancel(self, actor: Actor, hold_id: str, *, tries: int, parts: tuple[str, ...] = ()) -> Call:
        """Cancel a booking, or these of its seats."""

        async def work(process: Process) -> Hold:
            return await process.steps.run(process.holds.cancel(actor, hold_id, parts or None))

        return await self.step("cancel", actor.user, hold_id, work, tries=tries, parts=parts)

    async def move(
        self, actor: Actor, hold: Hold, ends: Ends | None, seats: Sequence[str], wanted: list[Move], *, tries: int
    ) -> Call:
        """Move it from what a read says that it has to these seats, as is `wanted` then; if it is already, this move is
        repeated as it was. So is a call without an answer.
        """
        asked: list[Cell] = []

        async def work(process: Process) -> Hold:
            now = await process.holds.find(actor, base_id(hold.id))
            onto = {old: new for old, new in zip(now.seats, seats, strict=False) if old != new}
            version = None if self._random.random() < 0.3 else now.extensions
            if not wanted:
                wanted.append(Move(self.trip, onto, self.trip.journey(ends) if ends else None, version))
            asked[:] = _cells_of(now, wanted[0])
            _write_down_move(wanted[0])
            if self.plan.swaps or self.plan.freezes or self.plan.cancels:
                settles = self._random.random() < MOVES_SETTLE
                return await by_house.move(process, actor, now, wanted[0], ends, settles=settles)
            return await process.steps.run(process.holds.move(actor, base_id(hold.id), wanted[0]))

        call = await self.step("move", actor.user, base_id(hold.id), work, tries=tries)
        call.cells = tuple(dict.fromkeys((*asked, *(seen.cell for seen in call.seen))))
        if call.has is not None:
            call.cells = call.has.cells
        return call

    async def extend(self, actor: Actor, hold_id: str, *, tries: int) -> Call:
        """Extend it: the new time may end before the hold would anyway."""
        until_ms = self._processes[0].clock.now_ms() + self._random.choice((TTL_S, TTL_S // 2)) * 1_000

        async def work(process: Process) -> Hold:
            step = process.holds.extend(actor, hold_id, expires_at_ms=until_ms, total_ms_max=self._total_ms_max)
            hold = await process.steps.run(step)
            assert isinstance(hold.state, Held | Expired)
            assert hold.state.expires_at_ms >= until_ms
            return hold

        return await self.step("extend", actor.user, hold_id, work, tries=tries, until_ms=until_ms)

    async def find(self, actor: Actor, hold_id: str) -> Call:
        """Read it."""
        return await self.step("find", actor.user, hold_id, lambda process: process.holds.find(actor, hold_id), tries=1)

    async def look(self, holder: str) -> Call:
        """Read the seat map of one segment; its seats as they are, whether they are sold or not."""
        first = self._random.randrange(len(self.trip.segments))
        ends = Ends(self.trip.stops[first], self.trip.stops[first + 1])
        seen: list[str] = []
        names = [seat.id for seat in self.trip.seats]

        async def work(process: Process) -> None:
            shown = await seat_map_of(process.inventory, self.trip.key, ends)
            seats = replace(shown, state=SalesState.OPEN)
            names[:] = [seat.id for seat, _ in seats.seats()]
            seen.append("".join(type(state).__name__[0].lower() for state in seats.states()))

        call = await self._call("map", "", work, holder=holder)
        call.cells = tuple(Cell(seat, first) for seat in names)
        call.status = seen[0] if call.answer is CallOutcome.OK else ""
        return call

    async def control(self, action: SalesAction) -> Call:
        """Do that with the sales of the trip; a call that nobody waited for is over before this returns."""

        async def work(process: Process) -> None:
            await control_sales(process.inventory, self.trip.key, action)

        call = await self.step(action.value, HOUSE, "t", work, tries=1)
        if (left := self.given_up.get(call)) is not None:
            await asyncio.wait([left])
        return call

    async def end_freezes(self) -> None:
        """One that nobody waited for may have begun after the last was ended."""
        if self.plan.freezes:
            await self.control(SalesAction.UNFREEZE)

    async def block(self, seats: Sequence[str], *, tries: int) -> Call:
        """Take the seats off sale."""

        async def work(process: Process) -> None:
            if self.plan.swaps:
                await by_house.update(process, seats, are_blocked=True)
                return
            period = await self._period(process)
            await process.steps.run(process.holds.block(self.trip, dict.fromkeys(seats, "broken"), period=period))

        cells = tuple(Cell(seat, segment) for seat in seats for segment in range(len(self.trip.segments)))
        return await self.step("block", HOUSE, " ".join(seats), work, tries=tries, cells=cells)

    async def _period(self, process: Process) -> int:
        """The period of the trip's sale that the process knows."""
        if not (self.plan.freezes or self.plan.cancels):
            return 0
        return (await process.inventory.read_trips.one(house_of(self.trip.key.organization), trip_id("t"))).period

    async def unblock(self, seat: str, *, tries: int) -> Call:
        """Put it back on sale."""
        were_blocked: list[bool] = []

        async def work(process: Process) -> None:
            if self.plan.swaps:
                were_blocked.append((await by_house.update(process, [seat], are_blocked=False)).unblocked > 0)
            else:
                were_blocked.append(await process.steps.run(process.holds.unblock(self.trip, seat)))

        cells = tuple(Cell(seat, segment) for segment in range(len(self.trip.segments)))
        call = await self.step("unblock", HOUSE, seat, work, tries=tries, cells=cells)
        if call.answer is CallOutcome.OK:
            call.status = "was blocked" if were_blocked[-1] else "not blocked"
        return call

    async def join(self, actor: Actor, seat_class: str, seats: int, *, tries: int) -> Call:
        """Join the list of the class."""
        entries: list[WaitlistEntry] = []
        place = WaitlistPlace(trip_id="t", seat_class=seat_class, seats=seats)

        async def work(process: Process) -> None:
            entries.append(await process.inventory.waitlist.join(actor, place))

        call = await self.step("join", actor.user, seat_class, work, tries=tries)
        return write_down_places(call, entries[-1:])

    async def leave(self, actor: Actor, seat_class: str, *, tries: int) -> Call:
        """Leave the list of the class."""
        place = WaitlistPlace(trip_id="t", seat_class=seat_class)
        return await self.step(
            "leave", actor.user, seat_class,
            lambda process: process.inventory.waitlist.leave(actor, place), tries=tries,
        )  # fmt: skip

    async def waits(self, holder: str) -> Call:
        """Read what the holder waits for."""
        entries: list[WaitlistEntry] = []

        async def work(process: Process) -> None:
            after = ""
            while page := await process.inventory.waitlist.page(
                user_anywhere(holder), WaitsQuery(after=after, page_size=1)
            ):
                entries.extend(page.entries)
                if not (after := page.next):
                    return

        return write_down_places(await self.step("waits", holder, "", work, tries=1), entries)

    async def pause(self) -> None:
        """Wait a while before asking again."""
        await asyncio.sleep(self._random.choice(PAUSES_S) * self._random.random())

    async def step(
        self, op: str, holder: str, subject: str, work: Work, *, tries: int,
        order: str = "", until_ms: int = 0, cells: tuple[Cell, ...] = (), parts: tuple[str, ...] = (),
    ) -> Call:  # fmt: skip
        """Ask up to so many times, until the answer is definite; the last call."""
        for turn in range(tries):
            if turn:
                await self.pause()
            call = await self._call(
                op, subject, work, holder=holder, order=order, until_ms=until_ms, cells=cells, parts=parts
            )
            if call.answer not in (CallOutcome.AGAIN, CallOutcome.UNKNOWN):
                break
        return call

    async def _in_time(self, work: Work, process: Process, call: Call) -> Hold | None:
        """Do the work, unless the process stood still until the caller's connection was long gone."""
        if asyncio.get_running_loop().time() - call.invoked_s > GONE_S:
            raise asyncio.CancelledError
        return await work(process)

    async def _call(
        self, op: str, subject: str, work: Work, *, holder: str,
        order: str = "", until_ms: int = 0, cells: tuple[Cell, ...] = (), parts: tuple[str, ...] = (),
    ) -> Call:  # fmt: skip
        loop, random = asyncio.get_running_loop(), self._random
        number = random.randrange(len(self._processes))
        process = self._processes[number]
        call = Call(len(self.calls), op, subject, loop.time(), cells, order, until_ms, holder=holder, parts=parts)
        call.process = f"p{number}.{process.kills}"
        self.calls.append(call)
        task = process.start(self._in_time(work, process, call) if self.plan.forgets else work(process), call)
        if not self.is_calm and random.random() < self.plan.kills:
            loop.call_later(random.uniform(0, 0.5), process.kill)
        if not self.is_calm and random.random() < self.plan.leaves:
            self.seen["caller hangs up"] += 1
            loop.call_later(random.uniform(0, 0.5), task.cancel)
        await asyncio.wait([task], timeout=random.choice(PATIENCES_S))
        call.returned_s = loop.time()
        if task.done():
            write_down(call, task)
        else:
            self.seen["caller loses patience"] += 1
            self.given_up[call] = task
            task.add_done_callback(lambda late: late.cancelled() or late.exception())
        return call


def _cells_of(now: Hold, move: Move) -> list[Cell]:
    """What the move asks for."""
    journey = move.journey or now.journey
    return [Cell(move.onto.get(seat, seat), segment) for seat in now.seats for segment in journey.segments]


def _write_down_move(wanted: Move) -> None:
    if (call := ASKING.get()) is not None:
        call.move = AskedMove(wanted.onto, wanted.journey)
