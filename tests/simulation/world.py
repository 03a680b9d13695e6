"""A small world on a seed: processes that die, clocks that differ, a store that fails, holders who ask again."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.simulation.oracle import Call, Oracle, Violated
from tests.simulation.virtual_loop import run_virtually
from travio_inventory.domain.errors import AskAgain, BackendUnavailable, HoldEnded, OutcomeUnknown, Refusal
from travio_inventory.domain.events import Event
from travio_inventory.domain.hold import Caller, Confirmed, Held, Hold, base_id, claimant_of
from travio_inventory.domain.trip import Ends, Seat, Segment, Trip, TripKey
from travio_inventory.edge.local import LocalGate, LocalSeatMapCache
from travio_inventory.engine.commits import Commits
from travio_inventory.engine.edge_upkeep import EdgeUpkeep
from travio_inventory.engine.expire_holds import ExpireHolds
from travio_inventory.engine.hold_seats import HoldSeats, HoldTimes
from travio_inventory.engine.open_trip import OpenTrip
from travio_inventory.engine.trip_catalog import TripCatalog
from travio_inventory.store.definitions import Definitions
from travio_inventory.store.journal import EventJournal
from travio_inventory.store.lapses import LapseFinder
from travio_inventory.store.minutes import FIRST_LOOK_MINUTES, MINUTES_AT_ONCE
from travio_inventory.store.memory import Faults, MemoryBatches
from travio_inventory.store.owners import Owners
from travio_inventory.store.rules import Rules
from travio_inventory.store.transitions import Transitions

START_MS = 1_800_000_000_000
SKEW_S = 2.5
TTL_S = 20
DURATION_S = 110.0
LATEST_BATCH_S = 32.0
STOPS = "ABCD"
KEY = TripKey("o", "t")

OwnersFactory = Callable[..., Owners]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is made of."""

    seed: int
    seats_per_block: int = 2
    seats: int = 6
    faults: float = 0.12
    kills: float = 0.12
    holds_max: int = 0
    with_gate: bool = False
    owners: OwnersFactory = Owners
    transitions: Callable[[Owners], Transitions] = Transitions


@dataclass(slots=True)
class SkewedClock:
    """The loop's time, off by so much."""

    skew_ms: int

    def now_ms(self) -> int:
        return START_MS + round(asyncio.get_running_loop().time() * 1_000) + self.skew_ms


class Process:
    """One service process: its own clock, gate, cache and tasks, any of which a kill ends at any await."""

    def __init__(self, world: "World") -> None:
        plan = world.plan
        self.clock = SkewedClock(round(world.random.uniform(-SKEW_S, SKEW_S) * 1_000))
        self.tasks: set[asyncio.Task[Any]] = set()
        now_ms = self.clock.now_ms
        gate, cache = LocalGate(now_ms, entries_max=1_000), LocalSeatMapCache(now_ms, trips_max=2)
        self.commits = Commits(in_flight_max=10_000)
        self.owners = plan.owners(
            world.batches,
            clock=self.clock,
            watch=EdgeUpkeep(gate, cache),
            background=self.start,
            rules=Rules(holds_per_holder_max=plan.holds_max),
            random=Random(world.random.random()),
        )
        self.holds = plan.transitions(self.owners)
        self.hold_seats = HoldSeats(
            trips=TripCatalog(Definitions(world.batches)),
            holds=self.holds,
            gate=gate,
            taken=gate,
            commits=self.commits,
            times=HoldTimes(TTL_S, 3_600, 7_200),
            jitter=Random(world.random.random()),
        )
        self.expire_holds = ExpireHolds(LapseFinder(self.owners))

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def kill(self) -> None:
        for task in list(self.tasks):
            task.cancel()

    async def sweep(self, world: "World") -> None:
        while not world.is_over:
            await asyncio.sleep(world.random.uniform(0.5, 4))
            try:
                await self.expire_holds()
            except BackendUnavailable:
                continue


