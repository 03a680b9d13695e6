"""A small world on a seed: processes that die, clocks that differ, a store that fails, holders who ask again."""

import asyncio
from collections import Counter
from collections.abc import Container, Sequence
from contextlib import suppress
from random import Random

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.events import Event
from travio_inventory.kernel.refusals import Refusal, RetryableRefusal
from travio_inventory.protocol.batches import ABSENT, Index, Kind, Partition, Row, RowKey, Table, Write
from travio_inventory.protocol.epochs import EPOCH_MS
from travio_inventory.protocol.index_entries import LANDS_WITHIN_MS, minute_of
from travio_inventory.protocol.rows import SEPARATOR
from travio_inventory.seats.events import EventType, HoldCreated, HoldExtended, OfBlock, data_of
from travio_inventory.seats.hold import NEVER_MS, Hold
from travio_inventory.seats.ports import Cell
from travio_inventory.seats.records.definitions import Definitions
from travio_inventory.seats.records.seat_rows import group_partition
from travio_inventory.seats.seat import AVAILABLE, BLOCKED, SOLD, HeldUntil, SeatState
from travio_inventory.seats.seat_map import encode_states
from travio_inventory.seats.trip import Ends, Trip, TripKey
from travio_inventory.store.memory import Change, Faults, MemoryBatches
from verification.kit import asking
from verification.kit.trips import a_trip, row_of
from verification.simulation.checker import out_of_order, violations
from verification.simulation.front import Ask, Front
from verification.simulation.hindsight import ASKING, Hindsight
from verification.simulation.history import Call, Found, History, PublishedEvent, Waits
from verification.simulation.holders import Holder, keep_house, keep_looking
from verification.simulation.lists import Lists
from verification.simulation.oracle import ORGANIZATION, START_MS, Oracle, Violated, places_of, seconds_of
from verification.simulation.plan import LAPSES_S, PAUSE_S_MAX, SEGMENTS, SLOW_ROUND_S, TTL_S, Plan
from verification.simulation.process import FAR, Post, Process, Relay, Sweeper, adopting, keep_at, still_until_s
from verification.simulation.rough_edge import RoughEdge
from verification.simulation.virtual_loop import VirtualLoop, run_virtually
from verification.simulation.waiters import CLASSES, Waiter

CELLS_PER_BATCH_MAX = (160, 4, 160)
"""One for each process: releases that seed trips in other portions sell side by side."""
STOPS = "ABCD"
KEY = TripKey(ORGANIZATION, "t")
QUIET_S = TTL_S * 4 + 60
"""How long after the last fault all that was left half done is finished: a minute is looked at again 130 s later."""
NIGHT_PAUSE_S = 10.0
SHARD_S = 4.0
"""Between two rounds at night; the second where the slow round must come about, which takes one shard in each."""
ROLLED_FORWARD_S = 3.0
"""After so long on a good day a step is brought to its other seat groups."""
ABANDONED_S = 10.0
"""How long after its expiry a hold may still stand on a bad day, with a sweeper at work."""


