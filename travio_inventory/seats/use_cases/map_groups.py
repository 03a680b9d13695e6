"""The seat groups of maps, read through the cache: one read of the store for each, however many callers want it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.hits import Hits
from travio_inventory.seats.offer import Offer
from travio_inventory.seats.ports import Holds, Lease, SeatGroupKey
from travio_inventory.seats.refusals import TripOpening
from travio_inventory.seats.seat_map import SeatMap, stale_ms
from travio_inventory.seats.trip import Journey, Trip
from travio_inventory.seats.use_cases.own_maps import OwnMaps
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog

GROUPS_PER_PORTION: Final = 64
"""So many seat groups of a map are read together, then cached whatever happens to the others."""
READS_AT_ONCE: Final = 256
"""Of all maps together."""


class MapGroups:
    """One read of the store for each seat group that is not cached, shared by all concurrent callers.

    A map is read in portions, one after the other. A portion that has begun is finished and cached even if its caller
    has left. A seat group that cannot be read does not affect the others: the next caller finds them cached.
    """

    def __init__(
        self,
        trips: TripCatalog,
        holds: Holds,
        cache: OwnMaps,
        *,
        clock: Clock,
        stale_ms_max: int,
        sells_departed: bool = False,
    ) -> None:
        self.cache = cache
        self.hits = Hits()
        """Seat groups that were wanted: cached, or not."""
        self._trips = trips
        self._holds = holds
        self._clock = clock
        self._stale_ms_max = stale_ms_max
        self._sells_departed = sells_departed
        self._portions: set[asyncio.Task[dict[int, bytes]]] = set()
        self._turns = asyncio.Semaphore(READS_AT_ONCE)

    def shown(
        self, offer: Offer, journey: Journey, section: str, groups: tuple[bytes, ...], *, began_ms: int
    ) -> SeatMap:
        """The map of these seat groups, whose read began at that time of day."""
        trip = offer.trip
        return SeatMap(
            trip,
            journey,
            groups,
            section,
            began_ms - stale_ms(self._stale_ms_max, trip.first_group + trip.group_count),
            offer.state,
            has_departed=offer.has_departed(journey, began_ms, sells_departed=self._sells_departed),
        )

    def now_ms(self) -> int:
        """The time of day."""
        return self._clock.now_ms()

    async def with_missing(self, trip: Trip, cached: Mapping[int, bytes], wanted: Sequence[int]) -> dict[int, bytes]:
        """The cached groups, and the wanted ones that are not cached. Raises TripOpening, BackendUnavailable."""
        groups = dict(cached)
        missing = [group for group in wanted if group not in groups]
        self.hits.found += len(wanted) - len(missing)
        self.hits.missed += len(missing)
        for start in range(0, len(missing), GROUPS_PER_PORTION):
            portion = missing[start : start + GROUPS_PER_PORTION]
            try:
                groups |= await asyncio.shield(self._begin(trip, portion))
            except TripOpening:
                await self._trips.check(trip.key)
                raise
        return groups

    def _begin(self, trip: Trip, groups: Sequence[int]) -> asyncio.Task[dict[int, bytes]]:
        portion = asyncio.ensure_future(self._read_portion(trip, groups))
        self._portions.add(portion)
        portion.add_done_callback(self._end)
        return portion

    def _end(self, portion: asyncio.Task[dict[int, bytes]]) -> None:
        self._portions.discard(portion)
        if not portion.cancelled():
            portion.exception()

    async def _read_portion(self, trip: Trip, groups: Sequence[int]) -> dict[int, bytes]:
        """The groups, cached from then on. Raises what the read of one raised, once the others are cached."""
        leases = await self.cache.lease(trip.key, groups)
        reads = {group: self._read(trip, group, lease) for group, lease in leases.items()}
        await asyncio.wait(reads.values())
        done = {group: read for group, read in reads.items() if not read.cancelled() and read.exception() is None}
        await self.cache.fill(trip.key, {group: (leases[group], read.result()) for group, read in done.items()})
        return {group: read.result() for group, read in reads.items()}

    def _read(self, trip: Trip, group: int, lease: Lease) -> asyncio.Task[bytes]:
        """The running read for this lease, or a new one. After a write there is another lease, and after a write of
        this process always another read: nobody joins a read that began before their own write.
        """
        name = SeatGroupKey(trip.key, group)
        read = self.cache.reads.get(name, {}).get(lease)
        if read is None:
            read = asyncio.ensure_future(self._snapshot(trip, group))
            self.cache.reads.setdefault(name, {})[lease] = read
            read.add_done_callback(lambda done: self._forget(name, lease, done))
        return read

    async def _snapshot(self, trip: Trip, group: int) -> bytes:
        async with self._turns:
            return await self._holds.snapshot(trip, group)

    def _forget(self, name: SeatGroupKey, lease: Lease, read: asyncio.Task[bytes]) -> None:
        reads = self.cache.reads.get(name, {})
        if reads.get(lease) is read:
            del reads[lease]
            if not reads:
                del self.cache.reads[name]
        if not read.cancelled():
            read.exception()
