"""Keeps the edge in line with the store: taken seats, and seat maps that must be read again."""

from travio_inventory.domain.hold import Hold
from travio_inventory.engine.ports import BlockKey, Cell, SeatMapCache, TakenSeats


class EdgeUpkeep:
    """A HoldWatch that marks or clears taken seats and invalidates the map of every block of the hold."""

    def __init__(self, taken: TakenSeats, cache: SeatMapCache) -> None:
        self._taken = taken
        self._cache = cache

    async def changed(self, hold: Hold) -> None:
        """See HoldWatch."""
        by_block = hold.seats_by_block
        await self._cache.invalidate(hold.trip, by_block.keys())
        for block, seats in by_block.items():
            cells = [Cell(seat, segment) for seat in seats for segment in hold.journey.segments]
            if hold.is_live:
                await self._taken.mark(BlockKey(hold.trip, block), cells, claimant=hold.claimant)
            else:
                await self._taken.clear(BlockKey(hold.trip, block), cells)
