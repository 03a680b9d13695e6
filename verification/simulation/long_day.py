"""A day of very many holds at full speed, with lifetimes scaled down: whether anything grows.

`python -m verification.simulation.long_day --holds 1000000` sells on the memory store in virtual time, with few faults;
with `--store sqlite` on real files, as fast as they go. Every new buyer holds a seat; it is released, lapses, is booked
and cancelled, or is booked late and cancelled. A sweeper ends what lapsed, a relay publishes every event. In between it
says how much memory the process has, and how many rows and bytes the store; in the end, of the part of the day on which
things ended and were forgotten all the time, by how much each of them grows in 100,000 holds, and whether that is flat.
"""

import asyncio
import sqlite3
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from resource import getpagesize
from tempfile import TemporaryDirectory
from time import process_time
from typing import NamedTuple

from travio_inventory.app.assemble import Assembly, InventoryRules, Ports, assemble
from travio_inventory.edge.local import LocalGate, LocalSeatMapCache
from travio_inventory.events.sinks.in_process import InProcess
from travio_inventory.kernel.actor import HOUSE, Actor
from travio_inventory.kernel.clock import Clock, SystemClock
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.protocol.batches import Batches
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.rules import Rules
from travio_inventory.seats.commands import ConfirmHoldCommand, GiveBackCommand, WaitlistPlace
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.trip import Ends
from travio_inventory.seats.use_cases.hold_seats import HoldTimes
from travio_inventory.store.memory import Faults, MemoryBatches
from travio_inventory.store.sqlite import SqliteBatches
from verification.kit.asking import hold_seats, open_trip
from verification.kit.trips import a_trip, row_of
from verification.simulation.process import SkewedClock
from verification.simulation.slope import Slope, slope_of
from verification.simulation.virtual_loop import VirtualLoop

SEATS = 640
STOPS = "ABCD"
TRIPS = [
    a_trip(f"t{number}", organization="o", stops=STOPS, seats=row_of(SEATS, seat="s{}"), seats_per_group=16)
    for number in range(2)
]
BUYERS_AT_ONCE = 32
SAMPLES = 40
PER = 100_000
MIB = 2**20
FLAT = {"MiB of memory": 2.0, "rows": 500.0, "MiB of files": 2.0}
"""By how much each may grow in PER holds: a row that stays of every hold is 200 times as much."""


class Pace(NamedTuple):
    """How long what has ended is kept, how long holds last, and how fast it goes, in seconds of the loop."""

    retention: Retention
    ttl_s: int
    pause_s: float
    """Between two buyers' steps."""
    round_s: float
    """Between two rounds of sweeper and relay."""

    @property
    def settled_s(self) -> float:
        """After so long the first of everything has been forgotten."""
        kept = self.retention
        return max(kept.slots_s, kept.entries_s, kept.listed_s) * 1.1


VIRTUAL = Pace(Retention(480, 60, 60, held_s_max=60, apart_s=10, known_s=60), ttl_s=20, pause_s=0.5, round_s=4.0)
SHORT = Pace(Retention(120, 30, 30, held_s_max=30, apart_s=10, known_s=30), ttl_s=10, pause_s=0.5, round_s=4.0)
"""Five thousand holds are a long day."""
REAL = Pace(Retention(60, 30, 20, held_s_max=10, apart_s=10, known_s=10), ttl_s=1, pause_s=0.0, round_s=0.1)


class Sample(NamedTuple):
    """What there was when so many holds had been made, that long after the day began."""

    holds: int
    at_s: float
    figures: dict[str, float]

    def __str__(self) -> str:
        figures = ", ".join(f"{value:.1f} {name}" for name, value in self.figures.items())
        return f"{self.holds} holds after {self.at_s:.0f} s: {figures}"


