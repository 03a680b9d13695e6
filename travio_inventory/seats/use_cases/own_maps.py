"""The seat-map cache as one process uses it: none of its maps is older than its own writes, whatever the cache does."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Final

from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.seats.names import group_named
from travio_inventory.seats.ports import Lease, SeatGroupKey, SeatMapCache
from travio_inventory.seats.trip import TripKey

SLOW_S_MAX: Final = 1.0
"""How long an invalidation without an answer may take."""


class OwnMaps:
    """Implements `SeatMapCache` over another. `reads` are the running reads of the store, by group and lease: a write
    of this process drops them, so that nobody joins a read that began before the write.

    While it is not certain that a group was invalidated, it is not read from the cache, for `stale_ms_max`: after that
    the cache has nothing older than the write. `signals` tell of each write, once its groups are invalidated.
    """

    def __init__(self, cache: SeatMapCache, *, stale_ms_max: int, signals: MapSignals | None = None) -> None:
        self.reads: dict[SeatGroupKey, dict[Lease, asyncio.Task[bytes]]] = {}
        self._cache = cache
        self._stale_s = stale_ms_max / 1_000
        self._signals = signals or MapSignals()
        self._doubts: dict[SeatGroupKey, float] = {}
        """Until when, by the event loop's clock, a seat group is not read from the cache; the oldest first."""

    async def read(self, trip: TripKey) -> Mapping[int, bytes]:
        """See SeatMapCache."""
        groups = await self._cache.read(trip)
        if self._doubts:
            self._forget_old_doubts()
            return {group: packed for group, packed in groups.items() if SeatGroupKey(trip, group) not in self._doubts}
        return groups

    async def lease(self, trip: TripKey, groups: Collection[int]) -> Mapping[int, Lease]:
        """See SeatMapCache."""
        return await self._cache.lease(trip, groups)

    async def fill(self, trip: TripKey, packed: Mapping[int, tuple[Lease, bytes]]) -> None:
        """See SeatMapCache."""
        await self._cache.fill(trip, packed)

    async def invalidate(self, trip: TripKey, groups: Collection[int]) -> bool:
        """See SeatMapCache."""
        try:
            return await self._invalidate(trip, groups)
        finally:
            self._signals.changed(trip)

    async def _invalidate(self, trip: TripKey, groups: Collection[int]) -> bool:
        if self._doubts:
            self._forget_old_doubts()
        names = [group_named(trip, group) for group in groups]
        until_s = self._doubt(names, SLOW_S_MAX)
        is_certain = await self._cache.invalidate(trip, groups)
        if not is_certain:
            self._doubt(names, 0.0)
            return False
        for name in names:
            if self._doubts.get(name) == until_s:  # otherwise a write came in between
                del self._doubts[name]
        return True

    def _doubt(self, names: Collection[SeatGroupKey], slow_s: float) -> float:
        until_s = asyncio.get_running_loop().time() + slow_s + self._stale_s
        for name in names:
            self.reads.pop(name, None)
            self._doubts.pop(name, None)
            self._doubts[name] = until_s
        return until_s

    def _forget_old_doubts(self) -> None:
        now_s = asyncio.get_running_loop().time()
        while self._doubts and next(iter(self._doubts.values())) <= now_s:
            del self._doubts[next(iter(self._doubts))]
