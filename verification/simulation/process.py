"""A service process that can be killed at any await, with the workers that run in it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias, TypeVar
from zlib import crc32

from travio_inventory.app.assemble import InventoryRules, Ports, assemble
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.kernel.events import Event, PublishFailed, PublishRefused
from travio_inventory.kernel.refusals import BackendUnavailable, RetryableRefusal
from travio_inventory.protocol.batches import Batches
from travio_inventory.protocol.rules import Rules
from travio_inventory.seats.use_cases.hold_seats import HoldTimes
from travio_inventory.store.memory import MemoryBatches
from verification.simulation.faulty_edge import FaultyEdge
from verification.simulation.hindsight import ASKING
from verification.simulation.history import Call
from verification.simulation.in_company import InCompany
from verification.simulation.leases import RELAYING, HandedOver, handed_over
from verification.simulation.oracle import START_MS
from verification.simulation.plan import SLOW_ROUND_S, TTL_S, Plan
from verification.simulation.virtual_loop import now_s
from verification.simulation.witnessed_gate import WitnessedGate

T = TypeVar("T")

REFUSED_EVERY = 20
UNTOLD_SHARE = 0.5
"""Of the refusals that do not say which event is meant."""
"""A picky sink refuses one event of so many."""
LATE_COPY_S = 30.0
SLOW_ROUND_MS = round(SLOW_ROUND_S * 1_000)


@dataclass(slots=True)
class SkewedClock:
    """The loop's time, with an error."""

    skew_ms: int

    def jump(self, random: Random, skew_s: float) -> None:
        """Draw another error, forwards or back."""
        self.skew_ms = round(random.uniform(-skew_s, skew_s) * 1_000)

    def now_ms(self) -> int:
        """See Clock."""
        return START_MS + self.elapsed_ms() + self.skew_ms

    def elapsed_ms(self) -> int:
        """See Clock."""
        return round(now_s() * 1_000)


class Process:
    """One service process: clock, caches and tasks of its own. A kill ends the tasks and forgets the caches."""

    def __init__(
        self,
        plan: Plan,
        batches: Batches,
        edge: FaultyEdge,
        random: Random,
        *,
        post: "Post | None" = None,
        far: "Post | None" = None,
        cells_per_batch_max: int = 160,
    ) -> None:
        self.clock = SkewedClock(0)
        self.clock.jump(random, plan.skew_s)
        self.kills = 0
        self.still_until_s = 0.0
        """Until when nothing of it runs."""
        self.sinks = {"post": post or Post(Random(0), failures=0.0)} | ({"far": far} if far else {})
        self._plan = plan
        self._batches = batches
        self._edge = edge
        self._random = random
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._cells_per_batch_max = cells_per_batch_max
        self._boot()

    def _boot(self) -> None:
        batches = InCompany(self._batches) if self._plan.in_company else self._batches
        gate = WitnessedGate(self._edge, self.clock.elapsed_ms)
        self._edge.listeners[self] = gate.changed
        shared = [*self.sinks] if self._plan.shares_relays else ()
        ports = Ports(batches, gate, gate, self._edge, self.sinks, shared=shared)
        rules = InventoryRules(
            HoldTimes(TTL_S, 3_600, 7_200),
            Rules(holds_per_holder_max=self._plan.holds_max, retention=self._plan.retention),
            portions=self._plan.portions,
            steps_at_once_max=10_000,
            cells_per_batch_max=self._cells_per_batch_max,
            slow_round_ms=SLOW_ROUND_MS,
        )
        random = Random(self._random.random())
        assembly = assemble(ports, self.clock, random, rules)
        self.inventory, self.relays, self.steps, self.sender, self.holds, self.signals, *_ = assembly

    def start(self, work: Coroutine[Any, Any, T], call: Call | None = None) -> asyncio.Task[T]:
        """Run it in this process: a kill ends it, with every task that it starts."""
        context = copy_context()
        context.run(_LIVES_IN.set, self)
        context.run(ASKING.set, call)
        return asyncio.get_running_loop().create_task(work, context=context)

    def kill(self) -> None:
        """End everything that runs here; the process is up again at once, with empty memory."""
        self.kills += 1
        self.still_until_s = 0.0
        tasks = list(self._tasks)
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        self._boot()

    def stand_still(self, seconds: float) -> None:
        """Stand still for this time, as on a stop signal; then continue."""
        self.still_until_s = now_s() + seconds

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """The task runs in this process."""
        self._tasks[task] = None
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)


