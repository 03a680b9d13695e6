"""A small world from a seed, in which units are sold: processes that die, clocks that differ, a store that fails."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from travio_inventory.kernel.actor import HOUSE, Actor
from travio_inventory.kernel.refusals import OutcomeUnknown, Refusal, RetryableRefusal
from travio_inventory.protocol.batches import ABSENT, Index, Kind, Partition, RowKey, Table, Write
from travio_inventory.protocol.hold import Confirmed
from travio_inventory.protocol.hold_protocol import HoldProtocol
from travio_inventory.protocol.index_entries import minute_of
from travio_inventory.protocol.lapses import LapseFinder
from travio_inventory.protocol.rules import Rules
from travio_inventory.protocol.sending import Sender
from travio_inventory.seats.use_cases.expire_holds import ExpireHolds
from travio_inventory.seats.use_cases.step_runner import StepRunner
from travio_inventory.store.memory import Faults, MemoryBatches
from verification.simulation.faulty_edge import FaultyEdge
from verification.simulation.oracle import ORGANIZATION, START_MS
from verification.simulation.plan import LAPSES_S, TTL_S, Plan
from verification.simulation.process import Process, adopting, keep_at
from verification.simulation.units import COUNTER, Unheard, UnitHold, UnitRequest, Units, partition_of
from verification.simulation.units_oracle import Asked, UnitsOracle
from verification.simulation.virtual_loop import now_s, run_virtually
from verification.simulation.world import QUIET_S

Do = Callable[["UnitProcess"], Coroutine[Any, Any, UnitHold]]


class UnitProcess(Process):
    """A process that sells units: the protocol on them, and a sweeper."""

    def _boot(self) -> None:
        self.steps = StepRunner(in_flight_max=10_000)
        random = Random(self._random.random())
        self.sender = Sender(
            self._batches, clock=self.clock, background=self.steps.in_background, rules=Rules(), random=random
        )
        self.units = HoldProtocol(self.sender, Units(), Unheard(), self.steps.in_background)
        self.expire_holds = ExpireHolds(LapseFinder(self.units))


class UnitsWorld:
    """Runs a plan: `seats` units in partitions of `seats_per_group`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.partitions = [partition_of(ORGANIZATION, number) for number in range(plan.seats // plan.seats_per_group)]
        self.oracle = UnitsOracle(plan.seats_per_group)
        self.random = Random(plan.seed)
        self.batches = MemoryBatches(None, Random(plan.seed + 1), asyncio.sleep, has_any_rows=True)
        self.batches.observe = lambda partition, changes: self.oracle.applied(now_s(), partition, changes)
        self.calls: list[Asked] = []
        self.answers: Counter[str] = Counter()

    async def run(self) -> None:
        """The day, the night after it, and the reckoning."""
        asyncio.get_running_loop().set_task_factory(adopting)
        edge = FaultyEdge(lambda: START_MS, Random(0))
        self.processes = [UnitProcess(self.plan, self.batches, edge, self.random) for _ in range(3)]
        await self._prepare()
        self.batches.faults = Faults.share(self.plan.faults, late_s_max=self.plan.late_s)
        workers = [asyncio.ensure_future(self._employ(process)) for process in self.processes[:2]]
        async with asyncio.TaskGroup() as day:
            for number in range(self.plan.holders):
                day.create_task(self._live(f"u{number}", Random(self.plan.seed * 1_009 + number)))
        await asyncio.sleep(self.plan.late_s * 2)
        self.batches.faults = Faults.none()
        await asyncio.sleep(QUIET_S)
        for worker in workers:
            worker.cancel()
        self.oracle.judge_leftovers()
        self.oracle.judge(self.calls)

    async def _prepare(self) -> None:
        """Create every counter; sweepers have run on this store before."""
        for partition in self.partitions:
            values = {"available": self.plan.seats_per_group, "reserved": 0, "version": 1}
            await self.batches.apply(partition, [Write(COUNTER, ABSENT, values)])
        cursor = Write(RowKey(Kind.CURSOR, ""), ABSENT, {"reached": minute_of(START_MS) - 1})
        await self.batches.apply(Partition(Table.CURSORS, "", Index.EXPIRY), [cursor])

    async def _employ(self, process: UnitProcess) -> None:
        """A sweeper in a process, and another one a while after each time it is killed."""
        while True:
            task = process.start(keep_at(lambda: _sweep(process), lambda: self.random.uniform(0.5, 4)))
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()
            await asyncio.sleep(self.random.uniform(0, 5))

    # ---- buyers

    async def _live(self, name: str, random: Random) -> None:
        """One holder's day."""
        actor, turn = Actor(ORGANIZATION, name), 0
        await asyncio.sleep(random.uniform(0, 4))
        while now_s() < self.plan.day_s:
            turn += 1
            request = UnitRequest(actor, self._wish(random), TTL_S * 1_000, f"key {turn}")
            asking = [self._insist("hold", request, "", random)]
            if random.random() < self.plan.twins:
                asking.append(self._insist("hold", request, "", random))
            held = [hold_id for hold_id in await asyncio.gather(*asking) if hold_id]
            if held:
                await self._use(request, held[0], random)
            await asyncio.sleep(random.uniform(0.05, 3))

    def _wish(self, random: Random) -> tuple[tuple[int, int], ...]:
        """Units of one partition or of several; the first is the home."""
        numbers = random.sample(range(len(self.partitions)), k=random.choice((1, 1, min(2, len(self.partitions)))))
        return tuple((number, random.randint(1, max(1, self.plan.seats_per_group // 2))) for number in numbers)

    async def _use(self, request: UnitRequest, hold_id: str, random: Random) -> None:
        """Release it, book it at once or after it has expired, extend it, or leave it."""
        if self.plan.changes and random.random() < self.plan.changes:
            await self._insist(random.choice(("release some", "confirm some")), request, hold_id, random)
        fate = random.random()
        if fate < 0.25:
            await self._insist("release", request, hold_id, random)
        elif fate < 0.45:
            await asyncio.sleep(LAPSES_S)
            await self._insist("confirm", request, hold_id, random)
        elif fate < 0.75:
            await self._insist("confirm", request, hold_id, random)
        elif fate < 0.9:
            await self._insist("extend", request, hold_id, random)
        if self.plan.changes and random.random() < self.plan.changes:
            await self._insist(random.choice(("release some", "cancel some")), request, hold_id, random)
        if 0.3 < fate < 0.7 and random.random() < 0.8:
            await asyncio.sleep(random.uniform(0, 3))
            await self._insist("cancel", request, hold_id, random)

    async def _insist(self, what: str, request: UnitRequest, hold_id: str, random: Random) -> str:
        """Request, and try again a few times if that may help; the hold's id, "" if there is none."""
        for _ in range(random.choice((1, 3, 6))):
            call = await self._ask(what, request, hold_id)
            if call.answer == "ok":
                return call.hold_id
            if call.answer not in ("unknown", "ask again"):
                return ""
            await asyncio.sleep(random.uniform(0.1, 2))
        return ""

    async def _ask(self, what: str, request: UnitRequest, hold_id: str) -> Asked:
        call = Asked(what, now_s(), request, hold_id)
        process = self.random.choice(self.processes)
        task = process.start(_DO[what](process.units, request, hold_id))
        if self.random.random() < self.plan.kills:
            asyncio.get_running_loop().call_later(self.random.uniform(0, 0.3), process.kill)
        await asyncio.wait([task])
        call.ended_s = now_s()
        if not task.cancelled():
            error = task.exception()
            if error is None:
                call.answer, call.hold_id = "ok", task.result().id
            elif isinstance(error, OutcomeUnknown):
                call.answer = "unknown"
            elif isinstance(error, RetryableRefusal):
                call.answer = "ask again"
            elif isinstance(error, Refusal):
                call.answer = type(error).__name__
            else:
                raise error
        self.answers[f"{what} {call.answer}"] += 1
        self.calls.append(call)
        return call


def _hold(units: HoldProtocol[UnitHold], request: UnitRequest, _hold_id: str) -> Coroutine[Any, Any, UnitHold]:
    return units.hold(request)


def _confirm(units: HoldProtocol[UnitHold], request: UnitRequest, hold_id: str) -> Coroutine[Any, Any, UnitHold]:
    return units.confirm(request.actor, hold_id, Confirmed("order"))


def _release(units: HoldProtocol[UnitHold], request: UnitRequest, hold_id: str) -> Coroutine[Any, Any, UnitHold]:
    return units.release(request.actor, hold_id)


def _cancel(units: HoldProtocol[UnitHold], request: UnitRequest, hold_id: str) -> Coroutine[Any, Any, UnitHold]:
    return units.cancel(request.actor, hold_id)


def _extend(units: HoldProtocol[UnitHold], request: UnitRequest, hold_id: str) -> Coroutine[Any, Any, UnitHold]:
    until_ms = units.sender.clock.now_ms() + request.ttl_ms
    return units.extend(request.actor, hold_id, expires_at_ms=until_ms, total_ms_max=10 * request.ttl_ms)


def _confirm_some(units: HoldProtocol[UnitHold], request: UnitRequest, hold_id: str) -> Coroutine[Any, Any, UnitHold]:
    return units.confirm(request.actor, hold_id, Confirmed("order"), request.some)


def _release_some(units: HoldProtocol[UnitHold], request: UnitRequest, hold_id: str) -> Coroutine[Any, Any, UnitHold]:
    return units.release(request.actor, hold_id, request.some)


def _cancel_some(units: HoldProtocol[UnitHold], request: UnitRequest, hold_id: str) -> Coroutine[Any, Any, UnitHold]:
    return units.cancel(request.actor, hold_id, request.some)


_DO = {"hold": _hold, "confirm": _confirm, "release": _release, "cancel": _cancel, "extend": _extend,
    "confirm some": _confirm_some, "release some": _release_some, "cancel some": _cancel_some}  # fmt: skip


async def _sweep(process: UnitProcess) -> None:
    swept = await process.expire_holds(HOUSE)
    for error in swept.failures.values():
        if not isinstance(error, RetryableRefusal):
            raise error


def simulate_units(plan: Plan) -> UnitsWorld:
    """Run the plan; `oracle.violations` are the promises that it broke."""
    world = UnitsWorld(plan)
    run_virtually(plan.seed, world.run())
    return world
