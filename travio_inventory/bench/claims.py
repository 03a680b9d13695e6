"""Free seats claimed on the scylla store, compared with a plain loop of the driver that sends the same batches."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from random import Random, SystemRandom
from time import perf_counter, process_time
from typing import Any

from cassandra.cluster import Session
from cassandra.query import BatchStatement, BoundStatement, PreparedStatement

from travio_inventory.app.assemble import InventoryRules, Ports, assemble
from travio_inventory.app.backends.scylla import options_of
from travio_inventory.app.service import open_inventory
from travio_inventory.bench import bench_trips
from travio_inventory.bench.measuring import Slice, ratio
from travio_inventory.bench.throughput import BenchResult, Tell
from travio_inventory.edge.absent import AbsentGate, AbsentSeatMapCache, AbsentTakenSeats
from travio_inventory.kernel.actor import Actor, house_of
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.kernel.refusals import OutcomeUnknown, Refusal
from travio_inventory.protocol.batches import ANY_TIME, Batches, IndexEntry, Outcome, Partition, Table, Write
from travio_inventory.seats.commands import HoldSeatsCommand, SeatMapQuery
from travio_inventory.seats.seat import Available
from travio_inventory.seats.trip import Ends, Trip
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.seats.use_cases.hold_seats import HoldTimes
from travio_inventory.settings import Settings
from travio_inventory.store.memory import MemoryBatches
from travio_inventory.store.scylla.answers import is_applied
from travio_inventory.store.scylla.connecting import BATCH, ResultRows, session
from travio_inventory.store.scylla.prepared import Prepared
from travio_inventory.store.scylla.statements import Place, Statement, batch_of, place_of

TURNS = 3
TTL_S = 3_600
SELL_OUT_SECONDS_MAX = 600.0

_Batch = tuple[Partition, Sequence[Write]]


async def claims(
    settings: Settings, *, in_flight: Sequence[int], seats: int, seats_per_group: int, show: Tell
) -> BenchResult:
    """Trips of so many seats are sold out, one seat on two segments a claim, so many claims at a time: the service's
    own way, gate and all, but without gRPC; and a bare loop of the driver that sends the same batches.

    The settings are those of a service without background jobs and events. CPU seconds are this process's. Raises
    StartFailed.
    """
    found = BenchResult()
    async with AsyncExitStack() as stack:
        inventory = await stack.enter_async_context(open_inventory(settings))
        bare = stack.enter_context(session(options_of(settings)))
        driver = _Driver(bare, settings.scylla.keyspace)
        for at_once in in_flight:
            for _ in range(TURNS):
                for name, loop in (("the driver alone", driver.claim_all), ("the service", _claim_all)):
                    trip = bench_trips.wide(seats, seats_per_group=seats_per_group)
                    await inventory.open_trip(house_of(trip.key.organization), trip)
                    measured = await loop(inventory, trip, at_once)
                    found.add(f"{name}, {at_once} in flight", measured)
                    show(f"{name}, {at_once} in flight", measured)
                    if loop is _claim_all:
                        found.wrong += await _check(inventory, trip, measured)
            names = (f"the service, {at_once} in flight", f"the driver alone, {at_once} in flight")
            found.ratios[" / ".join(names)] = ratio(*(found.slices[name] for name in names))
    return found


async def _claim_all(inventory: Inventory, trip: Trip, at_once: int) -> Slice:
    """Hold one seat after the other, in any order, until none is left."""
    measured, seats = Slice(), _shuffled([seat.id for seat in trip.seats])
    cpu, began = process_time(), perf_counter()

    async def claim() -> None:
        for seat in seats:
            sent, said = perf_counter(), "won"
            try:
                await _hold(inventory, trip, seat)
            except Refusal as refusal:
                said = refusal.reason
            measured.latencies_s.append(perf_counter() - sent)
            measured.counts[said] += 1

    await asyncio.gather(*(claim() for _ in range(at_once)))
    measured.wall_s, measured.cpu_s = perf_counter() - began, process_time() - cpu
    return measured


class _Driver:
    """A loop that does nothing but keep so many batches in flight."""

    def __init__(self, opened: Session, keyspace: str) -> None:
        self._session = opened
        self._keyspace = keyspace
        self._prepared = Prepared(opened)

    async def claim_all(self, _: Inventory, trip: Trip, at_once: int) -> Slice:
        """Like `_claim_all`, with the batches that it would send."""
        batches = await recorded_claims(trip)
        for partition, writes in batches:
            for text, _values in batch_of(self._keyspace, place_of(partition), writes):
                await self._prepared.get(text)
        return await asyncio.to_thread(self._run, _shuffled(batches), at_once)

    def _run(self, batches: Iterator[_Batch], at_once: int) -> Slice:
        measured, lock, idle = Slice(), threading.Lock(), threading.Semaphore(0)
        cpu, began = process_time(), perf_counter()

        def send() -> None:
            with lock:
                batch = next(batches, None)
            if batch is None:
                idle.release()
                return
            partition, writes = batch
            place = place_of(partition)
            statements = batch_of(self._keyspace, place, writes)
            prepared = [self._prepared.known(text) for text, _ in statements]
            statement = batch_statement(self._keyspace, place, statements, [one for one in prepared if one])
            sent = perf_counter()
            response = self._session.execute_async(statement, execution_profile=BATCH)
            response.add_callbacks(answered, failed, callback_args=(sent,))

        def answered(answer: ResultRows, sent: float) -> None:
            measured.latencies_s.append(perf_counter() - sent)
            measured.counts["won" if is_applied(answer) else "refused"] += 1
            send()

        def failed(error: Exception) -> None:
            measured.counts[type(error).__name__] += 1
            send()

        for _ in range(at_once):
            send()
        for _ in range(at_once):
            if not idle.acquire(timeout=SELL_OUT_SECONDS_MAX):
                raise TimeoutError("the driver did not answer")
        measured.wall_s, measured.cpu_s = perf_counter() - began, process_time() - cpu
        return measured


def batch_statement(
    keyspace: str, place: Place, statements: Sequence[Statement], prepared: Sequence[PreparedStatement]
) -> BatchStatement:
    """One batch of prepared statements. It knows neither its table nor its partition by itself: without them it would
    go to any node.
    """
    batch = BatchStatement()
    batch.keyspace, batch.table, batch.routing_key = keyspace, place.table, place.routing_key
    for statement, one in zip(statements, prepared, strict=True):
        bound = BoundStatement(one)
        bound.values = statement.values
        batch.add(bound)
    return batch


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
        if partition.table is Table.SEAT_GROUPS:
            self.kept.append((partition, writes))
        return await self._batches.apply(partition, writes, entries, send_by=send_by)


async def recorded_claims(trip: Trip) -> list[_Batch]:
    """The batch that the protocol sends for each seat of the trip, from its first stop to its last."""
    recorder = _Recorder(MemoryBatches(None, Random(), asyncio.sleep))  # noqa: S311 - draws faults, of which are none
    ports = Ports(recorder, AbsentGate(), AbsentTakenSeats(), AbsentSeatMapCache(), {})
    rules = InventoryRules(HoldTimes(TTL_S, TTL_S, TTL_S))
    inventory = assemble(ports, SystemClock(), SystemRandom(), rules).inventory
    await inventory.open_trip(house_of(trip.key.organization), trip)
    recorder.kept.clear()
    for seat in trip.seats:
        await _hold(inventory, trip, seat.id)
    return recorder.kept


async def _check(inventory: Inventory, trip: Trip, measured: Slice) -> list[str]:
    """Whether as many seats are gone as were won; unknown attempts may or may not have one."""
    seat_map = await inventory.read_seat_map(_buyer(trip), SeatMapQuery(trip_id=trip.key.trip, ends=_ends(trip)))
    gone = sum(not isinstance(state, Available) for _, state in seat_map.seats())
    won, unknown = measured.counts["won"], measured.counts[OutcomeUnknown.reason]
    return [] if won <= gone <= won + unknown else [f"{trip.key.trip}: {gone} seats are gone, {won} were won"]


async def _hold(inventory: Inventory, trip: Trip, seat: str) -> None:
    command = HoldSeatsCommand(trip_id=trip.key.trip, ends=_ends(trip), seat_ids=(seat,), ttl_s=TTL_S)
    await inventory.hold_seats(_buyer(trip), command)


def _ends(trip: Trip) -> Ends:
    return Ends(trip.stops[0], trip.stops[-1])


def _buyer(trip: Trip) -> Actor:
    return Actor(trip.key.organization, "buyer")


def _shuffled(things: list[Any]) -> Iterator[Any]:
    Random(1).shuffle(things)  # noqa: S311 - the same order for both
    return iter(things)
