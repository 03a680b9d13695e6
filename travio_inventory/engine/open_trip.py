"""Opens a trip for sale: keeps its definition and makes its cells."""

import anyio

from travio_inventory.domain.trip import Trip
from travio_inventory.engine.ports import Trips

BLOCKS_AT_ONCE = 16


class OpenTrip:
    """Opening again is a no-op for the same definition, resumes what a crash cut short, and never resets a seat."""

    def __init__(self, trips: Trips) -> None:
        self._trips = trips

    async def __call__(self, trip: Trip) -> None:
        """Raises TripDefinedOtherwise, BackendUnavailable, OutcomeUnknown."""
        await self._trips.define(trip)
        at_once = anyio.CapacityLimiter(BLOCKS_AT_ONCE)

        async def seed(block: int) -> None:
            async with at_once:
                await self._trips.seed(trip, block)

        async with anyio.create_task_group() as seeding:
            for block in range(trip.block_count):
                seeding.start_soon(seed, block)
