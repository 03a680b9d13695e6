"""Reads the seat map of a journey through the cache."""

import asyncio
from collections.abc import Collection

from travio_inventory.domain.seat_map import SeatMap
from travio_inventory.domain.trip import Ends, Trip, TripKey
from travio_inventory.engine.ports import BlockKey, Holds, Lease, SeatMapCache
from travio_inventory.engine.trip_catalog import TripCatalog


class ReadSeatMap:
    """One read of the store for each block that the cache misses, however many ask at once."""

    def __init__(self, trips: TripCatalog, holds: Holds, cache: SeatMapCache) -> None:
        self._trips = trips
        self._holds = holds
        self._cache = cache
        self._reads: dict[tuple[BlockKey, Lease], asyncio.Task[bytes]] = {}

    async def __call__(self, key: TripKey, ends: Ends) -> SeatMap:
        """The map. Raises TripNotFound, InvalidJourney, TripOpening, BackendUnavailable."""
        trip = await self._trips.get(key)
        journey = trip.journey(ends)
        blocks = await self._cache.read(key)
        if len(blocks) < trip.block_count:
            blocks = {**blocks, **await self._read_missing(trip, blocks.keys())}
        return SeatMap(trip, journey, tuple(map(blocks.__getitem__, range(trip.block_count))))

    async def _read_missing(self, trip: Trip, cached: Collection[int]) -> dict[int, bytes]:
        leases = await self._cache.lease(trip.key, [n for n in range(trip.block_count) if n not in cached])
        reads = {block: self._read(trip, block, lease) for block, lease in leases.items()}
        packed = {block: await asyncio.shield(read) for block, read in reads.items()}
        await self._cache.fill(trip.key, {block: (leases[block], data) for block, data in packed.items()})
        return packed

    def _read(self, trip: Trip, block: int, lease: Lease) -> asyncio.Task[bytes]:
        """The read under way for this lease, or a new one. A write in between means another lease, hence
        another read: nobody joins a read that began before their own write.
        """
        name = (BlockKey(trip.key, block), lease)
        read = self._reads.get(name)
        if read is None:
            read = self._reads[name] = asyncio.ensure_future(self._holds.pack(trip, block))
            read.add_done_callback(lambda done: self._forget(name, done))
        return read

    def _forget(self, name: tuple[BlockKey, Lease], read: asyncio.Task[bytes]) -> None:
        del self._reads[name]
        if not read.cancelled():
            read.exception()
