"""Keeps the edge in line with the store: marks taken seats and invalidates seat maps."""

from collections.abc import Sequence

from travio_inventory.protocol.resource import Taken
from travio_inventory.seats.hold import Held, Hold
from travio_inventory.seats.ports import Cell, Occupancy, SeatGroupKey, SeatMapCache, TakenSeats
from travio_inventory.seats.records.seats import taken_cells


class EdgeUpkeep:
    """A HoldWatch that marks or clears taken seats and invalidates the map of every group of a hold that changed."""

    def __init__(self, taken: TakenSeats, cache: SeatMapCache) -> None:
        self._taken = taken
        self._cache = cache

    async def changed(self, hold: Hold, *, as_of_ms: int) -> None:
        """See HoldWatch."""
        by_group = hold.seats_by_group
        if hold.before is not None and hold.is_live:
            await self._given_up(hold.before, hold)
        await self._cache.invalidate(hold.trip, by_group.keys())
        for group, seats in by_group.items():
            cells = [Cell(seat, segment) for seat in seats for segment in hold.journey.segments]
            if hold.is_live:
                await self._taken.mark(SeatGroupKey(hold.trip, group), cells, _occupancy(hold, as_of_ms))
            else:
                await self._taken.clear(SeatGroupKey(hold.trip, group), cells, hold=hold.id)

    async def _given_up(self, before: Hold, hold: Hold) -> None:
        """What it had before, and has no more."""
        await self._cache.invalidate(hold.trip, before.seats_by_group.keys() - hold.seats_by_group.keys())
        kept = {Cell(seat, segment) for seat in hold.seats for segment in hold.journey.segments}
        for group, seats in before.seats_by_group.items():
            had = [Cell(seat, segment) for seat in seats for segment in before.journey.segments]
            gone = [cell for cell in had if cell not in kept]
            await self._taken.clear(SeatGroupKey(hold.trip, group), gone, hold=hold.id)

    async def refused(self, hold: Hold, taken: Sequence[Taken], *, as_of_ms: int) -> None:
        """See HoldWatch. The gate turns the next contenders away from the cells that the store named."""
        groups = dict(zip(hold.seats, hold.groups, strict=True))
        alike: dict[tuple[int, Occupancy], list[Cell]] = {}
        for cell in taken_cells(taken):
            occupancy = Occupancy(cell.hold, cell.claimant, cell.status, cell.until_ms, as_of_ms)
            alike.setdefault((groups[cell.seat], occupancy), []).append(Cell(cell.seat, cell.segment))
        for (group, occupancy), cells in alike.items():
            await self._taken.mark(SeatGroupKey(hold.trip, group), cells, occupancy)


def _occupancy(hold: Hold, as_of_ms: int) -> Occupancy:
    if not isinstance(hold.state, Held):
        return Occupancy(hold.id, hold.claimant, "sold", 0, as_of_ms)
    if not hold.holder:
        return Occupancy(hold.id, hold.claimant, "blocked", 0, as_of_ms)
    return Occupancy(hold.id, hold.claimant, "held", hold.state.expires_at_ms, as_of_ms)
