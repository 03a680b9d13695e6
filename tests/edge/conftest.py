"""The edges that the contract suites run on, each with a way to let time pass."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

import pytest

from travio_inventory.domain.trip import TripKey
from travio_inventory.edge.absent import AbsentGate, AbsentSeatMapCache, AbsentTakenSeats
from travio_inventory.edge.local import LocalGate, LocalSeatMapCache
from travio_inventory.engine.ports import BlockKey, Cell, Gate, GateAnswer, SeatMapCache, TakenSeats


@dataclass(frozen=True)
class Edge:
    """An edge under test. `remembers` is whether it is there at all: one that is not must still be safe.

    An edge is shared by many tests: each works on trips of its own.
    """

    gate: Gate
    taken: TakenSeats
    seat_maps: SeatMapCache
    wait: Callable[[int], Awaitable[None]]
    remembers: bool
    taken_ttl_ms: int
    stale_ms_max: int

    def trip(self) -> TripKey:
        """A trip that nobody has used before."""
        return TripKey("edge-tests", uuid4().hex)

    def door(self) -> "Door":
        """The gate of a block that nobody has used before."""
        return Door(self, BlockKey(self.trip(), 0))


@dataclass(frozen=True)
class Door:
    """The gate of one block, with cells as words: "A1:0 A1:1" are the first two segments of seat A1."""

    edge: Edge
    block: BlockKey

    async def enter(
        self, claimant: str, words: str, *, attempt: str = "", ttl_ms: int = 60_000
    ) -> GateAnswer:
        """Try to pass; an attempt's token is its own, a claimant has one attempt unless others are named."""
        return await self.edge.gate.enter(
            self.block, cells(words), token=f"token-{attempt or claimant}", claimant=claimant, ttl_ms=ttl_ms
        )

    async def leave(self, claimant: str, words: str, *, attempt: str = "") -> None:
        """Unlock with the attempt's token."""
        await self.edge.gate.leave(self.block, cells(words), token=f"token-{attempt or claimant}")

    async def mark(self, claimant: str, words: str) -> None:
        """The cells are taken."""
        await self.edge.taken.mark(self.block, cells(words), claimant=claimant)

    async def clear(self, words: str) -> None:
        """The cells may be free."""
        await self.edge.taken.clear(self.block, cells(words))


def cells(words: str) -> list[Cell]:
    """The cells that the words name."""
    return [Cell(seat, int(segment)) for seat, _, segment in (word.rpartition(":") for word in words.split())]


class Hands:
    """A clock that stands still unless a test moves it."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000

    async def wait(self, ms: int) -> None:
        """That much time passes."""
        self.now_ms += ms


def local_edge() -> Edge:
    """The edge within this process."""
    hands = Hands()
    gate = LocalGate(lambda: hands.now_ms, entries_max=10_000)
    cache = LocalSeatMapCache(lambda: hands.now_ms, trips_max=1_000)
    return Edge(gate, gate, cache, hands.wait, remembers=True, taken_ttl_ms=2_000, stale_ms_max=2_000)


def absent_edge() -> Edge:
    """No edge."""
    return Edge(
        AbsentGate(),
        AbsentTakenSeats(),
        AbsentSeatMapCache(),
        Hands().wait,
        remembers=False,
        taken_ttl_ms=2_000,
        stale_ms_max=2_000,
    )


EDGES = {"local": local_edge, "absent": absent_edge}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """The loop that the service runs on."""
    return "asyncio"


@pytest.fixture(scope="module", params=EDGES)
def edge(request: pytest.FixtureRequest) -> Edge:
    """Every edge."""
    return EDGES[request.param]()


@pytest.fixture(scope="module", params=["local"])
def present_edge(request: pytest.FixtureRequest) -> Edge:
    """Every edge that remembers."""
    return EDGES[request.param]()
