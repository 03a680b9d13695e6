"""Where a process can be cut: before and after every call of a port, and every commit to the disk."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock
from typing import NamedTuple, TypeVar

from travio_inventory.events.sinks.in_process import InProcess
from travio_inventory.kernel.events import Event
from travio_inventory.protocol.batches import (
    ANY_TIME,
    Batches,
    Index,
    IndexEntry,
    Kind,
    Outcome,
    Partition,
    RowKey,
    Rows,
    Write,
)
from travio_inventory.seats.ports import (
    Attempt,
    Cell,
    Gate,
    GateAnswer,
    Lease,
    Occupancy,
    SeatGroupKey,
    SeatMapCache,
    TakenSeats,
)
from travio_inventory.seats.trip import TripKey
from verification.kit.edges import Edge

T = TypeVar("T")


class Lane(StrEnum):
    """The kinds of calls, each counted separately."""

    CALL = "call"
    """Calls of a port, on the event loop."""
    COMMIT = "commit"
    """Commits of the embedded store, in its thread: the rows are written, but not yet on disk."""


class When(StrEnum):
    """Before or after the call."""

    BEFORE = "before"
    AFTER = "after"


class Point(NamedTuple):
    """The n-th call of its lane, from 1."""

    when: When
    lane: Lane
    number: int

    def __str__(self) -> str:
        return f"{self.when} {self.lane} {self.number}"


Asked = Mapping[Lane, Sequence[str]]
"""The calls in each lane, in order."""


def points(asked: Asked) -> list[Point]:
    """The points before and after each call."""
    return [Point(when, lane, nth + 1) for lane, names in asked.items() for nth in range(len(names)) for when in When]


@dataclass
class Meter:
    """Counts the calls of a play, from `start` to `stop`. At the point `at` it calls `reached` with the name of the
    call, and stops the play.
    """

    at: Point | None = None
    reached: Callable[[str], None] = lambda _: None
    asked: dict[Lane, list[str]] = field(default_factory=lambda: defaultdict(list))
    is_there: bool = False
    _is_counting: bool = False
    _lock: Lock = field(default_factory=Lock)

    def start(self) -> None:
        """Count from here."""
        self._is_counting = True

    def stop(self) -> None:
        """Stop counting."""
        self._is_counting = False

    async def call(self, name: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Make the call, and return its answer."""
        number = self._count(Lane.CALL, name)
        await self._pass(Point(When.BEFORE, Lane.CALL, number), name)
        answer = await ask()
        await self._pass(Point(When.AFTER, Lane.CALL, number), name)
        return answer

    def commit(self, commit: Callable[[], T]) -> T:
        """Make the commit, and return its result; called in the store's thread."""
        number = self._count(Lane.COMMIT, "commit")
        self._look(Point(When.BEFORE, Lane.COMMIT, number), "commit")
        answer = commit()
        self._look(Point(When.AFTER, Lane.COMMIT, number), "commit")
        return answer

    async def go_no_further(self) -> None:
        """Return at once, or never if the play has reached its point."""
        if self.is_there:
            await asyncio.Event().wait()

    def _count(self, lane: Lane, name: str) -> int:
        with self._lock:
            if self._is_counting:
                self.asked[lane].append(name)
                return len(self.asked[lane])
        return 0

    async def _pass(self, point: Point, name: str) -> None:
        self._look(point, name)
        await self.go_no_further()

    def _look(self, point: Point, name: str) -> None:
        if point == self.at and not self.is_there:
            self.is_there = True
            self.reached(name)


# ---- ports whose calls are counted


@dataclass(frozen=True)
class MeteredStore:
    """A store with counted calls."""

    store: Batches
    meter: Meter

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        kinds = " ".join(dict.fromkeys(write.key.kind for write in writes))
        name = f"apply {partition.table} {partition.number}: {kinds}"
        return await self.meter.call(name, lambda: self.store.apply(partition, writes, entries, send_by=send_by))

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        return await self.meter.call(f"get {partition.table}", lambda: self.store.get(partition, keys))

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        return await self.meter.call(
            f"read {kind}", lambda: self.store.read(partition, kind, start=start, end=end, most=most)
        )

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Sequence[str]:
        return await self.meter.call(
            f"read_index {index}", lambda: self.store.read_index(index, bucket, after=after, most=most)
        )


def metered_edge(edge: Edge, meter: Meter) -> Edge:
    """The edge, with counted calls."""
    return edge._replace(
        gate=MeteredGate(edge.gate, meter),
        taken=MeteredTakenSeats(edge.taken, meter),
        seat_maps=MeteredSeatMaps(edge.seat_maps, meter),
    )


@dataclass(frozen=True)
class MeteredGate:
    """A gate with counted calls."""

    gate: Gate
    meter: Meter

    async def enter(self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int) -> GateAnswer:
        return await self.meter.call("gate.enter", lambda: self.gate.enter(group, cells, attempt, ttl_ms=ttl_ms))

    async def leave(self, group: SeatGroupKey, cells: Sequence[Cell], *, token: str) -> None:
        await self.meter.call("gate.leave", lambda: self.gate.leave(group, cells, token=token))


@dataclass(frozen=True)
class MeteredTakenSeats:
    """Taken seats with counted calls."""

    taken: TakenSeats
    meter: Meter

    async def mark(self, group: SeatGroupKey, cells: Sequence[Cell], occupancy: Occupancy) -> None:
        await self.meter.call("taken.mark", lambda: self.taken.mark(group, cells, occupancy))

    async def clear(self, group: SeatGroupKey, cells: Sequence[Cell], *, hold: str) -> None:
        await self.meter.call("taken.clear", lambda: self.taken.clear(group, cells, hold=hold))


@dataclass(frozen=True)
class MeteredSeatMaps:
    """A seat map cache with counted calls."""

    seat_maps: SeatMapCache
    meter: Meter

    async def read(self, trip: TripKey) -> Mapping[int, bytes]:
        return await self.meter.call("seat_maps.read", lambda: self.seat_maps.read(trip))

    async def lease(self, trip: TripKey, groups: Collection[int]) -> Mapping[int, Lease]:
        return await self.meter.call("seat_maps.lease", lambda: self.seat_maps.lease(trip, groups))

    async def fill(self, trip: TripKey, packed: Mapping[int, tuple[Lease, bytes]]) -> None:
        await self.meter.call("seat_maps.fill", lambda: self.seat_maps.fill(trip, packed))

    async def invalidate(self, trip: TripKey, groups: Collection[int]) -> bool:
        return await self.meter.call("seat_maps.invalidate", lambda: self.seat_maps.invalidate(trip, groups))


class MeteredSink(InProcess):
    """A sink with counted calls; `handed_over` gets the events that its subscribers got."""

    def __init__(self, meter: Meter, handed_over: Callable[[Sequence[Event]], None]) -> None:
        super().__init__()
        self._meter = meter
        self._handed_over = handed_over

    async def publish(self, events: Sequence[Event]) -> None:
        await self._meter.call("publish", lambda: self._publish(events))

    async def _publish(self, events: Sequence[Event]) -> None:
        await super().publish(events)
        self._handed_over(events)
