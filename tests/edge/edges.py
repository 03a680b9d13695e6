"""The edges that the contract suites run on, each with a way to let time pass."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias
from uuid import uuid4

import pytest

from travio_inventory.bench.free_ports import free_port
from travio_inventory.edge.absent import AbsentGate, AbsentSeatMapCache, AbsentTakenSeats
from travio_inventory.edge.deployments import prefix_of
from travio_inventory.edge.local import LocalGate, LocalSeatMapCache
from travio_inventory.edge.redis_options import Cluster, RedisAddress, RedisOptions, Standalone
from travio_inventory.edge.remembering import GateMemory, RememberingGate
from travio_inventory.edge.shared import open_shared_edge
from travio_inventory.seats.ports import (
    Attempt,
    Cell,
    Gate,
    GateAnswer,
    Occupancy,
    SeatGroupKey,
    SeatMapCache,
    Taken,
    TakenSeats,
)
from travio_inventory.seats.trip import TripKey
from verification.kit.edges import redis_options
from verification.servers.redis import HOST, RedisServer

DEPLOYMENT = "edge tests"
MEMORY_MS = 2_000
"""How long an edge remembers taken seats and seat maps, so that a test can wait until it forgets."""
SHARED_MEMORY_MS = 4_000
"""The same where time is not moved by hand: so that a busy machine gets something done before it forgets."""
LASTING_MS = 60_000
"""Longer than any test takes, even on a loaded machine."""


def in_redis(key: bytes) -> str:
    """The key as Redis has it."""
    return (prefix_of(DEPLOYMENT) + key).decode()


@dataclass(frozen=True)
class EdgeUnderTest:
    """An edge under test. `remembers` is whether it is there at all: one that is not must still be safe.

    An edge is shared by many tests: each works on trips of its own.
    """

    gate: Gate
    taken: TakenSeats
    seat_maps: SeatMapCache
    wait: Callable[[int], Awaitable[None]]
    today_ms: Callable[[], int]
    remembers: bool
    taken_ttl_ms: int
    stale_ms_max: int

    def trip(self) -> TripKey:
        """A trip that nobody has used before."""
        return TripKey("edge-tests", uuid4().hex)

    def group_gate(self) -> "GroupGate":
        """The gate of a seat group that nobody has used before."""
        return GroupGate(self, SeatGroupKey(self.trip(), 0))


@dataclass(frozen=True)
class GroupGate:
    """The gate of one seat group, with cells as words: "A1:0 A1:1" are the first two segments of seat A1."""

    edge: EdgeUnderTest
    group: SeatGroupKey

    async def enter(
        self,
        claimant: str,
        words: str,
        *,
        attempt: str = "",
        has_key: bool = False,
        settles: bool = False,
        ttl_ms: int = 60_000,
    ) -> GateAnswer:
        """Try to pass; an attempt's token is its own, a claimant has one attempt unless others are named."""
        who = Attempt(f"token-{attempt or claimant}", claimant, has_key, settles)
        return await self.edge.gate.enter(self.group, cells(words), who, ttl_ms=ttl_ms)

    async def leave(self, claimant: str, words: str, *, attempt: str = "") -> None:
        """Unlock with the attempt's token."""
        await self.edge.gate.leave(self.group, cells(words), token=f"token-{attempt or claimant}")

    async def mark(
        self,
        claimant: str,
        words: str,
        *,
        hold: str = "",
        status: str = "held",
        held_ms: int = 60_000,
        age_ms: int = 0,
    ) -> Occupancy:
        """Mark the cells as taken, by a batch sent `age_ms` ago; a claimant has one hold unless others are named."""
        now_ms = self.edge.today_ms()
        until_ms = now_ms + held_ms if status == "held" else 0
        occupancy = Occupancy(hold or f"hold-{claimant}", claimant, status, until_ms, now_ms - age_ms)
        await self.edge.taken.mark(self.group, cells(words), occupancy)
        return occupancy

    async def clear(self, claimant: str, words: str, *, hold: str = "") -> None:
        """Report that the claimant's hold has ended."""
        await self.edge.taken.clear(self.group, cells(words), hold=hold or f"hold-{claimant}")

    async def told(self) -> None:
        """Return when the edge has done what this process told it before, whose answers nobody waits for: it answers
        in the order in which it is asked.
        """
        await self.enter("nobody", "Z9:0")


def who_has(answer: GateAnswer) -> dict[str, str]:
    """For each seat that the answer says is taken, in its order, the status."""
    assert isinstance(answer, Taken), answer
    return {cell.seat: cell.status for cell in answer.cells}


