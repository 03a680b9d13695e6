"""Keeps the edge in line with the store: marks taken seats and invalidates seat maps."""

from collections.abc import Collection, Iterable, Sequence

from travio_inventory.protocol.resource import Taken
from travio_inventory.seats.hold import Held, Hold
from travio_inventory.seats.names import cells_on, group_named
from travio_inventory.seats.ports import Cell, Occupancy, SeatMapCache, TakenSeats
from travio_inventory.seats.records.seats import taken_cells


class EdgeUpkeep:
    """A HoldWatch that marks or clears taken seats, and then invalidates the map of every group of a hold that changed:
    an invalidation makes other processes ask again what the gate says.
    """

    def __init__(self, taken: TakenSeats, cache: SeatMapCache) -> None:
        self._taken = taken
        self._cache = cache

    async def changed(self, hold: Hold, *, as_of_ms: int) -> None:
        """See HoldWatch."""
        groups: Collection[int] = hold.seats_by_group.keys()
        if hold.before is not None and hold.is_live:
            groups = {*groups, *hold.before.seats_by_group}
            await self._clear_given_up(hold.before, hold)
        for group, seats in hold.seats_by_group.items():
            if hold.is_live:
                await self._taken.mark(group_named(hold.trip, group), _cells(hold, seats), _occupancy(hold, as_of_ms))
            else:
                await self._taken.clear(group_named(hold.trip, group), _cells(hold, seats), hold=hold.id)
        await self._cache.invalidate(hold.trip, groups)

    async def _clear_given_up(self, before: Hold, hold: Hold) -> None:
        """What it had before, and has no more."""
        kept = set(_cells(hold, hold.seats))
        for group, seats in before.seats_by_group.items():
            gone = [cell for cell in _cells(before, seats) if cell not in kept]
            await self._taken.clear(group_named(hold.trip, group), gone, hold=hold.id)

    async def refused(self, hold: Hold, taken: Sequence[Taken], *, as_of_ms: int) -> None:
        """See HoldWatch. The gate turns the next contenders away from the cells that the store named."""
        groups = dict(zip(hold.seats, hold.groups, strict=True))
        alike: dict[tuple[int, Occupancy], list[Cell]] = {}
        for cell in taken_cells(taken):
            occupancy = Occupancy(cell.hold, cell.claimant, cell.status, cell.until_ms, as_of_ms)
            alike.setdefault((groups[cell.seat], occupancy), []).append(Cell(cell.seat, cell.segment))
        for (group, occupancy), cells in alike.items():
            await self._taken.mark(group_named(hold.trip, group), cells, occupancy)


def _cells(hold: Hold, seats: Iterable[str]) -> list[Cell]:
    return [cell for seat in seats for cell in cells_on(seat, hold.journey)]


def _occupancy(hold: Hold, as_of_ms: int) -> Occupancy:
    if not isinstance(hold.state, Held):
        return Occupancy(hold.id, hold.claimant, "sold", 0, as_of_ms)
    if not hold.holder:
        return Occupancy(hold.id, hold.claimant, "blocked", 0, as_of_ms)
    return Occupancy(hold.id, hold.claimant, "held", hold.state.expires_at_ms, as_of_ms)
