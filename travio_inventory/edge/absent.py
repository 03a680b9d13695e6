"""No edge at all: everyone passes and nothing is remembered, so the store does all the work."""

from collections.abc import Collection, Mapping, Sequence

from travio_inventory.seats.ports import Attempt, BlockKey, Cell, GateAnswer, Lease, Occupancy, Passed
from travio_inventory.seats.trip import TripKey


class AbsentGate:
    """Gate. Lets everyone pass."""

    async def enter(self, block: BlockKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int) -> GateAnswer:
        """Passed, always; nothing is locked."""
        return Passed()

    async def leave(self, block: BlockKey, cells: Sequence[Cell], *, token: str) -> None:
        """Nothing was locked."""


class AbsentTakenSeats:
    """TakenSeats. Remembers none."""

    async def mark(self, block: BlockKey, cells: Sequence[Cell], occupancy: Occupancy) -> None:
        """Forgotten at once."""

    async def clear(self, block: BlockKey, cells: Sequence[Cell], *, hold: str) -> None:
        """Nothing was marked."""


class AbsentSeatMapCache:
    """SeatMapCache. Misses every time."""

    async def read(self, trip: TripKey) -> Mapping[int, bytes]:
        """No blocks."""
        return {}

    async def lease(self, trip: TripKey, blocks: Collection[int]) -> Mapping[int, Lease]:
        """A lease for each block, good for nothing."""
        return dict.fromkeys(blocks, "")

    async def fill(self, trip: TripKey, packed: Mapping[int, tuple[Lease, bytes]]) -> None:
        """Forgotten at once."""

    async def invalidate(self, trip: TripKey, blocks: Collection[int]) -> bool:
        """Nothing was kept."""
        return True