def cells(words: str) -> list[Cell]:
    """The cells that the words name."""
    return [Cell(seat, int(segment)) for seat, _, segment in (word.rpartition(":") for word in words.split())]


class HandMovedClock:
    """A clock that stands still unless a test moves it."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000

    async def wait(self, ms: int) -> None:
        """Let this time pass."""
        self.now_ms += ms


def local_edge(*, remembered: bool = False) -> EdgeUnderTest:
    """The edge within this process; `remembered` as one that is asked from afar."""
    clock = HandMovedClock()
    local = LocalGate(lambda: clock.now_ms, lambda: clock.now_ms, entries_max=10_000)
    gate = RememberingGate(local, GateMemory(lambda: clock.now_ms)) if remembered else local
    cache = LocalSeatMapCache(lambda: clock.now_ms, trips_max=1_000)
    return EdgeUnderTest(
        gate,
        gate,
        cache,
        clock.wait,
        lambda: clock.now_ms,
        remembers=True,
        taken_ttl_ms=MEMORY_MS,
        stale_ms_max=MEMORY_MS,
    )


def absent_edge() -> EdgeUnderTest:
    """No edge."""
    return EdgeUnderTest(
        AbsentGate(),
        AbsentTakenSeats(),
        AbsentSeatMapCache(),
        HandMovedClock().wait,
        today_ms,
        remembers=False,
        taken_ttl_ms=MEMORY_MS,
        stale_ms_max=MEMORY_MS,
    )


@asynccontextmanager
async def always(edge: EdgeUnderTest) -> AsyncIterator[EdgeUnderTest]:
    """An edge that nobody needs to open."""
    yield edge


@asynccontextmanager
async def redis_edge(
    options: RedisOptions,
    *,
    deployment: str = DEPLOYMENT,
    remembers: bool = True,
    unguarded_max: int = 1_000,
    taken_ttl_ms: int = MEMORY_MS,
    stale_ms_max: int = MEMORY_MS,
) -> AsyncIterator[EdgeUnderTest]:
    """The edge on Redis."""
    async with open_shared_edge(
        options,
        now_ms,
        deployment=deployment,
        taken_ttl_ms=taken_ttl_ms,
        unguarded_max=unguarded_max,
        trips_max=100,
        stale_ms_max=stale_ms_max,
    ) as opened:
        yield EdgeUnderTest(
            opened.gate,
            opened.gate,
            opened.seat_maps,
            lambda ms: asyncio.sleep(ms / 1_000),
            today_ms,
            remembers=remembers,
            taken_ttl_ms=taken_ttl_ms,
            stale_ms_max=stale_ms_max,
        )


def now_ms() -> int:
    """A clock that never goes back."""
    return time.monotonic_ns() // 1_000_000


def today_ms() -> int:
    """The time of day."""
    return time.time_ns() // 1_000_000


EdgeOpener: TypeAlias = Callable[[], AbstractAsyncContextManager[EdgeUnderTest]]

PRESENT = [
    "local",
    "remembered",
    pytest.param("redis", marks=pytest.mark.redis),
    pytest.param("redis-cluster", marks=[pytest.mark.redis, pytest.mark.cluster]),
]
EDGES = ["absent", "redis-away", *PRESENT]


def opener(name: str, request: pytest.FixtureRequest, *, memory_ms: int = SHARED_MEMORY_MS) -> EdgeOpener:
    """How to open the edge of that name, with this memory in Redis; its servers run when this returns."""
    if name == "local":
        return lambda: always(local_edge())
    if name == "remembered":
        return lambda: always(local_edge(remembered=True))
    if name == "absent":
        return lambda: always(absent_edge())
    if name == "redis":
        node: RedisServer = request.getfixturevalue("redis_node")
        return _remembering(Standalone((HOST, node.port)), memory_ms)
    if name == "redis-cluster":
        nodes: tuple[RedisServer, ...] = request.getfixturevalue("redis_nodes")
        return _remembering(Cluster(((HOST, nodes[0].port),)), memory_ms)
    nobody = Standalone((HOST, free_port(HOST)))
    return lambda: redis_edge(redis_options(nobody), remembers=False)


def _remembering(address: RedisAddress, memory_ms: int) -> EdgeOpener:
    """Opens an edge that also waits for each reply for as long as it remembers."""
    options = redis_options(address, reply_ms_max=memory_ms)
    return lambda: redis_edge(options, taken_ttl_ms=memory_ms, stale_ms_max=memory_ms)
