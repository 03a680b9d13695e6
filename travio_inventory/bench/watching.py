"""Many watch one trip live: when each is told of a change, what that costs, and whether each is told all in order."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import cycle
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import Final, NamedTuple, TypeAlias

from travio_inventory.bench import bench_trips
from travio_inventory.bench.measuring import CpuTime, cpu_time, latency_ms, rounded
from travio_inventory.bench.session import Session
from travio_inventory.bench.watchers import Over, Update, Watcher, allow_files, watching
from travio_inventory.client.client import InventoryClient
from travio_inventory.client.holds import Hold
from travio_inventory.kernel.addresses import Address

SEATS: Final = 400
FILES_BESIDES: Final = 200
"""That the bench opens apart from its watchers."""
APART_S: Final = 0.5
"""Two changes of the same seat are so far apart at least, so that each is told by itself."""
LAGGING: Final = 3
"""Watchers beside those that are counted, who read nothing for LAG_S, then for READ_S, and so on."""
LAG_S: Final = 12.0
READ_S: Final = 1.0
LATE_S: Final = 30.0
POLL_S: Final = 0.02
USER: Final = "bench"
Tell = Callable[..., None]
Sent: TypeAlias = dict[str, list[float]]
"""When each change of a seat was asked for, or answered."""


class Load(NamedTuple):
    """How many watch, and how often something changes for so long."""

    watchers: int
    per_second: float
    seconds: float


class Watching:
    """Watchers of a trip, and a sale that they watch."""

    def __init__(self, session: Session, watched: Address, over: Over, *, show: Tell) -> None:
        self._session = session
        self._watched = watched
        self._over = over
        self._show = show
        self._trip = bench_trips.wide(SEATS, segments=1)
        self._watchers: Sequence[Watcher] = ()
        self._lagging: Sequence[Watcher] = ()
        self._sent: Sent = {seat.id: [] for seat in self._trip.seats}
        self._answered: Sent = {seat.id: [] for seat in self._trip.seats}
        self.numbers: dict[str, object] = {}
        self.wrong: list[str] = []

    async def measure(self, load: Load) -> None:
        """Connect them, then hold and release seats. Raises OSError where one cannot watch."""
        allow_files(load.watchers + FILES_BESIDES)
        await self._session.open(self._trip)
        pid = self._session.service.pid
        before_kb, began = _resident_kb(pid), perf_counter()
        async with (
            watching(self._over, self._watched, self._trip.key, load.watchers) as self._watchers,
            watching(self._over, self._watched, self._trip.key, LAGGING, may_lag=True) as self._lagging,
        ):
            self.numbers["over"] = self._over
            self.numbers["seconds until all have the map"] = round(perf_counter() - began, 2)
            if pid is not None:
                self.numbers["memory per watcher, KB"] = rounded((_resident_kb(pid) - before_kb) / load.watchers)
            before, began = cpu_time(pid), perf_counter()
            lagging = asyncio.ensure_future(self._lag())
            try:
                await self._sell(load)
            finally:
                await _end(lagging)
            wall_s = perf_counter() - began
            await self._until_told()
            used = cpu_time(pid)
            self._note(used.since(before) if used and before else None, wall_s)
            self._compare(await self._map())

    @property
    def _changes(self) -> int:
        return sum(map(len, self._sent.values()))

    async def _sell(self, load: Load) -> None:
        """Sellers beside each other, each with seats of its own, which it holds and releases one after the other."""
        sellers = ceil(load.per_second * APART_S)
        ends = perf_counter() + load.seconds
        target = str(Address(self._session.service.host, self._session.service.port))
        organization, tls = self._trip.key.organization, self._session.tls
        async with (
            InventoryClient(target, organization=organization, user=USER, tls=tls) as client,
            asyncio.TaskGroup() as selling,
        ):
            for number in range(sellers):
                seats = [seat.id for seat in self._trip.seats[number::sellers]]
                await asyncio.sleep(1 / load.per_second)
                selling.create_task(self._sell_in_turn(client, seats, sellers / load.per_second, ends))

    async def _sell_in_turn(self, client: InventoryClient, seats: list[str], every_s: float, ends: float) -> None:
        due = perf_counter()
        for seat in cycle(seats):
            hold: Hold | None = None
            for _ in ("hold", "release"):
                if due >= ends:
                    return
                await asyncio.sleep(max(0.0, due - perf_counter()))
                due += every_s
                self._sent[seat].append(perf_counter())
                if hold is None:
                    hold = await client.hold(self._trip.key.trip, "a", "b", [seat])
                else:
                    await hold.release()
                self._answered[seat].append(perf_counter())

    async def _lag(self) -> None:
        """Some read nothing for a while, and then all that waits for them, over and over."""
        try:
            while True:
                for watcher in self._lagging:
                    watcher.stop_reading()
                await asyncio.sleep(LAG_S)
                for watcher in self._lagging:
                    watcher.read_on()
                await asyncio.sleep(READ_S)
        finally:
            for watcher in self._lagging:
                watcher.read_on()

    async def _map(self) -> dict[str, int]:
        """The state of each seat, as the service says."""
        target = str(Address(self._session.service.host, self._session.service.port))
        key = self._trip.key
        async with InventoryClient(target, organization=key.organization, user=USER, tls=self._session.tls) as client:
            shown = await client.seat_map(key.trip, "a", "b")
        return {each.seat.id: each.status.value for each in shown.seats}

    def _compare(self, shown: Mapping[str, int]) -> None:
        """Whether each ends with the map, also those who read nothing for a while."""
        for name, watchers in (("watchers", self._watchers), ("watchers that lag", self._lagging)):
            right = sum(watcher.shows() == shown for watcher in watchers)
            self.numbers[f"{name} that end with the map"] = f"{right} of {len(watchers)}"
            if right < len(watchers):
                self.wrong.append(f"{len(watchers) - right} {name} do not end with the map")
        for number, watcher in enumerate(self._lagging):
            try:
                list(_in_order(watcher.begins_at, watcher.told))
            except WrongTelling as wrong:
                self.wrong.append(f"watcher {number} that lags: {wrong}")
        told = [each.changes for each in self._lagging]
        self.numbers["changes told to those that lag"] = f"{min(told)} to {max(told)} of {self._changes}"

    async def _until_told(self) -> None:
        """Return when each watcher was told everything, but after LATE_S in any case."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LATE_S):
                for watcher in self._watchers:
                    while watcher.changes < self._changes:  # noqa: ASYNC110 - most have it long before the last
                        await asyncio.sleep(POLL_S)
                for watcher in self._lagging:
                    while watcher.position != self._watchers[0].position:  # noqa: ASYNC110 - it reads what waits
                        await asyncio.sleep(POLL_S)

    def _note(self, used: CpuTime | None, wall_s: float) -> None:
        wrong_count = 0
        told_s, after_s, last_s = list[float](), list[float](), dict[tuple[str, int], float]()
        for number, watcher in enumerate(self._watchers):
            try:
                arrived = arrivals(watcher.begins_at, watcher.told, self._changes)
            except WrongTelling as wrong:
                self.wrong = self.wrong or [f"watcher {number}: {wrong}"]
                wrong_count += 1
                continue
            for seat, times in arrived.items():
                moments = zip(times, self._sent[seat], self._answered[seat], strict=True)
                for change, (at, sent, answered) in enumerate(moments):
                    told_s.append(at - sent)
                    after_s.append(max(0.0, at - answered))
                    last_s[seat, change] = max(last_s.get((seat, change), 0.0), at - sent)
        right = len(self._watchers) - wrong_count
        self.numbers["changes"] = self._changes
        self.numbers["watchers told each change once, in order"] = f"{right} of {len(self._watchers)}"
        self.numbers["changes per second"] = rounded(self._changes / wall_s)
        each, last = latency_ms(told_s), latency_ms(list(last_s.values()))
        self.numbers["from a change's request to a watcher, ms"] = each
        self.numbers["from a change's request to the last watcher, ms"] = last
        self.numbers["from a change's answer to a watcher, ms"] = latency_ms(after_s)
        per_core = self._note_cost(used)
        shown = (each.get("p50"), each.get("p99"), last.get("p50"), last.get("p99"))
        self._show(len(self._watchers), self._changes, *shown, per_core)

    def _note_cost(self, used: CpuTime | None) -> float | None:
        if used is None:
            return None
        own_us, kernel_us = (each / (self._changes * len(self._watchers)) * 1e6 for each in used)
        per_watcher_us = own_us + kernel_us
        per_core = rounded(1e6 / (10 * per_watcher_us))
        self.numbers["CPU per change and watcher, us"] = rounded(per_watcher_us)
        self.numbers["of which in the kernel, us"] = rounded(kernel_us)
        self.numbers["watchers per core at 10 changes a second"] = per_core
        return per_core