class World:
    """Runs a plan and judges it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.is_night = False
        self.violations: list[str] = []
        self.oracle: Oracle[Call] = Oracle(skew_ms=round(plan.skew_s * 1_000), holds_max=plan.holds_max)
        self.lists = Lists()
        self.batches = MemoryBatches(None, Random(plan.seed + 1), asyncio.sleep)
        self.batches.observe = self._observe
        random = Random(plan.seed)
        self.edge = RoughEdge(_now_ms, Random(random.random()), is_honest=plan.honest_edge)
        self.post = Post(Random(random.random()), plan.faults)
        self.far = FAR[plan.far_sink](Random(plan.seed + 2)) if plan.far_sink else None
        self.trip = _trip(plan)
        self.random = random
        self.very_late: set[str] = set()
        """Holds of which an event landed when its minute was closed: it comes with the slow round, out of order."""
        self.seen: Counter[str] = Counter()
        """How often which fault happened."""

    async def run(self) -> None:
        """The day, the night after it, and the reckoning. Raises Violated."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.set_task_factory(adopting)
        loop.stands_still_until = still_until_s if self.plan.pauses else None
        self.processes = [self._process(cells_per_batch_max=most) for most in CELLS_PER_BATCH_MAX]
        self.front = Front(self.plan, self.trip, self.processes, self.random)
        await self._prepare()
        self.batches.faults = Faults.share(self.plan.faults, late_s_max=self.plan.late_s)
        workers = self._start_workers()
        holders = [
            Holder(self.front, f"u{number}", Random(self.plan.seed * 1_009 + number))
            for number in range(self.plan.holders)
        ]
        waiters = [
            Waiter(self.front, f"w{number}", Random(self.plan.seed * 1_021 + number))
            for number in range(self.plan.waiters)
        ]
        async with asyncio.TaskGroup() as day:
            day.create_task(self._open())
            if not (self.plan.still_clocks or self.plan.right_clocks):
                day.create_task(self._set_clocks())
            for _ in range(self.plan.pauses):
                day.create_task(self._stand_still())
            for number in range(self.plan.viewers):
                day.create_task(keep_looking(self.front, Random(self.plan.seed * 1_019 + number)))
            for house in (1_013, 1_031):
                day.create_task(keep_house(self.front, Random(self.plan.seed * house)))
            for life in (*(holder.live() for holder in holders), *(waiter.live() for waiter in waiters)):
                day.create_task(life)
        await self._night(workers)
        self._count_faults()
        await self._reckon([*holders, *waiters])

    def _observe(self, partition: Partition, changes: Sequence[Change]) -> None:
        self.very_late |= {
            str(row["subject"]) for key, before, row in changes if not before and _is_very_late(key, row)
        }
        try:
            self.oracle.applied(_now_s(), ASKING.get(), partition, changes)
            if partition.table is Table.WAITLISTS:
                self.lists.applied(_now_s(), partition, changes)
        except Violated as violated:
            self.violations.append(f"{_now_s():.2f} {violated}")

    def _count_faults(self) -> None:
        self.seen.update({fault.name.lower().replace("_", " "): count for fault, count in self.batches.seen.items()})
        self.seen.update(self.edge.seen)
        self.seen.update(self.front.seen)
        self.seen["process killed"] += sum(process.kills for process in self.processes)
        self.seen["hand-over fails"] += sum(post.failed for post in self._posts())

    def _process(self, *, cells_per_batch_max: int = CELLS_PER_BATCH_MAX[0]) -> Process:
        """One that sells, and that relays to the sinks of this world."""
        world = (self.plan, self.batches, self.edge, self.random)
        return Process(*world, post=self.post, far=self.far, cells_per_batch_max=cells_per_batch_max)

    def _posts(self) -> list[Post]:
        return [self.post, *([self.far] if self.far else [])]

    def history(self) -> History:
        """What the callers know, and what is found in the rows now."""
        rows = [(key, row) for partition in self.batches.partitions() for key, row in self._rows(partition)]
        holds = {key.id: _found(row) for key, row in rows if key.kind is Kind.HOLD}
        cells = {Cell(key.id, key.segment): row for key, row in rows if key.kind is Kind.CELL}
        owners = {cell: str(row["owner"]) for cell, row in cells.items() if row.get("owner")}
        told = [event for life in self.post.lives for event in life]
        return History(
            self.front.calls,
            holds,
            owners,
            [PublishedEvent(event.id, event.type, event.subject, event.ordinal) for event in told],
            start_ms=START_MS,
            clock_bound_ms=round(self.plan.skew_s * 1_000),
            holds_max=self.plan.holds_max,
            is_settled=bool(self.plan.sweepers),
            waits=self._waits(),
        )

    def _waits(self) -> dict[tuple[str, str], Waits]:
        lists = [partition for partition in self.batches.partitions() if partition.table is Table.WAITLISTS]
        return {
            (partition.name.split(SEPARATOR)[1], key.id): _waiting(row)
            for partition in lists
            for key, row in self.batches.snapshot(partition).items()
            if key.kind is Kind.ENTRY
        }

    def _rows(self, partition: Partition) -> list[tuple[RowKey, Row]]:
        return list(self.batches.snapshot(partition).items()) if partition.table is Table.SEAT_GROUPS else []

    # ---- the day

    async def _prepare(self) -> None:
        """The trip is known, not yet open; sweepers have run on this store before."""
        await Definitions(self.batches).define(self.trip)
        values: Row = {"reached": minute_of(START_MS) - 1}
        cursor = Write(RowKey(Kind.CURSOR, ""), ABSENT, values)
        await self.batches.apply(Partition(Table.CURSORS, "", Index.EXPIRY), [cursor])

    async def _open(self) -> None:
        """Open the trip from two processes at once, each as often as it takes."""

        async def open_trip(process: Process) -> None:
            for _ in range(20):
                with suppress(RetryableRefusal):
                    await asking.open_trip(process.inventory, self.trip)
                    return

        await asyncio.gather(*(open_trip(process) for process in self.processes[:2]))

    async def _set_clocks(self) -> None:
        """Somebody sets a process's clock now and then, forwards or back."""
        while _now_s() < self.plan.day_s:
            await asyncio.sleep(self.random.uniform(3, 20))
            self.random.choice(self.processes).clock.jump(self.random, self.plan.skew_s)
            self.seen["clock jumps"] += 1

    async def _stand_still(self) -> None:
        """Some process stands still once a day."""
        await asyncio.sleep(self.random.uniform(5, self.plan.day_s))
        self.random.choice(self.processes).stand_still(self.random.uniform(1, PAUSE_S_MAX))
        self.seen["process stands still"] += 1

    def _start_workers(self) -> list[asyncio.Task[None]]:
        plan = self.plan
        sweepers = (self._employ(number) for number in range(plan.sweepers))
        relays = [self._employ(number, sink) for number in range(plan.relays) for sink in self.processes[number].sinks]
        return [asyncio.ensure_future(worker) for worker in (*sweepers, *relays)]

    async def _employ(self, number: int, sink: str = "") -> None:
        """A worker in a process, and another one a while after each time it is killed."""
        process = self.processes[number]
        while True:
            work = Relay(process, sink) if sink else Sweeper(process)
            task = process.start(keep_at(work, self._pause_s))
            await asyncio.wait([task])
            if task.cancelled():
                self.seen["relay killed" if sink else "sweeper killed"] += 1
            else:
                task.result()
            await asyncio.sleep(self.random.uniform(0, 5))

    def _pause_s(self) -> float:
        """Between two rounds of a worker, who is paused for long now and then, and takes its time at night."""
        if self.plan.is_very_late and self.front.is_calm:
            return SHARD_S
        if self.is_night and not self.plan.is_very_late:
            return NIGHT_PAUSE_S
        return self.random.uniform(0.5, 4) if self.random.random() < 0.97 else 20.0

    async def _night(self, workers: Sequence[asyncio.Task[None]]) -> None:
        """Everything late lands, then the store is well; workers finish what is left, holds lapse."""
        self.is_night = True
        await asyncio.sleep(self.plan.late_s * 2 + (PAUSE_S_MAX if self.plan.pauses else 0))
        self.front.is_calm = self.edge.is_honest = True
        self.batches.faults = Faults.none()
        for post in self._posts():
            post.mend()
        await asyncio.sleep(QUIET_S + (2.5 * SLOW_ROUND_S if self.plan.is_very_late else 0))
        for call, task in self.front.given_up.items():
            if not task.done():
                raise Violated(f"L3 no end of {call}")
        for worker in workers:
            worker.cancel()
        for process in self.processes:
            process.kill()
        for worker in workers:
            if worker.done() and not worker.cancelled():
                worker.result()

    # ---- the reckoning

    async def _reckon(self, callers: Sequence[Holder | Waiter]) -> None:
        prober = self._process()
        prober.clock.skew_ms = 0
        await self._judge_maps(prober)
        if self.plan.sweepers:
            self._judge_leftovers()
        if self.plan.relays:
            self._judge_told()
        else:
            await self._judge_journal()
        for actor in callers:
            await actor.insist()
        await asyncio.sleep(ROLLED_FORWARD_S)
        for sink in prober.sinks:
            rest = Relay(prober, sink)
            for _ in range(3):
                await rest()
        plan = self.plan
        good_day = not (plan.faults or plan.kills)
        Hindsight(self.oracle, self.front.calls, honest_edge=plan.honest_edge, good_day=good_day).judge()
        self.lists.judge(self.front.calls, are_counted=not plan.faults)
        if broken := [*self.edge.complaints, *violations(self.history())]:
            raise Violated("; ".join(broken))
        await asyncio.sleep(LAPSES_S)
        if self.plan.holds_max:
            await self._judge_limits(prober)
        await self._judge_seats(prober)

    async def _judge_maps(self, prober: Process) -> None:
        """The map says what the home rows say, leftovers or not."""
        for group in range(self.trip.group_count):
            cells = self.oracle.rows[group_partition(KEY, group)]
            states = [
                self._state(cells[RowKey(Kind.CELL, seat.id, segment)])
                for seat in self.trip.seats_in(group)
                for segment in range(SEGMENTS)
            ]
            if await prober.holds.snapshot(self.trip, group) != encode_states(states):
                raise Violated(f"I7 the map of seat group {group} is not {states}")

    def _state(self, cell: Row) -> SeatState:
        row = self.oracle.row(str(cell["owner"])) if cell.get("owner") else {"status": "ended"}
        match row.get("status"):
            case "held":
                until_ms = int(row.get("expires_at_ms") or 0)
                return HeldUntil(until_ms) if until_ms < NEVER_MS else BLOCKED
            case "confirmed":
                return SOLD
            case None:
                return HeldUntil(int(cell.get("until_ms") or 0))
            case _:
                return AVAILABLE

    def _judge_leftovers(self) -> None:
        """Where a sweeper was at work, nothing is held for nobody or past its time (L1, L2)."""
        for partition, rows in self.oracle.rows.items():
            for key, row in rows.items():
                if key.kind is Kind.CELL and row.get("owner") and not self.oracle.is_live(str(row["owner"])):
                    raise Violated(f"L2 {key} in {partition.number} is {row['status']} for nobody: {row['owner']}")
                if key.kind is Kind.CELL and row["status"] != self._status_of(row):
                    raise Violated(f"I2 {key} in {partition.number} is {row['status']}, and {row['owner']} is not")
                if key.kind is Kind.HOLD and row["status"] == "held":
                    lapsed_s = seconds_of(int(row.get("expires_at_ms") or 0))
                    if lapsed_s + ABANDONED_S < _now_s():
                        raise Violated(f"L1 {key.id} ran out at {lapsed_s:.2f} and is still held")

    def _status_of(self, cell: Row) -> str:
        """What the cell of a live owner must say, or of none."""
        row = self.oracle.row(str(cell["owner"])) if cell.get("owner") else {"status": "ended"}
        match row.get("status"):
            case "held":
                return "held" if int(row.get("expires_at_ms") or 0) < NEVER_MS else "blocked"
            case "confirmed":
                return "sold"
            case _:
                return "available"

    def _judge_told(self) -> None:
        """Every recorded event was told, in order in each life of the relay and over all of them (I8).

        A life may leave out what an earlier one told: its minute may be closed, where a clock had been set back.
        """
        for post in self._posts():
            before: set[tuple[str, int]] = set()
            for told in post.lives:
                self._judge_order(_first_told(told), before)
                before |= {(event.subject, event.ordinal) for event in told}
            self._judge_events(_first_told([event for told in post.lives for event in told]))

    async def _judge_journal(self) -> None:
        """A relay that starts only now finds every recorded event, each once (I8)."""
        post = Post(Random(0), failures=0.0)
        relay = Relay(Process(self.plan, self.batches, self.edge, self.random, post=post))
        for _ in range(3):
            await relay()
        until_s = _now_s() + (2 * PAUSE_S_MAX if self.plan.pauses else 2 * EPOCH_MS / 1_000)
        while _now_s() < until_s:  # what stood still, or could not look, may have recorded in an epoch yet to come
            await asyncio.sleep(3 * NIGHT_PAUSE_S)
            await relay()
        if len(post.lives[0]) != len({event.id for event in post.lives[0]}):
            raise Violated("I8 told twice by one relay")
        self._judge_events(post.lives[0])
        self.post.lives += post.lives

    def _judge_order(self, events: Sequence[Event], before: Container[tuple[str, int]] = ()) -> None:
        """The ordinals of each hold's events count up without a gap but for what was told before."""
        told = ((event.subject, event.ordinal) for event in events)
        for said in out_of_order([one for one in told if one[0] not in self.very_late], before):
            raise Violated(said)

    def _judge_events(self, events: Sequence[Event]) -> None:
        """No event is missing, none out of order, and folding them gives the state."""
        self._judge_order(events)
        rows = [row for rows in self.oracle.rows.values() for key, row in rows.items() if key.kind is Kind.EVENT]
        if len(events) != len(rows):
            raise Violated(f"I8 {len(rows)} events recorded, {len(events)} told")
        folded = {_hold_of(event): event for event in sorted(events, key=lambda event: event.ordinal)}
        for hold_id, timeline in self.oracle.timelines.items():
            status, event = timeline[-1].status, folded.get(hold_id)
            if (event is None) != (status == "aborted") or (event is not None and _STATUSES[event.type] != status):
                raise Violated(f"I8 {hold_id} is {status}, its last event is {event}")
            if event is not None and status == "held" and _until_ms(event) != timeline[-1].row.get("expires_at_ms"):
                raise Violated(f"I8 {hold_id} expires at {timeline[-1].row.get('expires_at_ms')}, told was {event}")

    async def _judge_limits(self, prober: Process) -> None:
        """No holder is locked out by slots of attempts that died (I9)."""
        free = [seat for seat in self.trip.seats if self._is_free(seat.id)][: self.plan.holds_max]
        for number in range(self.plan.holders):
            holds = [
                await self._win(prober, Ask(Actor("o", f"u{number}"), Ends("A", "B"), (seat.id,), None))
                for seat in free
            ]
            for hold in holds:
                await self.front.release(Actor("o", hold.holder), hold.id, tries=1)

    async def _judge_seats(self, prober: Process) -> None:
        """Every cell that is not sold can be won, the house's too once it gives them back (L2)."""
        for seat in self.trip.seats:
            await prober.holds.unblock(self.trip, seat.id)
        for seat in self.trip.seats:
            for segment in range(SEGMENTS):
                if not self._is_sold(seat.id, segment):
                    ends = Ends(STOPS[segment], STOPS[segment + 1])
                    await self._win(prober, Ask(Actor("o", f"probe-{seat.id}-{segment}"), ends, (seat.id,), None))

    async def _win(self, prober: Process, ask: Ask) -> Hold:
        try:
            return await asking.hold_seats(prober.inventory, ask.actor, "t", ask.ends, ask.seats, ttl_s=TTL_S, key=None)
        except Refusal as refusal:
            raise Violated(f"L2 {ask} cannot be won: {refusal!r}") from refusal

    def _is_sold(self, seat: str, segment: int) -> bool:
        row = self._cell(seat, segment)
        return bool(row.get("owner")) and self.oracle.row(str(row["owner"])).get("status") == "confirmed"

    def _is_free(self, seat: str) -> bool:
        """Whether nobody has the seat on the first segment, by now."""
        row = self._cell(seat, 0)
        return not self._is_sold(seat, 0) and row.get("status") != "blocked"

    def _cell(self, seat: str, segment: int) -> Row:
        rows = self.oracle.rows[group_partition(KEY, self.trip.group_of(seat))]
        return rows[RowKey(Kind.CELL, seat, segment)]


