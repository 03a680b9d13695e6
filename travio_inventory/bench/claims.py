"""Free seats claimed on the scylla store, compared with bare loops that send the same batches."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from random import Random, SystemRandom
from typing import NamedTuple, TypeAlias

from travio_inventory.app.assemble import InventoryRules, Ports, assemble
from travio_inventory.app.backends.scylla import open_scylla
from travio_inventory.app.service import open_inventory
from travio_inventory.bench import bench_trips
from travio_inventory.bench.claim_processes import sellers
from travio_inventory.bench.measuring import cpu_seconds, ratio
from travio_inventory.bench.selling import ASKED, SHARED, STEPS, TTL_S, Sold, check, claims_of, driven, sold
from travio_inventory.bench.throughput import BenchResult, Tell
from travio_inventory.edge.absent import AbsentGate, AbsentSeatMapCache, AbsentTakenSeats
from travio_inventory.kernel.actor import house_of
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.protocol.batches import ANY_TIME, Applied, Batches, IndexEntry, Outcome, Partition, Table, Write
from travio_inventory.seats.trip import Trip
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.seats.use_cases.hold_seats import HoldTimes
from travio_inventory.settings import Settings
from travio_inventory.store.group_commit import GroupCommit
from travio_inventory.store.memory import MemoryBatches
from travio_inventory.telemetry.metrics import Figures

TURNS = 3
OPENED_AT_ONCE = 16
SERVICE, STORE, REQUESTS = "the service", "group commit alone", "requests alone"
DATABASE_CPU_MS = "database CPU ms"
A_CALL = {ASKED: "requests a call", DATABASE_CPU_MS: f"{DATABASE_CPU_MS} a call"}
"""What is also shown as a share of each call."""


class Plan(NamedTuple):
    """What is sold: so many trips, alike. `churn_s`: not until all is sold, but rides for so long, which are released
    at once. `processes`: from how many. `confirms`: each hold at once.
    """

    trips: int
    seats: int
    segments: int
    seats_per_group: int
    churn_s: float
    processes: int
    confirms: bool = False

    @property
    def is_compared(self) -> bool:
        """Whether bare loops can send the same batches."""
        return self.processes == 1 and not self.churn_s


class _Batch(NamedTuple):
    """A batch that the protocol sent, without its index entries."""

    partition: Partition
    writes: Sequence[Write]


_Claim: TypeAlias = Sequence[_Batch]
"""What is sent for one seat, one after the other."""
_Work = Callable[[Sequence[Trip], int], Awaitable[Sold]]


async def claims(
    settings: Settings, *, in_flight: Sequence[int], plan: Plan, show: Tell, database: Sequence[int] = ()
) -> BenchResult:
    """The trips of the plan are sold out, one seat a claim, so many claims at a time: the service's own way, gate and
    all, but without gRPC; and by bare loops that send the same batches, each as a request and through group commit.

    The settings are those of a service without background jobs and events. CPU seconds are those of the processes that
    sell; `database` names the database's own, whose CPU time is shown too. Raises StartFailed.
    """
    found = BenchResult()
    async with AsyncExitStack() as stack:
        inventory = await stack.enter_async_context(open_inventory(settings))
        ways = await stack.enter_async_context(_ways(settings, plan))
        for at_once in in_flight:
            for _ in range(TURNS):
                for way, work in ways.items():
                    trips, name = await _opened(inventory, plan), f"{way}, {at_once} in flight"
                    sold = await with_cpu_of(database, work(trips, at_once))
                    note(found, name, sold)
                    show(name, sold.measured)
                    if way == SERVICE and not plan.churn_s:
                        found.wrong += await check(inventory, trips, sold.measured)
            for way in ways.keys() - {SERVICE}:
                names = (f"{SERVICE}, {at_once} in flight", f"{way}, {at_once} in flight")
                found.ratios[" / ".join(names)] = ratio(*(found.slices[name] for name in names))
    return found


@asynccontextmanager
async def _ways(settings: Settings, plan: Plan) -> AsyncIterator[dict[str, _Work]]:
    """Every way of selling, by name."""
    async with AsyncExitStack() as stack:
        ways: dict[str, _Work] = {}
        if plan.is_compared:
            store = await stack.enter_async_context(open_scylla(settings))
            grouped = GroupCommit(store, company_max=settings.scylla.group_commit_max)

            def counted() -> Counter[str]:
                steps, batches = grouped.counts.members, grouped.counts.groups
                return Counter({ASKED: store.counts.requests, STEPS: steps, SHARED: batches})

            ways = {name: _Bare(each, plan, counted).sell for name, each in ((REQUESTS, store), (STORE, grouped))}
        selling = await stack.enter_async_context(sellers(partial(_open, settings), plan.processes))
        yield ways | {SERVICE: partial(selling.sell, churn_s=plan.churn_s, confirms=plan.confirms)}


def _open(settings: Settings, figures: Figures) -> AbstractAsyncContextManager[Inventory]:
    return open_inventory(settings, figures=figures)


async def _opened(inventory: Inventory, plan: Plan) -> Sequence[Trip]:
    """New trips, on sale."""
    trips = [
        bench_trips.wide(plan.seats, segments=plan.segments, seats_per_group=plan.seats_per_group)
        for _ in range(plan.trips)
    ]
    room = asyncio.Semaphore(OPENED_AT_ONCE)

    async def open_one(trip: Trip) -> None:
        async with room:
            await inventory.open_trip(house_of(trip.key.organization), trip)

    await asyncio.gather(*map(open_one, trips))
    return trips


def note(found: BenchResult, name: str, sold: Sold) -> None:
    """Add what was measured, and what the store counted for each call."""
    found.add(name, sold.measured)
    for what, count in sold.counted.items():
        found.numbers[f"{name}: {what}"] = (found.numbers.get(f"{name}: {what}") or 0) + count
    for what, share in A_CALL.items():
        if count_in_all := found.numbers.get(f"{name}: {what}"):
            found.numbers[f"{name}: {share}"] = round(count_in_all / found.slices[name].calls, 3)


async def with_cpu_of(database: Sequence[int], selling: Awaitable[Sold]) -> Sold:
    """What was sold, and the CPU time that those processes took meanwhile."""
    before = _cpu_ms(database)
    sold = await selling
    return sold._replace(counted=sold.counted + Counter({DATABASE_CPU_MS: _cpu_ms(database) - before}))


def _cpu_ms(processes: Sequence[int]) -> int:
    return round(1_000 * sum(filter(None, map(cpu_seconds, processes))))


class _Bare:
    """A loop that does nothing but keep so many batches in flight."""

    def __init__(self, batches: Batches, plan: Plan, counted: Callable[[], Counter[str]]) -> None:
        self._batches = batches
        self._plan = plan
        self._counted = counted

    async def sell(self, trips: Sequence[Trip], at_once: int) -> Sold:
        """Hold every seat, by the batches that the service would send."""
        ready = [claim for trip in trips for claim in await recorded_claims(trip, confirms=self._plan.confirms)]
        Random(1).shuffle(ready)  # noqa: S311 - as the service has them
        before = self._counted()
        measured = await driven(ready, at_once, self._said)
        return Sold(measured, self._counted() - before)

    async def _said(self, claim: _Claim) -> str:
        for batch in claim:
            outcome = await self._batches.apply(*batch)
            if not isinstance(outcome, Applied):
                return type(outcome).__name__
        return "won"


class _Recorder:
    """Batches that are kept as they pass."""

    def __init__(self, batches: Batches) -> None:
        self.kept: list[_Batch] = []
        self.get, self.read, self.read_index = batches.get, batches.read, batches.read_index
        self._batches = batches

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        """See Batches."""
        if partition.table is Table.SEAT_GROUPS and writes:
            self.kept.append(_Batch(partition, writes))
        return await self._batches.apply(partition, writes, entries, send_by=send_by)


async def recorded_claims(trip: Trip, *, confirms: bool = False) -> list[_Claim]:
    """The batches that the protocol sends for each seat of the trip, from its first stop to its last."""
    recorder = _Recorder(MemoryBatches(None, Random(), asyncio.sleep))  # noqa: S311 - draws faults, of which are none
    ports = Ports(recorder, AbsentGate(), AbsentTakenSeats(), AbsentSeatMapCache(), {})
    rules = InventoryRules(HoldTimes(TTL_S, TTL_S, TTL_S))
    inventory = assemble(ports, SystemClock(), SystemRandom(), rules).inventory
    await inventory.open_trip(house_of(trip.key.organization), trip)
    claims = list[_Claim]()
    for claim in claims_of([trip]):
        recorder.kept = []
        await sold(inventory, claim, confirms=confirms)
        claims.append(recorder.kept)
    return claims