class WrongTelling(Exception):
    """A watcher was not told each change once, in order."""


def arrivals(begins_at: str, told: Iterable[tuple[float, Update]], changes: int) -> Sent:
    """When a watcher was told each change of each seat; `told` is what came after the snapshot at a position, and when.
    Raises WrongTelling.
    """
    arrived: Sent = {}
    for at, seat in _in_order(begins_at, told):
        arrived.setdefault(seat, []).append(at)
    if (count := sum(map(len, arrived.values()))) != changes:
        raise WrongTelling(f"told {count} of {changes} changes")
    return arrived


def _in_order(begins_at: str, told: Iterable[tuple[float, Update]]) -> Iterator[tuple[float, str]]:
    """Each change of a seat, and when it was told. Raises WrongTelling for one after a gap, or out of order."""
    position, version = begins_at, 0
    for at, update in told:
        if update.kind == "delta":
            if update.after != position:
                raise WrongTelling(f"a change after {update.after} for one who was at {position}")
            for seat, changed in sorted(update.seats, key=lambda each: each[1]):
                if changed < version:
                    raise WrongTelling(f"{seat} is of version {changed} after one of {version}")
                version = changed
                yield at, seat
        position = update.position


async def _end(task: "asyncio.Future[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


def _resident_kb(pid: int | None) -> int:
    """How much memory the process has."""
    if pid is None:
        return 0
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
