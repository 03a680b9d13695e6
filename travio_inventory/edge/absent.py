"""No edge at all: everyone passes and nothing is remembered, so the store does all the work."""

from collections.abc import Collection, Mapping, Sequence

from travio_inventory.seats.ports import Attempt, Cell, GateAnswer, Lease, Occupancy, Passed, SeatGroupKey
from travio_inventory.seats.trip import TripKey


class AbsentGate:
    """Gate. Lets everyone pass."""

    async def enter(self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int) -> GateAnswer:
        """Passed, always; nothing is locked."""
        return Passed()

    async def leave(self, group: SeatGroupKey, cells: Sequence[Cell], *, token: str) -> None:
        """Nothing was locked."""


class AbsentTakenSeats:
    """TakenSeats. Remembers none."""

    async def mark(self, group: SeatGroupKey, cells: Sequence[Cell], occupancy: Occupancy) -> None:
        """Drops it."""

    async def clear(self, group: SeatGroupKey, cells: Sequence[Cell], *, hold: str) -> None:
        """Nothing was marked."""


class AbsentSeatMapCache:
    """SeatMapCache. Misses every time."""

    async def read(self, trip: TripKey) -> Mapping[int, bytes]:
        """No seat groups."""
        return {}

    async def lease(self, trip: TripKey, groups: Collection[int]) -> Mapping[int, Lease]:
        """A lease for each seat group; it fills nothing."""
        return dict.fromkeys(groups, "")

    async def fill(self, trip: TripKey, packed: Mapping[int, tuple[Lease, bytes]]) -> None:
        """Drops it."""

    async def invalidate(self, trip: TripKey, groups: Collection[int]) -> bool:
        """Nothing was stored."""
        return True
