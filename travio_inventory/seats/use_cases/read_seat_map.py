"""Reads the seat map of a journey through the cache."""

import asyncio
from collections.abc import Sequence

from travio_inventory.seats.ports import BlockKey, Holds, Lease
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.trip import Ends, Trip, TripKey
from travio_inventory.seats.use_cases.own_maps import OwnMaps
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog

BLOCKS_PER_PORTION = 64
"""So many blocks of a map are read together, and then kept in the cache whatever becomes of the others."""
READS_AT_ONCE = 256
"""Of all maps together."""


class ReadSeatMap:
    """One read of the store for each block that the cache misses, however many ask at once.

    A map is read in portions, one after the other. A portion that was begun is finished and cached though its caller
    has left, and one block that cannot be read does not take the others with it: whoever asks next finds them.
    """

    def __init__(self, trips: TripCatalog, holds: Holds, cache: OwnMaps) -> None:
        self._trips = trips
        self._holds = holds
        self._cache = cache
        self._portions: set[asyncio.Task[dict[int, bytes]]] = set()
        self._turns = asyncio.Semaphore(READS_AT_ONCE)

    async def __call__(self, key: TripKey, ends: Ends) -> SeatMap:
        """The map. Raises TripNotFound, InvalidJourney, TripOpening, BackendUnavailable."""
        trip = await self._trips.get(key)
        journey = trip.journey(ends)
        blocks = dict(await self._cache.read(key))
        missing = [block for block in range(trip.block_count) if block not in blocks]
        for start in range(0, len(missing), BLOCKS_PER_PORTION):
            portion = missing[start : start + BLOCKS_PER_PORTION]
            blocks |= await asyncio.shield(self._begin(trip, portion))
        return SeatMap(trip, journey, tuple(map(blocks.__getitem__, range(trip.block_count))))

    def _begin(self, trip: Trip, blocks: Sequence[int]) -> asyncio.Task[dict[int, bytes]]:
        portion = asyncio.ensure_future(self._read_portion(trip, blocks))
        self._portions.add(portion)
        portion.add_done_callback(self._end)
        return portion

    def _end(self, portion: asyncio.Task[dict[int, bytes]]) -> None:
        self._portions.discard(portion)
        if not portion.cancelled():
            portion.exception()

    async def _read_portion(self, trip: Trip, blocks: Sequence[int]) -> dict[int, bytes]:
        """The blocks, which are in the cache then. Raises what a read of one raised, once the others are cached."""
        leases = await self._cache.lease(trip.key, blocks)
        reads = {block: self._read(trip, block, lease) for block, lease in leases.items()}
        await asyncio.wait(reads.values())
        done = {block: read for block, read in reads.items() if not read.cancelled() and read.exception() is None}
        await self._cache.fill(trip.key, {block: (leases[block], read.result()) for block, read in done.items()})
        return {block: read.result() for block, read in reads.items()}

    def _read(self, trip: Trip, block: int, lease: Lease) -> asyncio.Task[bytes]:
        """The read under way for this lease, or a new one. A write in between means another lease, and one of this
        process another read whatever the lease: nobody joins a read that began before their own write.
        """
        name = BlockKey(trip.key, block)
        read = self._cache.reads.get(name, {}).get(lease)
        if read is None:
            read = asyncio.ensure_future(self._pack(trip, block))
            self._cache.reads.setdefault(name, {})[lease] = read
            read.add_done_callback(lambda done: self._forget(name, lease, done))
        return read

    async def _pack(self, trip: Trip, block: int) -> bytes:
        async with self._turns:
            return await self._holds.pack(trip, block)

    def _forget(self, name: BlockKey, lease: Lease, read: asyncio.Task[bytes]) -> None:
        reads = self._cache.reads.get(name, {})
        if reads.get(lease) is read:
            del reads[lease]
            if not reads:
                del self._cache.reads[name]
        if not read.cancelled():
            read.exception()
