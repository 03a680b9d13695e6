"""A service process that can be killed at any await, with the workers that run in it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from tests.simulation.history import ASKING, Call
from tests.simulation.oracle import START_MS
from tests.simulation.plan import SKEW_S, TTL_S, Plan
from tests.simulation.rough_edge import RoughGate
from travio_inventory.domain.errors import BackendUnavailable
from travio_inventory.domain.events import Event
from travio_inventory.edge.local import LocalSeatMapCache
from travio_inventory.engine.commits import Commits
from travio_inventory.engine.edge_upkeep import EdgeUpkeep
from travio_inventory.engine.expire_holds import ExpireHolds
from travio_inventory.engine.hold_seats import HoldSeats, HoldTimes
from travio_inventory.engine.open_trip import OpenTrip
from travio_inventory.engine.ports import BlockKey, PublishFailed
from travio_inventory.engine.relay_events import RelayEvents
from travio_inventory.engine.trip_catalog import TripCatalog
from travio_inventory.store.batches import Batches, Index
from travio_inventory.store.definitions import Definitions
from travio_inventory.store.journal import EventJournal
from travio_inventory.store.lapses import LapseFinder
from travio_inventory.store.minutes import OpenMinutes
from travio_inventory.store.owners import Owners
from travio_inventory.store.rules import Rules
from travio_inventory.store.transitions import Transitions

T = TypeVar("T")


@dataclass(slots=True)
class SkewedClock:
    """The loop's time, off by so much."""

    skew_ms: int

    def now_ms(self) -> int:
        """See Clock."""
        return START_MS + round(asyncio.get_running_loop().time() * 1_000) + self.skew_ms


class Process:
    """One service process: clock, caches and tasks of its own. A kill ends the tasks and forgets the caches."""

    def __init__(self, plan: Plan, batches: Batches, gate: RoughGate, random: Random) -> None:
        self.clock = SkewedClock(round(random.uniform(-SKEW_S, SKEW_S) * 1_000))
        self.kills = 0
        self._plan = plan
        self._batches = batches
        self._gate = gate
        self._random = random
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._boot()

    def _boot(self) -> None:
        definitions = Definitions(self._batches)
        cache = LocalSeatMapCache(self.clock.now_ms, trips_max=2)
        self.owners = Owners(
            self._batches,
            clock=self.clock,
            watch=EdgeUpkeep(self._gate, cache),
            background=self._in_background,
            rules=Rules(holds_per_holder_max=self._plan.holds_max),
            random=Random(self._random.random()),
        )
        self.holds = Transitions(self.owners)
        self.open_trip = OpenTrip(definitions)
        self.hold_seats = HoldSeats(
            trips=TripCatalog(definitions),
            holds=self.holds,
            gate=self._gate,
            taken=self._gate,
            commits=Commits(in_flight_max=10_000),
            times=HoldTimes(TTL_S, 3_600, 7_200),
            jitter=Random(self._random.random()),
        )

    def start(self, work: Coroutine[Any, Any, T], call: Call | None = None) -> asyncio.Task[T]:
        """Run it in this process: a kill ends it, with every task that it starts."""
        context = copy_context()
        context.run(_LIVES_IN.set, self)
        context.run(ASKING.set, call)
        return asyncio.get_running_loop().create_task(work, context=context)

    def kill(self) -> None:
        """End all that runs here; the process is up again at once, and remembers nothing."""
        self.kills += 1
        tasks = list(self._tasks)
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        self._boot()

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """The task runs in this process."""
        self._tasks[task] = None
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        self.start(work, ASKING.get())


_LIVES_IN: ContextVar[Process | None] = ContextVar("_LIVES_IN", default=None)


def adopting(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T], **options: Any) -> asyncio.Task[T]:
    """A task factory: what a process's tasks start runs in that process too."""
    task = asyncio.Task(work, loop=loop, **options)
    process = (options.get("context") or copy_context()).get(_LIVES_IN)
    if process is not None:
        process.adopt(task)
    return task


@dataclass(slots=True)
class Post:
    """Where events are handed over, one list per life of a relay; on a bad day some are refused, or lost half way."""

    random: Random
    failures: float
    lives: list[list[Event]] = field(default_factory=list)

    async def publish(self, events: Sequence[Event]) -> None:
        """See Publisher."""
        await asyncio.sleep(self.random.uniform(0, 0.05))
        if self.random.random() < self.failures:
            self.lives[-1] += events[: self.random.randrange(len(events) + 1)]
            raise PublishFailed
        self.lives[-1] += events


class Sweeper:
    """Ends lapsed holds in a process, round after round."""

    def __init__(self, process: Process) -> None:
        finder = _OrderedLapses(process.owners)
        finder._minutes = _OrderedMinutes(process.owners.batches, Index.EXPIRY)
        self._round = ExpireHolds(finder)

    async def __call__(self) -> None:
        """One round. Raises BackendUnavailable."""
        await self._round()


class Relay:
    """Hands events over to the post, round after round."""

    def __init__(self, process: Process, post: Post) -> None:
        post.lives.append([])
        journal = EventJournal(process.owners.batches, process.clock)
        journal._minutes = _OrderedMinutes(process.owners.batches, Index.JOURNAL)
        self._round = RelayEvents(journal, post)

    async def __call__(self) -> None:
        """One round. Raises BackendUnavailable, PublishFailed."""
        await self._round()


async def keep_at(work: Callable[[], Awaitable[None]], pause_s: Callable[[], float]) -> None:
    """A worker's life: rounds and pauses until it is killed."""
    while True:
        await asyncio.sleep(pause_s())
        try:
            await work()
        except (BackendUnavailable, PublishFailed):
            continue


class _OrderedBlock(BlockKey):
    """A block with a hash that is the same in every interpreter."""

    def __hash__(self) -> int:
        return self.block


class _OrderedMinutes(OpenMinutes):
    """Names blocks in sets whose order is the same in every interpreter."""

    async def blocks(self, minutes: Sequence[int]) -> dict[int, set[BlockKey]]:
        """See OpenMinutes."""
        named = await super().blocks(minutes)
        return {minute: {_OrderedBlock(*block) for block in sorted(blocks)} for minute, blocks in named.items()}


class _OrderedLapses(LapseFinder):
    """Sweeps blocks in their order."""

    async def due_blocks(self) -> Sequence[BlockKey]:
        """See Lapses."""
        return sorted(await super().due_blocks())