def steady_process(batches: Batches, plan: Plan | None = None) -> Process:
    """A process whose clock is right, behind an edge of its own."""
    process = Process(plan or Plan(0), batches, FaultyEdge(lambda: START_MS, Random(0)), Random(0))
    process.clock.skew_ms = 0
    return process


_LIVES_IN: ContextVar[Process | None] = ContextVar("_LIVES_IN", default=None)


def running_in() -> Process | None:
    """The process in which the caller runs."""
    return _LIVES_IN.get()


def still_until_s(handle: asyncio.Handle) -> float:
    """When the callback's process continues; batches on the way to the store, or in it, never stand still."""
    process: Process | None = handle._context.get(_LIVES_IN)  # type: ignore[attr-defined]  # the loop's own
    if process is None or not process.still_until_s:
        return 0.0
    is_of_the_store = isinstance(getattr(handle._callback, "__self__", None), MemoryBatches)  # type: ignore[attr-defined]  # too
    return 0.0 if is_of_the_store else process.still_until_s


def adopting(
    loop: asyncio.AbstractEventLoop,
    work: Coroutine[Any, Any, T] | Generator[Any, None, T],
    *,
    context: Context | None = None,
    **options: Any,  # noqa: ANN401 - a name, and other options of later Pythons
) -> asyncio.Task[T]:
    """A task factory: what a process's tasks start runs in that process too."""
    assert isinstance(work, Coroutine)
    task = asyncio.Task(work, loop=loop, context=context, **options)
    process = (copy_context() if context is None else context).get(_LIVES_IN)
    if process is not None:
        process.adopt(task)
    return task


@dataclass(slots=True)
class Post:
    """A sink with one list of events for each life of its relay; on a bad day some are refused, or lost half way. A
    call takes up to `slow_s`; an absent sink accepts nothing. One that is picky refuses some events for good.

    A shared one has a single list, of what all relays handed over; what it did not accept may still come to it, up to
    LATE_COPY_S later.
    """

    random: Random
    failures: float
    slow_s: float = 0.05
    is_absent: bool = False
    is_picky: bool = False
    is_shared: bool = False
    lives: list[list[Event]] = field(default_factory=list)
    failed: int = 0
    repeats: list[str] = field(default_factory=list)
    """The ids of events that a relay handed over again although they had been accepted from it."""
    handed: list[HandedOver] = field(default_factory=list)
    _accepted: tuple[int, frozenset[str]] = (0, frozenset())

    async def publish(self, events: Sequence[Event]) -> None:
        """See Sink."""
        self.handed += handed_over(now_s(), events)
        try:
            await asyncio.sleep(self.random.uniform(0, self.slow_s))
        except asyncio.CancelledError:
            self._come_late(events)
            raise
        refused = self._refused(events)
        if self.is_absent or refused:
            self.failed += 1
            if self.is_absent or self.random.random() < UNTOLD_SHARE:
                raise PublishFailed("away, or it refuses one of them")
            accepted = [event for event in events if event.id not in refused]
            self._accept(accepted)
            raise PublishRefused(refused, [event.id for event in accepted])
        if self.random.random() < self.failures:
            self.failed += 1
            self.lives[-1] += events[: self.random.randrange(len(events) + 1)]
            self._come_late(events)
            raise PublishFailed("it broke")
        self._accept(events)

    def begin_life(self) -> None:
        """A relay begins to publish to it."""
        if not (self.is_shared and self.lives):
            self.lives.append([])

    def _come_late(self, events: Sequence[Event]) -> None:
        """Nobody was told that they were accepted, and they may be all the same, now or later; what the sink refuses is
        not.
        """
        if self.is_shared and self.random.random() < 0.5:
            refused = self._refused(events)
            late_s = self.random.choice((0.0, self.random.uniform(0, LATE_COPY_S)))
            accepted = [event for event in events if event.id not in refused]
            asyncio.get_running_loop().call_later(late_s, self.lives[-1].extend, accepted)

    def refuses(self, event_id: str) -> bool:
        """Whether it does not accept this event."""
        return self.is_picky and crc32(event_id.encode()) % REFUSED_EVERY == 0

    def _refused(self, events: Sequence[Event]) -> dict[str, str]:
        """Those that it does not accept, with the later ones of their subjects."""
        refused: dict[str, str] = {}
        stopped: set[str] = set()
        for event in events:
            if event.subject in stopped or self.refuses(event.id):
                refused[event.id] = "refused"
                stopped.add(event.subject)
        return refused

    def _accept(self, events: Sequence[Event]) -> None:
        life, before = self._accepted
        if life != len(self.lives):
            before = frozenset()
        self.repeats += [event.id for event in events if event.id in before]
        self._accepted = len(self.lives), before | {event.id for event in events}
        self.lives[-1] += events

    def mend(self) -> None:
        """Accept everything at once from now on."""
        self.failures, self.slow_s, self.is_absent = 0.0, 0.05, False


