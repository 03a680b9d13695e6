"""A small world from a seed: processes that die, clocks that differ, a store that fails, holders who try again."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from math import inf
from random import Random

from travio_inventory.kernel.refusals import RetryableRefusal
from travio_inventory.protocol.batches import (
    ABSENT,
    Index,
    Kind,
    Outcome,
    Partition,
    Row,
    RowKey,
    Table,
    Write,
)
from travio_inventory.protocol.epochs import EPOCH_MS
from travio_inventory.protocol.event_rows import epoch_of
from travio_inventory.protocol.index_entries import LANDS_WITHIN_MS, bucket_of, minute_of
from travio_inventory.seats.records.definitions import Definitions
from travio_inventory.seats.refusals import TripDefinedOtherwise
from travio_inventory.seats.trip import Trip, TripKey
from travio_inventory.store.memory import Change, Faults, Sleep
from verification.kit import asking
from verification.kit.passing import Batch, PassingMemory, Send
from verification.kit.trips import a_trip, row_of
from verification.simulation.cancelling import cancel_at_last, cancel_trip
from verification.simulation.faulty_edge import FaultyEdge
from verification.simulation.forgetting import Forgetting
from verification.simulation.front import Front
from verification.simulation.history import Call
from verification.simulation.holders import Holder, keep_house, keep_looking, keep_sales
from verification.simulation.in_company import DELAY_S_MAX, shares
from verification.simulation.leases import Leases
from verification.simulation.lists import Lists
from verification.simulation.oracle import ORGANIZATION, START_MS, Oracle, Violated
from verification.simulation.plan import ENDS_APART_S, PAUSE_S_MAX, QUEUED_S, SLOW_ROUND_S, TTL_S, Plan
from verification.simulation.process import (
    FAR,
    Opener,
    OwnEvents,
    Post,
    Process,
    Relay,
    SkewedClock,
    Sweeper,
    Work,
    adopting,
    keep_at,
    running_in,
    still_until_s,
)
from verification.simulation.sales import Sales
from verification.simulation.spoilt import Unlistable
from verification.simulation.unfenced import Unanswered
from verification.simulation.vehicles import keep_vehicle, swapped_trip
from verification.simulation.virtual_loop import VirtualLoop, now_s
from verification.simulation.waiters import CLASSES, Waiter

CELLS_PER_BATCH_MAX = (160, 4, 160)
"""One for each process, as if releases that create cells in other portions sold side by side."""
STOPS = "ABCD"
KEY = TripKey(ORGANIZATION, "t")
QUIET_S = TTL_S * 4 + 60
"""How long after the last fault everything half done is finished: a minute is visited again 130 s later."""
NIGHT_PAUSE_S = 10.0
LOOK_PAUSE_S = 7.0
OPENERS = 2
UNTIL_SPOILT_S, SPOILT_S = (5.0, 40.0), (5.0, 60.0)
JOURNAL, OPEN = Partition(Table.CURSORS, "", Index.JOURNAL), RowKey(Kind.CURSOR, "open")
EPOCHS_TO_COME_MAX = round(2 * PAUSE_S_MAX / 60)
SHARD_S = 4.0
"""The pauses between two rounds at night; the second one if the slow round must finish, which visits one shard in each.
"""

Enough = Callable[[Sequence[str]], bool]
"""Whether the violations seen so far are what the run was to show."""


def never(_violations: Sequence[str]) -> bool:
    """Whatever is seen, the run goes on to its end."""
    return False


class Interrupting(Unanswered, Unlistable, PassingMemory):
    """For each of `stills_s` a process stands still so many seconds, just before it sends the batch of a step."""

    def __init__(self, faults: Faults, random: Random, sleep: Sleep) -> None:
        super().__init__(faults, random, sleep)
        self.stills_s: list[float] = []

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        """See PassingMemory."""
        process = running_in() if self.stills_s and batch.entries and _is_step(batch.writes) else None
        if process is not None:
            process.stand_still(self.stills_s.pop())
        return await send(batch)


class World:
    """The processes, callers, workers and faults of a plan, and what watches them."""

    def __init__(self, plan: Plan, is_enough: Enough = never) -> None:
        self.plan = plan
        self._is_enough = is_enough
        self.is_night = False
        self.violations: list[str] = []
        self.oracle: Oracle[Call] = Oracle(
            skew_ms=round(plan.skew_s * 1_000),
            holds_max=plan.holds_max,
            halts=plan.swaps or plan.freezes or plan.cancels,
            overdue_s=plan.holds_s - ENDS_APART_S if plan.forgets else inf,
        )
        self.lists = Lists()
        self.sales = Sales()
        self.leases = Leases(has_copies=plan.faults > 0)
        self.forgetting = Forgetting(plan.retention, ENDS_APART_S) if plan.forgets else None
        self.batches = Interrupting(self._faults(Faults.none()), Random(plan.seed + 1), asyncio.sleep)
        self.batches.observe = self._observe
        random = Random(plan.seed)
        self.edge = FaultyEdge(_now_ms, Random(random.random()), is_honest=plan.honest_edge)
        self.post = Post(Random(random.random()), plan.faults, is_picky=plan.spoils)
        self.far = FAR[plan.far_sink](Random(plan.seed + 2)) if plan.far_sink else None
        for post in self.posts():
            post.is_shared = plan.shares_relays
        self.trip = _trip(plan)
        self.random = random
        self.very_late: set[str] = set()
        """Holds with an event that landed when its minute was closed: the slow round publishes it, out of order."""
        self.seen: Counter[str] = Counter()
        """How often which fault happened."""

    async def run(self) -> Sequence[Holder | Waiter]:
        """The day and the night after it; returns those who called. Raises Violated."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.set_task_factory(adopting)
        loop.stands_still_until = still_until_s if self.plan.pauses else None
        self.processes = [self.process(cells_per_batch_max=most) for most in CELLS_PER_BATCH_MAX]
        self.front = Front(self.plan, self.trip, self.processes, self.random)
        await self._prepare()
        self.batches.faults = self._faults(Faults.share(self.plan.faults, late_s_max=self.plan.late_s))
        workers = self._start_workers()
        if self.forgetting is not None:
            workers.append(asyncio.ensure_future(self._look_on(self.forgetting)))
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
            if self.plan.spoils:
                day.create_task(self._spoil(Random(self.plan.seed * 1_051)))
            for number in range(self.plan.viewers):
                day.create_task(keep_looking(self.front, Random(self.plan.seed * 1_019 + number)))
            for work in self._work_of_house():
                day.create_task(work)
            for life in (*(holder.live() for holder in holders), *(waiter.live() for waiter in waiters)):
                day.create_task(life)
            for number, holder in enumerate(holders if self.plan.forgets else ()):
                day.create_task(holder.look_back(Random(self.plan.seed * 1_033 + number)))
        await self._night(workers)
        self._count_faults()
        return [*holders, *waiters]

    def _work_of_house(self) -> Iterator[Coroutine[object, object, None]]:
        for house in (1_013, 1_031):
            yield keep_house(self.front, Random(self.plan.seed * house))
        if self.plan.freezes:
            yield keep_sales(self.front, self.sales, Random(self.plan.seed * 1_049))
        if self.plan.swaps:
            yield keep_vehicle(self.front, self.sales, Random(self.plan.seed * 1_061))
        if self.plan.cancels:
            yield cancel_trip(self.front, self.sales, Random(self.plan.seed * 1_063))

    def _observe(self, partition: Partition, changes: Sequence[Change]) -> None:
        self.very_late |= {
            str(row["subject"]) for key, before, row in changes if not before and _is_very_late(key, row)
        }
        try:
            if self.forgetting is not None:
                self.forgetting.applied(now_s(), partition, changes)
        except Violated as violated:
            self._note(violated)
        try:
            for call, own in shares(changes):
                self.oracle.applied(now_s(), call, partition, own)
            self.sales.applied(now_s(), partition, changes)
            self.leases.applied(now_s(), partition, changes)
            if partition.table is Table.WAITLISTS:
                self.lists.applied(now_s(), partition, changes)
        except Violated as violated:
            self._note(violated)

    def _note(self, violated: Violated) -> None:
        self.violations.append(f"{now_s():.2f} {violated}")
        if self._is_enough(self.violations):
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualLoop)
            loop.end()

    def _faults(self, faults: Faults) -> Faults:
        """On a day on which things are forgotten, servers forget at moments of their own, and drop what waited for too
        long.
        """
        if self.plan.in_company and faults.delay_s_max:
            faults = replace(faults, delay_s_max=DELAY_S_MAX)
        if not self.plan.forgets:
            return faults
        return replace(faults, queued_s_max=QUEUED_S, ends_apart_s=ENDS_APART_S)

    def _count_faults(self) -> None:
        self.seen.update({fault.name.lower().replace("_", " "): count for fault, count in self.batches.seen.items()})
        self.seen.update(self.edge.seen)
        self.seen.update(self.front.seen)
        self.seen["process killed"] += sum(process.kills for process in self.processes)
        self.seen["hand-over fails"] += sum(post.failed for post in self.posts())

    def process(self, *, cells_per_batch_max: int = CELLS_PER_BATCH_MAX[0]) -> Process:
        """A process that sells, and relays to the sinks of this world."""
        world = (self.plan, self.batches, self.edge, self.random)
        return Process(*world, post=self.post, far=self.far, cells_per_batch_max=cells_per_batch_max)

    def posts(self) -> list[Post]:
        """The sinks of this world."""
        return [self.post, *([self.far] if self.far else [])]

    # ---- the day

    async def _prepare(self) -> None:
        """The trip is known, not yet open; sweepers have run on this store before."""
        await Definitions(self.batches, SkewedClock(0), portions=self.plan.portions).define(self.trip)
        values: Row = {"reached": minute_of(START_MS) - 1}
        cursor = Write(RowKey(Kind.CURSOR, ""), ABSENT, values)
        await self.batches.apply(Partition(Table.CURSORS, "", Index.EXPIRY), [cursor])

    async def _open(self) -> None:
        """Open the trip from two processes at once, each with as many calls as necessary."""

        async def open_trip(process: Process) -> None:
            for _ in range(20):
                with suppress(RetryableRefusal):
                    with suppress(TripDefinedOtherwise):  # the other one has opened it, and it was changed since
                        await asking.open_trip(process.inventory, self.trip)
                    return

        await asyncio.gather(*(open_trip(process) for process in self.processes[:2]))

    async def _look_on(self, forgetting: Forgetting) -> None:
        """Look at what the store has forgotten."""
        while True:
            await asyncio.sleep(LOOK_PAUSE_S)
            try:
                forgetting.judge(now_s(), self.batches.standing())
            except Violated as violated:
                self._note(violated)
                return

    async def _set_clocks(self) -> None:
        """Somebody sets a process's clock now and then, forwards or back."""
        while now_s() < self.plan.day_s:
            await asyncio.sleep(self.random.uniform(3, 20))
            self.random.choice(self.processes).clock.jump(self.random, self.plan.skew_s)
            self.seen["clock jumps"] += 1

    async def _stand_still(self) -> None:
        """Some process stands still once a day, just before it sends a step."""
        await asyncio.sleep(self.random.uniform(5, self.plan.day_s))
        self.batches.stills_s.append(self.random.uniform(1, PAUSE_S_MAX))
        self.seen["process stands still"] += 1

    async def _spoil(self, random: Random) -> None:
        """Some minute and some epoch cannot be listed for a while."""
        while now_s() < self.plan.day_s:
            await asyncio.sleep(random.uniform(*UNTIL_SPOILT_S))
            epoch = int(self.oracle.rows[JOURNAL].get(OPEN, {}).get("reached") or 0)
            self.batches.unlistable = {
                (Index.EXPIRY, bucket_of(minute_of(_now_ms()))), (Index.JOURNAL, bucket_of(epoch)),
            }  # fmt: skip
            self.seen["minute cannot be listed"] += 1
            await asyncio.sleep(random.uniform(*SPOILT_S))
            self.batches.unlistable = set()

    def _start_workers(self) -> list[asyncio.Task[None]]:
        plan = self.plan
        sweepers = (self._employ(number) for number in range(plan.sweepers))
        does = [Relay, OwnEvents] if plan.shares_relays else [Relay]
        relaying = [(number, sink) for number in range(plan.relays) for sink in self.processes[number].sinks]
        relays = [self._employ(*where, does=work) for work in does for where in relaying]
        go_on = plan.is_large or plan.swaps or plan.cancels
        openers = [self._employ(number, does=Opener) for number in range(OPENERS if go_on else 0)]
        return [asyncio.ensure_future(worker) for worker in (*sweepers, *relays, *openers)]

    async def _employ(self, number: int, *sink: str, does: Callable[..., Work] = Sweeper) -> None:
        """A worker in a process, and another one a while after each time it is killed."""
        process = self.processes[number]
        while True:
            pause_s = partial(self.random.uniform, 0.01, 0.2) if does is OwnEvents else self._pause_s
            task = process.start(keep_at(does(process, *sink), pause_s))
            await asyncio.wait([task])
            if task.cancelled():
                self.seen["relay killed" if sink else "sweeper killed"] += 1
            else:
                task.result()
            await asyncio.sleep(self.random.uniform(0, 5))

    def _pause_s(self) -> float:
        """The pause between two rounds of a worker: now and then a long one, and longer at night; not so long that all
        leases end.
        """
        if self.plan.is_very_late and self.front.is_calm:
            return SHARD_S
        if self.is_night and not (self.plan.is_very_late or self.plan.shares_relays):
            return NIGHT_PAUSE_S
        return self.random.uniform(0.5, 4) if self.random.random() < 0.97 else 20.0

    async def _night(self, workers: Sequence[asyncio.Task[None]]) -> None:
        """Late batches land, then the store is well; workers finish what is left, and holds lapse."""
        self.is_night = True
        self.batches.stills_s.clear()
        await asyncio.sleep(self.plan.late_s * 2 + (PAUSE_S_MAX if self.plan.pauses else 0))
        self.front.is_calm = self.edge.is_honest = True
        self.batches.faults = self._faults(Faults.none())
        for post in self.posts():
            post.mend()
        self.post.is_picky = False
        await asyncio.sleep(QUIET_S + (2.5 * SLOW_ROUND_S if self.plan.is_very_late else 0))
        if self.plan.cancels and await cancel_at_last(self.front, self.sales, self.process()):
            await asyncio.sleep(QUIET_S)
        await self._until_its_last_epoch_is_over()
        await self.front.end_freezes()
        for call, task in self.front.given_up.items():
            if not task.done():
                raise Violated(f"L3 no end of {call}")
        await self._judge_opening()
        if self.plan.swaps:
            self.trip = self.front.trip = await swapped_trip(self.process(), self.trip)
        for worker in workers:
            worker.cancel()
        for process in self.processes:
            process.kill()
        for worker in workers:
            if worker.done() and not worker.cancelled():
                worker.result()

    async def _until_its_last_epoch_is_over(self) -> None:
        """A process that stood still, and could not look, records in an epoch that may have begun: while all relays
        stood still, it has not.
        """
        events = [key for rows in self.oracle.rows.values() for key in rows if key.kind is Kind.EVENT]
        last = max(map(epoch_of, events), default=0)
        for _ in range(EPOCHS_TO_COME_MAX if self.plan.relays else 0):
            if int(self.oracle.rows[JOURNAL][OPEN]["reached"] or 0) > last:
                return
            await asyncio.sleep(EPOCH_MS / 1_000)

    async def _judge_opening(self) -> None:
        """What was begun is done: the trip is on sale, and has all its cells, whoever was killed (L7)."""
        opening = await Definitions(self.batches, SkewedClock(0)).opening(self.trip.key)
        made = sum(key.kind is Kind.CELL for group in self.batches.partitions() for key in self.batches.snapshot(group))
        if opening is None or not opening.is_over or made < opening.cells:
            raise Violated(f"L7 the trip is still being opened, or is not whole: {opening}, {made} cells")


def _is_step(writes: Sequence[Write]) -> bool:
    return any(write.key.kind is Kind.EVENT for write in writes)


def _is_very_late(key: RowKey, row: Row) -> bool:
    """Whether it is an event that lands when its minute is not visited any more."""
    return key.kind is Kind.EVENT and _now_ms() - int(row.get("at_ms") or 0) > LANDS_WITHIN_MS


def _now_ms() -> int:
    return START_MS + round(now_s() * 1_000)


def _trip(plan: Plan) -> Trip:
    seats = row_of(plan.seats, seat="s{}", start=0, seat_class=CLASSES[-1])
    return a_trip(
        KEY.trip, organization=KEY.organization, stops=STOPS, seats=seats, seats_per_group=plan.seats_per_group
    )