_STATUSES: dict[str, str] = {
    EventType.HOLD_CREATED: "held",
    EventType.HOLD_EXTENDED: "held",
    EventType.SEATS_PURCHASED: "confirmed",
    EventType.HOLD_RELEASED: "released",
    EventType.HOLD_EXPIRED: "expired",
    EventType.BOOKING_CANCELLED: "cancelled",
    EventType.SEATS_BLOCKED: "held",
    EventType.SEATS_UNBLOCKED: "released",
}


def _hold_of(event: Event) -> str:
    """The hold's own id, that of a late booking where it is one."""
    data = data_of(event)
    return data.block_id if isinstance(data, OfBlock) else data.hold_id


def _until_ms(event: Event) -> int:
    """Until when the event says that the seats are kept."""
    data = data_of(event)
    return data.expires_at_ms if isinstance(data, HoldCreated | HoldExtended) else NEVER_MS


def _is_very_late(key: RowKey, row: Row) -> bool:
    """Whether it is an event that lands when nobody looks for it in its minute any more."""
    return key.kind is Kind.EVENT and _now_ms() - int(row.get("at_ms") or 0) > LANDS_WITHIN_MS


def _first_told(events: Sequence[Event]) -> list[Event]:
    """Each event once, where it was told first."""
    first: dict[str, Event] = {}
    for event in events:
        first.setdefault(event.id, event)
    return list(first.values())