@dataclass(slots=True)
class Day:
    """So many holds, on whatever store; `measure` says how large it is."""

    holds: int
    pace: Pace
    random: Random
    measure: Callable[[], dict[str, float]]
    said: Callable[[str], object]
    made: int = 0
    samples: list[Sample] = field(default_factory=list)
    _began_s: float = 0.0

    async def run(self, batches: Batches, clock: Clock, *, is_alone: bool) -> None:
        """From opening the trips to the last hold."""
        self._began_s = asyncio.get_running_loop().time()
        assembly = _assembly(batches, clock, Random(self.random.random()), self.pace, is_alone=is_alone)
        for trip in TRIPS:
            await open_trip(assembly.inventory, trip)
        rounds = [self._keep_at(lambda: assembly.inventory.expire_holds(HOUSE)), *map(self._keep_at, _rounds(assembly))]
        workers = [asyncio.ensure_future(work) for work in rounds]
        try:
            async with asyncio.TaskGroup() as day:
                for _ in range(BUYERS_AT_ONCE):
                    day.create_task(self._buy_on(assembly))
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        await assembly.steps.drain(5)

    async def _keep_at(self, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            await asyncio.sleep(self.pace.round_s)
            with suppress(Refusal):
                await work()

    async def _buy_on(self, assembly: Assembly) -> None:
        while self.made < self.holds:
            await self._pause()
            with suppress(Refusal):
                await self._buy(assembly)

    async def _buy(self, assembly: Assembly) -> None:
        """A new buyer holds a seat, and does something with it."""
        random, inventory = self.random, assembly.inventory
        actor = Actor("o", f"u{random.getrandbits(64):x}")
        first = random.randrange(len(STOPS) - 1)
        trip, ends = random.choice(TRIPS), Ends(STOPS[first], STOPS[random.randrange(first, len(STOPS) - 1) + 1])
        key = "k" if random.random() < 0.5 else None
        seats = [f"s{1 + random.randrange(SEATS)}" for _ in range(random.choice((1, 1, 1, 2)))]
        hold = await hold_seats(
            inventory, actor, trip.key.trip, ends, list(dict.fromkeys(seats)), ttl_s=self.pace.ttl_s, key=key
        )
        self._count()
        await self._pause()
        if random.random() < 0.05:
            place = WaitlistPlace(trip_id=trip.key.trip, seat_class="")
            await inventory.waitlist.join(actor, place)
            await inventory.waitlist.leave(actor, place)
        await self._use(assembly, actor, hold)

    async def _use(self, assembly: Assembly, actor: Actor, hold: Hold) -> None:
        inventory, fate = assembly.inventory, self.random.random()
        if fate < 0.4:
            await inventory.release_hold(actor, GiveBackCommand(hold_id=hold.id))
        elif fate < 0.7:
            if fate < 0.45:
                await asyncio.sleep(self.pace.ttl_s + 3 * self.pace.round_s)
            booking = await inventory.confirm_hold(actor, ConfirmHoldCommand(hold_id=hold.id, order_id="order"))
            await self._pause()
            await inventory.cancel_booking(actor, GiveBackCommand(hold_id=booking.id))

    async def _pause(self) -> None:
        await asyncio.sleep(self.random.uniform(0, 2 * self.pace.pause_s))

    def _count(self) -> None:
        self.made += 1
        if self.made % max(self.holds // SAMPLES, 1) == 0:
            sample = Sample(self.made, asyncio.get_running_loop().time() - self._began_s, self.measure())
            self.samples.append(sample)
            self.said(str(sample))


def _assembly(batches: Batches, clock: Clock, random: Random, pace: Pace, *, is_alone: bool) -> Assembly:
    """A process as the embedded service has it."""
    gate = LocalGate(clock.elapsed_ms, clock.now_ms, entries_max=10_000)
    ports = Ports(batches, gate, gate, LocalSeatMapCache(clock.elapsed_ms, trips_max=100), {"told": InProcess()})
    rules = InventoryRules(
        HoldTimes(pace.ttl_s, 60, pace.retention.held_s_max),
        Rules(holds_per_holder_max=4, retention=pace.retention),
        is_alone=is_alone,
        slow_round_ms=300_000,
    )
    return assemble(ports, clock, random, rules)


def _rounds(assembly: Assembly) -> Sequence[Callable[[], Awaitable[object]]]:
    return [relay.round for relay in assembly.relays.values()]


def memory_mib() -> float:
    """What the process has in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize() / MIB


def in_memory(holds: int, seed: int, said: Callable[[str], object], pace: Pace = VIRTUAL) -> Day:
    """The day on a store in memory, in virtual time."""

    async def run() -> None:
        faults = Faults.share(0.01)
        batches = MemoryBatches(replace(faults, queued_s_max=20.0, ends_apart_s=4.0), Random(seed + 1), asyncio.sleep)
        day.measure = lambda: {"MiB of memory": memory_mib(), "rows": _rows_of(batches)}
        await day.run(batches, SkewedClock(0), is_alone=False)

    day = Day(holds, pace, Random(seed), dict, said)
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(seed)) as runner:
        runner.run(run())
    return day


def on_files(holds: int, seed: int, said: Callable[[str], object]) -> Day:
    """The day on a database of its own, in real time."""

    async def run() -> None:
        with TemporaryDirectory(prefix="travio-long-day-") as name:
            async with SqliteBatches.open(Path(name)) as batches:
                day.measure = lambda: {"MiB of memory": memory_mib(), **_size_of(Path(name))}
                await day.run(batches, SystemClock(), is_alone=True)

    day = Day(holds, REAL, Random(seed), dict, said)
    asyncio.run(run())
    return day


def _rows_of(batches: MemoryBatches) -> float:
    """Rows and index entries."""
    return sum(map(len, batches.standing().values())) + len(batches.entries())


def _size_of(folder: Path) -> dict[str, float]:
    """The files, and the rows of all tables in them."""
    files = list(folder.iterdir())
    [database] = [path for path in files if path.suffix in (".db", ".sqlite", ".sqlite3")]
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        named = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        rows = sum(connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in named)  # noqa: S608 - its own names
    return {"rows": rows, "MiB of files": sum(path.stat().st_size for path in files) / MIB}


def verdicts(day: Day) -> dict[str, tuple[Slope, bool]]:
    """By how much each figure grows in PER holds once everything is forgotten that ends, and whether that is flat.
    Raises ValueError if the day is over before that can be told.
    """
    later = [sample for sample in day.samples if sample.holds > day.holds / 2]  # memory takes longer to find its level
    settled = [sample for sample in later if sample.at_s > day.pace.settled_s]
    found: dict[str, tuple[Slope, bool]] = {}
    for name in settled[0].figures if settled else ("rows",):
        slope = slope_of([(sample.holds / PER, sample.figures[name]) for sample in settled])
        found[name] = slope, slope.is_flat(FLAT[name])
    return found


def main() -> int:
    """The exit status: 1 where something grows, 2 where the day is too short to tell."""
    asked = _asked()
    day = (on_files if asked.store == "sqlite" else in_memory)(asked.holds, asked.seed, _say)
    _say(f"{day.made} holds in {process_time():.0f} s of CPU")
    try:
        found = verdicts(day)
    except ValueError as error:
        _say(f"not long enough: nothing has been forgotten for long by the end of it ({error})")
        return 2
    for name, (slope, is_flat) in found.items():
        said = "flat" if is_flat else "GROWS"
        _say(f"{name}: {slope.each:+.2f} (+- {2 * slope.error:.2f}) in {PER} holds, {FLAT[name]:g} at most: {said}")
    return int(not all(is_flat for _, is_flat in found.values()))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _asked() -> Namespace:
    parser = ArgumentParser(prog="python -m verification.simulation.long_day", description=__doc__)
    parser.add_argument("--holds", type=int, default=1_000_000)
    parser.add_argument("--store", choices=("memory", "sqlite"), default="memory")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