FAR = {
    "slow": lambda random: Post(random, failures=0.05, slow_s=30.0),
    "failing": lambda random: Post(random, failures=0.9),
    "absent": lambda random: Post(random, failures=0.0, is_absent=True),
    "refusing": lambda random: Post(random, failures=0.05, is_picky=True),
}
"""The kinds of a second sink on a bad day."""


Work: TypeAlias = Callable[[], Awaitable[None]]


class Sweeper:
    """Ends lapsed holds in a process, round after round."""

    def __init__(self, process: Process) -> None:
        self._round = process.inventory.expire_holds

    async def __call__(self) -> None:
        """One round. Raises BackendUnavailable."""
        swept = await self._round(HOUSE)
        for error in swept.failures.values():
            if not isinstance(error, RetryableRefusal):
                raise error


class Opener:
    """Goes on opening large trips in a process, round after round."""

    def __init__(self, process: Process) -> None:
        self._round = process.inventory.go_on_opening

    async def __call__(self) -> None:
        """One round. Raises BackendUnavailable."""
        opened = await self._round(HOUSE)
        for error in opened.failures.values():
            if not isinstance(error, RetryableRefusal):
                raise error


class Relay:
    """Hands events over to a sink of a process, round after round."""

    def __init__(self, process: Process, sink: str = "post") -> None:
        process.sinks[sink].begin_life()
        self._round = process.relays[sink].round
        self._name = f"life {process.kills} of process {id(process)}"

    async def __call__(self) -> None:
        """One round. Raises BackendUnavailable, PublishFailed."""
        RELAYING.set(self._name)
        await self._round()


class OwnEvents:
    """Publishes what the steps of its process record to a sink, at once."""

    def __init__(self, process: Process, sink: str) -> None:
        own = process.relays[sink].own
        assert own is not None
        process.sinks[sink].begin_life()
        self._own = own

    async def __call__(self) -> None:
        """Wait for some, and publish them. Raises BackendUnavailable, PublishFailed."""
        await self._own.news()
        await self._own.round()


async def keep_at(work: Work, pause_s: Callable[[], float]) -> None:
    """A worker's life: rounds and pauses until it is killed."""
    while True:
        await asyncio.sleep(pause_s())
        try:
            await work()
        except (BackendUnavailable, PublishFailed):
            continue