def _found(row: Row) -> Found:
    return Found(
        str(row["status"]),
        str(row.get("holder") or ""),
        str(row.get("claimant") or ""),
        tuple(cell for _, cell in places_of(row)),
        str(row.get("order_id") or ""),
        int(row.get("expires_at_ms") or 0),
    )


def _waiting(row: Row) -> Waits:
    sequence, seats, joined_ms = (int(row.get(name) or 0) for name in ("sequence", "requested_seats", "joined_at_ms"))
    return Waits(row.get("status") == "waiting", sequence, seats, joined_ms)


def _now_ms() -> int:
    return START_MS + round(_now_s() * 1_000)


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _trip(plan: Plan) -> Trip:
    seats = row_of(plan.seats, seat="s{}", start=0, seat_class=CLASSES[-1])
    return a_trip(
        KEY.trip, organization=KEY.organization, stops=STOPS, seats=seats, seats_per_group=plan.seats_per_group
    )


def simulate(plan: Plan) -> World:
    """Run the plan; `violations` are the promises that it broke, each with its moment, and what nobody expected."""
    world = World(plan)
    try:
        run_virtually(plan.seed, world.run())
    except* Violated as group:
        world.violations += [str(violated) for violated in _leaves(group)]
    except* Exception as group:  # noqa: BLE001 - whatever goes wrong in a run is its result
        world.violations += [f"CRASHED {error!r}" for error in _leaves(group)]
    return world


def _leaves(error: BaseException) -> list[BaseException]:
    """The error itself, or all that a group of them holds."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
