"""A day with clocks wrong by up to a day, seat groups and minutes that cannot be read, and a relay that starts late.

Its clocks are beyond every bound, so only I10 may be broken. One process sells, sweeps and relays; its clock is set
ahead or back from time to time and corrected again; it is sometimes killed. Others only sell, with clocks that may stay
wrong. A second sink, if there is one, is slow, fails or is absent all day, and has everything by the morning.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from random import Random

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.protocol.batches import Index, Kind, Partition
from travio_inventory.protocol.event_rows import stable_id
from travio_inventory.protocol.index_entries import bucket_of, minute_of
from travio_inventory.seats.hold import Confirmed, HoldRequest
from travio_inventory.seats.records.seat_rows import group_partition
from travio_inventory.seats.trip import Journey
from travio_inventory.store.memory import Change
from verification.kit.asking import open_trip
from verification.simulation.checker import out_of_order
from verification.simulation.faulty_edge import FaultyEdge
from verification.simulation.oracle import START_MS, Violated
from verification.simulation.plan import Plan
from verification.simulation.process import FAR, Post, Process, Relay, Sweeper, adopting, keep_at
from verification.simulation.spoilt import Spoilt
from verification.simulation.virtual_loop import now_s, run_virtually
from verification.simulation.world import KEY, World

SEATS = 6
TTL_MS = 20_000
DAY_S = 1_500.0
NIGHT_S = 900.0
WRONG_S = (60, 3_600, 86_400)
ROUND_S = 3.0
"""The pause between two rounds of a worker."""
TOLD_S = 200.0
"""After this time a readable event is published, by a relay that was right for RIGHT_S."""
LAPSED_S = 60.0
RIGHT_S = 120.0
CARRIED_S = 420.0
"""How long after a minute can be read again its places have been read, wherever they were carried."""


class HardDay:
    """Runs a seed and judges it: `violations`."""

    def __init__(self, seed: int, far: str = "") -> None:
        self.violations: list[str] = []
        self._random = Random(seed)
        self._trip = World(Plan(seed, seats_per_group=1, seats=SEATS)).trip
        self._batches = Spoilt(None, Random(seed + 1), asyncio.sleep)
        self._batches.observe = self._observe
        self._post = Post(Random(seed + 2), failures=0.05)
        self._far = FAR[far](Random(seed + 3)) if far else None
        self._recorded: dict[str, tuple[Partition, float]] = {}
        self._made: dict[str, tuple[Partition, float]] = {}
        """Live holds that were made by a right clock, and when."""
        self._spoilt_s: dict[Partition, float] = {}
        self._well_s = 0.0
        """Since when the worker's clock is right, its process runs, and the relay runs."""
        self._listed_s = -CARRIED_S
        """Since when every minute can be read."""

    async def run(self) -> None:
        """The day, a quiet night, and the reckoning. Raises Violated."""
        asyncio.get_running_loop().set_task_factory(adopting)
        self._worker, *self._others = (self._process() for _ in range(3))
        await open_trip(self._worker.inventory, self._trip)
        works = [self._sell(), self._set_clocks(), self._spoil(), self._look_on(), self._kill()]
        absent_s = self._random.choice((0, 0, 800))
        workers = [
            asyncio.ensure_future(self._employ(Sweeper)),
            *(
                asyncio.ensure_future(self._employ(partial(Relay, sink=sink), after_s=absent_s))
                for sink in self._sinks()
            ),
        ]
        await asyncio.gather(*works)
        self._batches.unreadable, self._batches.unlistable = set(), set()
        for post in self._sinks().values():
            post.mend()
        await asyncio.sleep(NIGHT_S)
        for task in workers:
            task.cancel()
        for post in self._sinks().values():
            self._judge(post, behind_s=NIGHT_S / 2)
            told = {event.id: (event.subject, event.ordinal) for life in post.lives for event in life}
            for said in out_of_order(told.values(), ()):  # one relay after the other; the listener drops repeats
                raise Violated(said)
        await self._probe()

    def _sinks(self) -> dict[str, Post]:
        return {"post": self._post} | ({"far": self._far} if self._far else {})

    def _observe(self, partition: Partition, changes: Sequence[Change]) -> None:
        for key, _, row in changes:
            if key.kind is Kind.EVENT:
                self._recorded[stable_id(row)] = partition, now_s()
            elif key.kind is Kind.HOLD and row.get("status") != "held":
                self._made.pop(key.id, None)
            elif key.kind is Kind.HOLD and abs(int(row["created_at_ms"] or 0) - START_MS - now_s() * 1_000) < 2_000:
                self._made[key.id] = partition, now_s()

    def _process(self) -> Process:
        """A process whose clock is right."""
        edge = FaultyEdge(lambda: round(now_s() * 1_000), Random(0))
        process = Process(Plan(0), self._batches, edge, Random(self._random.random()), post=self._post, far=self._far)
        process.clock.skew_ms = 0
        return process

    # ---- what happens

    def _times(self, least_s: float, most_s: float) -> Iterator[float]:
        while now_s() < DAY_S:
            yield self._random.uniform(least_s, most_s)

    async def _sell(self) -> None:
        for number, pause_s in enumerate(self._times(2, 12)):
            await asyncio.sleep(pause_s)
            process = self._random.choice([self._worker, *self._others])
            named = self._random.sample([seat.id for seat in self._trip.seats], self._random.choice((1, 1, 2)))
            seats = tuple(sorted(named))
            request = HoldRequest(Actor("o", f"u{number}"), self._trip, Journey(0, 0), seats, TTL_MS, None)
            process.start(self._shop(process, request))

    async def _shop(self, process: Process, request: HoldRequest) -> None:
        with suppress(Refusal):
            hold = await process.holds.hold(request)
            await asyncio.sleep(self._random.uniform(0, 15))
            what = self._random.randrange(4)
            if what == 0:
                await process.holds.release(request.actor, hold.id)
            elif what == 1:
                await process.holds.confirm(request.actor, hold.id, Confirmed("order"))
                await process.holds.cancel(request.actor, hold.id)

    async def _set_clocks(self) -> None:
        for pause_s in self._times(60, 240):
            await asyncio.sleep(pause_s)
            process = self._random.choice([self._worker, self._worker, self._others[0]])
            process.clock.skew_ms = self._random.choice(WRONG_S) * self._random.choice((-1_000, 1_000))
            await asyncio.sleep(self._random.uniform(5, 60))
            if process is self._worker or self._random.random() < 0.5:
                process.clock.skew_ms = 0
            self._well_s = now_s()

    async def _spoil(self) -> None:
        for pause_s in self._times(20, 120):
            await asyncio.sleep(pause_s)
            group = group_partition(KEY, self._random.randrange(SEATS))
            epoch, minute = await self._others[1].sender.epochs.current(), minute_of(START_MS + round(now_s() * 1_000))
            buckets = {(Index.JOURNAL, bucket_of(epoch)), (Index.EXPIRY, bucket_of(minute))}
            self._batches.unreadable = {group}
            self._batches.unlistable = {bucket for bucket in sorted(buckets) if self._random.random() < 0.3}
            await asyncio.sleep(self._random.choice((30, 200, 700)))
            self._spoilt_s[group] = now_s()
            if self._batches.unlistable:
                self._listed_s = now_s()
            self._batches.unreadable, self._batches.unlistable = set(), set()

    async def _kill(self) -> None:
        for pause_s in self._times(60, 400):
            await asyncio.sleep(pause_s)
            process = self._random.choice([self._worker, *self._others])
            process.kill()
            self._well_s = now_s()

    async def _employ(self, work: Callable[[Process], Sweeper | Relay], *, after_s: float = 0) -> None:
        await asyncio.sleep(after_s)
        self._well_s = max(self._well_s, now_s())
        while True:
            await asyncio.wait([self._worker.start(keep_at(work(self._worker), lambda: ROUND_S))])

    # ---- what is promised

    async def _look_on(self) -> None:
        """While some places cannot be read, everything else happens within its bounds."""
        for _ in self._times(1, 1):
            await asyncio.sleep(20)
            is_listed = not self._batches.unlistable and now_s() - self._listed_s > CARRIED_S
            if self._post.lives and now_s() - self._well_s > RIGHT_S and is_listed:
                self._judge(self._post, behind_s=0.0)

    def _judge(self, post: Post, *, behind_s: float) -> None:
        told = {event.id for life in post.lives for event in life}
        seen_until_s = now_s() - behind_s
        for event, (partition, at_s) in self._recorded.items():
            if event not in told and at_s < seen_until_s - TOLD_S and self._is_well(partition):
                raise Violated(f"I8 {event} of {at_s:.0f} in {partition.number} is not told by {now_s():.0f}")
        for hold, (partition, at_s) in self._made.items():
            if at_s + TTL_MS / 1_000 < seen_until_s - LAPSED_S and self._is_well(partition):
                raise Violated(f"L1 {hold} of {at_s:.0f} is still held at {now_s():.0f}")

    def _is_well(self, partition: Partition) -> bool:
        return partition not in self._batches.unreadable and now_s() - self._spoilt_s.get(partition, -1e9) > TOLD_S

    async def _probe(self) -> None:
        """Every seat can be won by a process that has met its owner for as long as a hold lasts (L2)."""
        prober = self._process()
        for last in (False, True):
            for seat in self._trip.seats:
                actor = Actor("o", f"probe {seat.id}")
                request = HoldRequest(actor, self._trip, Journey(0, 0), (seat.id,), 1_000, None)
                try:
                    await prober.holds.hold(request)
                except Refusal as refusal:
                    if last:
                        raise Violated(f"L2 {seat.id} cannot be won: {refusal!r}") from refusal
            await asyncio.sleep(TTL_MS / 1_000 + 5)


def hard_day(seed: int, far: str = "") -> list[str]:
    """The promises that the seed breaks; `far` says which second sink there is, if any."""
    day = HardDay(seed, far)
    try:
        run_virtually(seed, day.run())
    except* Violated as group:
        day.violations += [str(violated) for violated in group.exceptions]
    return day.violations