@dataclass
class World:
    """Runs a plan and judges it."""

    plan: Plan
    random: Random = field(init=False)
    violations: list[str] = field(default_factory=list)
    is_over: bool = False

    def __post_init__(self) -> None:
        self.random = Random(self.plan.seed)
        self.oracle = Oracle(skew_ms=round(SKEW_S * 1_000), holds_max=self.plan.holds_max)

    # ---- the run

    async def run(self) -> None:
        plan = self.plan
        self.batches = MemoryBatches(None, Random(plan.seed + 1), asyncio.sleep)
        self.trip = Trip(
            KEY,
            tuple(Segment(origin, destination) for origin, destination in zip(STOPS, STOPS[1:], strict=False)),
            tuple(Seat(f"s{number}", str(number), number, 0) for number in range(plan.seats)),
            seats_per_block=plan.seats_per_block,
        )
        self.batches.observe = self._observe
        await OpenTrip(Definitions(self.batches))(self.trip)
        self.processes = [Process(self) for _ in range(3)]
        self.batches.faults = Faults.share(plan.faults)
        sweepers = [self.processes[number].start(self.processes[number].sweep(self)) for number in range(plan.seed % 3)]
        async with asyncio.TaskGroup() as users:
            for user in range(5):
                users.create_task(self._user(user))
        await self._settle(sweepers)
        self.oracle.judge_history()

    def _observe(self, partition: Any, changes: Any) -> None:
        self.oracle.now_ms = START_MS + round(asyncio.get_running_loop().time() * 1_000)
        try:
            self.oracle.applied(partition, changes)
        except Violated as violated:
            self.violations.append(f"{asyncio.get_running_loop().time():.2f} {violated}")

    async def _settle(self, sweepers: list[asyncio.Task[Any]]) -> None:
        """Everything late lands, the store is well again; then every cell that is not sold can be won."""
        await asyncio.sleep(LATEST_BATCH_S * 2 + TTL_S)
        self.batches.faults = Faults.none()
        await asyncio.sleep(TTL_S * 4 + 60)
        if sweepers and not any(task.done() for task in sweepers):
            self._judge_leftovers()
        self.is_over = True
        await self._probe()
        await self._judge_events()

    def _judge_leftovers(self) -> None:
        for partition, rows in self.oracle.rows.items():
            for key, row in rows.items():
                if key.kind == "cell" and row.get("owner") and row["status"] in ("held", "sold"):
                    status = self.oracle.row(str(row["owner"])).get("status")
                    if status not in ("held", "confirmed"):
                        raise Violated(f"L2 {key} in {partition.number} is {row['status']} for nobody: {status}")

    async def _probe(self) -> None:
        prober = Process(self)
        prober.clock.skew_ms = 0
        for seat in self.trip.seats:
            for segment in range(len(self.trip.segments)):
                row = self.oracle.rows[self._partition(seat.id)].get(_cell(seat.id, segment), {})
                owner = row.get("owner")
                if owner and self.oracle.row(str(owner)).get("status") == "confirmed":
                    continue
                ends = Ends(STOPS[segment], STOPS[segment + 1])
                caller = Caller("o", f"probe-{seat.id}-{segment}")
                try:
                    await prober.hold_seats(caller, "t", ends, [seat.id], ttl_s=TTL_S, key=None)
                except Refusal as refusal:
                    raise Violated(f"L2 {seat.id}/{segment} cannot be won: {refusal!r} {row}") from refusal

    def _partition(self, seat: str) -> Any:
        from travio_inventory.store.rows import block_partition

        return block_partition(KEY, self.trip.block_of(seat))

    async def _judge_events(self) -> None:
        """The relay finds every recorded event of the last minutes, in order per hold."""
        clock = SkewedClock(0)
        journal = EventJournal(self.batches, clock)
        events: list[Event] = []
        for _ in range(2 * FIRST_LOOK_MINUTES // MINUTES_AT_ONCE):
            found = await journal.unpublished()
            await journal.mark_published(found)
            events += found
        ordinals: dict[str, list[int]] = {}
        for event in events:
            ordinals.setdefault(base_id(event.hold_id), []).append(event.ordinal)
        for hold_id, told in ordinals.items():
            if told != list(range(len(told))):
                raise Violated(f"I8 events of {hold_id} out of order: {told}")
        recorded = sum(1 for rows in self.oracle.rows.values() for key in rows if key.kind == "event")
        if len(events) != recorded:
            raise Violated(f"I8 {recorded} events recorded, {len(events)} found")

    # ---- the holders

    async def _user(self, user: int) -> None:
        random = Random(self.plan.seed * 1009 + user)
        lives: list[asyncio.Task[None]] = []
        turn = 0
        loop = asyncio.get_running_loop()
        await asyncio.sleep(random.uniform(0, 4))
        while loop.time() < DURATION_S:
            turn += 1
            seats = sorted(random.sample(range(self.plan.seats), random.choice((1, 1, 2, 2, 3))))
            first = random.randrange(len(STOPS) - 1)
            ends = Ends(STOPS[first], STOPS[random.randrange(first + 1, len(STOPS))])
            key = f"k{turn}" if random.random() < 0.7 else None
            caller = Caller("o", f"u{user}" if key or self.plan.holds_max else f"u{user}-{turn}")
            ask = _Ask(caller, ends, [f"s{seat}" for seat in seats], key)
            if key and random.random() < 0.25:
                lives.append(asyncio.ensure_future(self._later(random.choice((0, 0.05, 1, 8)) * random.random(), ask)))
            hold = await self._hold(ask, random.choice((1, 2, 5)) if key else 1)
            if hold is None:
                await asyncio.sleep(random.uniform(0.5, 7))
                continue
            life = asyncio.ensure_future(self._life(random, ask, hold))
            lives.append(life)
            if random.random() < 0.6:
                await life
            await asyncio.sleep(random.uniform(0.05, 2))
        await asyncio.gather(*lives)

    async def _later(self, delay: float, ask: "_Ask") -> None:
        await asyncio.sleep(delay)
        await self._hold(ask, 1)

    async def _life(self, random: Random, ask: "_Ask", hold: Hold) -> None:
        caller, hold_id = ask.caller, base_id(hold.id)
        fate = random.random()
        if fate < 0.15:
            return
        if random.random() < 0.3:
            await asyncio.sleep(random.choice((random.uniform(0, 3), TTL_S + random.uniform(-3, 3))))
            await self._step("extend", caller, hold_id, tries=3)
        if fate < 0.35:
            await asyncio.sleep(random.choice((random.uniform(0, 4), TTL_S + random.uniform(-3, 3))))
            if random.random() < 0.3:
                rival = asyncio.ensure_future(self._step("confirm", caller, hold_id, tries=2, order="rival"))
                await self._step("release", caller, hold_id, tries=4)
                await rival
            else:
                await self._step("release", caller, hold_id, tries=4)
            return
        wait = random.uniform(0, 5) if fate < 0.6 else TTL_S + random.choice((random.uniform(-3, 4), random.uniform(2, 30)))
        await asyncio.sleep(wait)
        order = f"order-{random.randrange(10**6)}"
        await self._step("confirm", caller, hold_id, tries=random.choice((1, 2, 5)), order=order)
        if random.random() < 0.35:
            await asyncio.sleep(random.uniform(0, 25))
            await self._step("confirm", caller, hold_id, tries=3, order=order)
        if random.random() < 0.6:
            await asyncio.sleep(random.uniform(0, 15))
            await self._step("cancel", caller, hold_id, tries=4)
        if ask.key and random.random() < 0.25:
            await self._hold(ask, 2)

    async def _hold(self, ask: "_Ask", tries: int) -> Hold | None:
        is_told_apart = ask.key is not None or not self.plan.holds_max
        claimant = claimant_of(ask.caller, ask.key) if is_told_apart else ""
        for _ in range(tries):
            found: list[Hold] = []

            async def asked(process: Process, found: list[Hold] = found) -> Any:
                if self.plan.with_gate:
                    hold = await process.hold_seats(
                        ask.caller, "t", ask.ends, ask.seats, ttl_s=TTL_S, key=ask.key
                    )
                else:
                    hold = await process.holds.hold(ask.request(self.trip))
                found.append(hold)
                return base_id(hold.id)

            call = await self._call("hold", claimant, asked)
            if call.answer == "ok":
                return found[0]
            if call.answer in ("no", "ended"):
                return None
            await asyncio.sleep(self.random.choice((0, 0.1, 1, 6)) * self.random.random())
        return None

    async def _step(self, op: str, caller: Caller, hold_id: str, *, tries: int, order: str = "") -> None:
        async def asked(process: Process) -> Any:
            holds = process.holds
            if op == "confirm":
                booked = await holds.confirm(caller, hold_id, order)
                assert booked.state == Confirmed(order)
                return order
            if op == "extend":
                until_ms = process.clock.now_ms() + TTL_S * 1_000
                hold = await holds.extend(caller, hold_id, expires_at_ms=until_ms, total_ms_max=10**9)
                assert isinstance(hold.state, Held)
                return hold_id
            return (await (holds.release if op == "release" else holds.cancel)(caller, hold_id)).id

        for _ in range(tries):
            call = await self._call(op, hold_id, asked)
            if op == "confirm" and call.answer != "ok":
                call.result = order
            if call.answer in ("ok", "no"):
                return
            await asyncio.sleep(self.random.choice((0, 0.1, 1, 6)) * self.random.random())

    async def _call(self, op: str, subject: str, ask: Callable[[Process], Coroutine[Any, Any, Any]]) -> Call:
        """One call to some process, which may be killed under it; the caller may lose patience first."""
        loop = asyncio.get_running_loop()
        process = self.random.choice(self.processes)
        call = Call(op, subject, START_MS / 1_000 + loop.time())
        self.oracle.calls.append(call)
        task = process.start(ask(process))
        if self.random.random() < self.plan.kills:
            loop.call_later(self.random.uniform(0, 0.5), process.kill)
        patience = self.random.choice((1.0, 4.0, 15.0, 15.0))
        done, _ = await asyncio.wait([task], timeout=patience)
        if done and not task.cancelled():
            error = task.exception()
            if error is None:
                call.answer, call.result = "ok", task.result()
            elif isinstance(error, OutcomeUnknown):
                pass
            elif isinstance(error, AskAgain):
                call.answer = "again"
            elif op == "hold" and isinstance(error, HoldEnded):
                call.answer = "ended"
            elif isinstance(error, Refusal):
                call.answer, call.result = "no", repr(error)
            else:
                raise error
        elif not task.cancelled():
            task.add_done_callback(lambda late: late.cancelled() or late.exception())
        call.returned = START_MS / 1_000 + loop.time()
        return call


@dataclass(frozen=True, slots=True)
class _Ask:
    caller: Caller
    ends: Ends
    seats: list[str]
    key: str | None

    def request(self, trip: Trip) -> Any:
        from travio_inventory.domain.hold import HoldRequest

        seats = trip.in_layout_order(self.seats)
        return HoldRequest(self.caller, trip, trip.journey(self.ends), seats, TTL_S * 1_000, self.key)


def _cell(seat: str, segment: int) -> Any:
    from travio_inventory.store.batches import Kind, RowKey

    return RowKey(Kind.CELL, seat, segment)


def simulate(plan: Plan) -> tuple[list[str], World]:
    """Run the plan; the promises that it broke."""
    world = World(plan)
    try:
        run_virtually(plan.seed, world.run())
    except* Violated as group:
        world.violations += [str(violated) for violated in group.exceptions]
    return world.violations, world
