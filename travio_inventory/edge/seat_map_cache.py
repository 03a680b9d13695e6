"""Seat maps in Redis, shared by all processes, with copies within this one that others' writes make void."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from secrets import token_hex
from types import MappingProxyType
from typing import NamedTuple

from travio_inventory.edge import scripts
from travio_inventory.edge.connection import Redis
from travio_inventory.edge.keys import INVALIDATIONS, map_key
from travio_inventory.edge.pipelined_connection import RedisDown, Reply
from travio_inventory.seats.ports import Lease
from travio_inventory.seats.trip import TripKey

GROUPS_PER_SCRIPT_MAX = 500
"""Redis does nothing else while a script runs; and Lua cannot spread more than some 8,000 values."""


class RedisSeatMapCache:
    """SeatMapCache. What is read was leased at most `stale_ms_max` ago, even if every invalidation is lost.

    A lease stands for half of that time, so that a group filled under it is fresh for the other half at least. Copies
    of what Redis said are kept in this process while the invalidations of others are heard. `now_ms` is a clock that
    never goes back.
    """

    def __init__(self, redis: Redis, copies: "MapCopies", now_ms: Callable[[], int], *, stale_ms_max: int) -> None:
        self._redis = redis
        self._copies = copies
        self._now_ms = now_ms
        self._stale_ms_max = stale_ms_max
        self._reads: set[asyncio.Task[Mapping[int, bytes]]] = set()
        self._lease_if_away = token_hex(8)

    async def close(self) -> None:
        """Let the reads under way end, which they do within the time that an answer may take."""
        if self._reads:
            await asyncio.wait(self._reads)

    async def read(self, trip: TripKey) -> Mapping[int, bytes]:
        """The seat groups that are cached and fresh; what happens later does not change the answer."""
        key = map_key(trip)
        copy = self._copies.get(key, self._now_ms())
        return copy if copy is not None else await asyncio.shield(self._read_shared(key))

    async def lease(self, trip: TripKey, groups: Collection[int]) -> Mapping[int, Lease]:
        """A lease for each group: the one that stands, or a new one. With Redis away one that fills nothing, and is
        another one after each invalidation of this process.
        """
        leases: dict[int, Lease] = {}
        for portion in _portions(groups):
            leases |= await self._lease(map_key(trip), portion)
        return leases

    async def _lease(self, key: bytes, groups: Sequence[int]) -> Mapping[int, Lease]:
        self._copies.void(key)  # a copy that lacks a seat group is no good
        half_ms = self._stale_ms_max // 2
        try:
            tokens = await self._redis.run(scripts.LEASE, [key], token_hex(8), half_ms, self._kept_ms, *groups)
        except RedisDown:
            return dict.fromkeys(groups, self._lease_if_away)
        return {group: token.decode() for group, token in zip(groups, tokens, strict=True)}

    async def fill(self, trip: TripKey, packed: Mapping[int, tuple[Lease, bytes]]) -> None:
        """Keep each seat group whose lease still holds. The lease goes on holding."""
        for groups in _portions(packed):
            await self._fill(map_key(trip), {group: packed[group] for group in groups})

    async def _fill(self, key: bytes, packed: Mapping[int, tuple[Lease, bytes]]) -> None:
        words = [word for group, (lease, content) in packed.items() for word in (group, lease, content)]
        try:
            await self._redis.run(scripts.FILL, [key], self._stale_ms_max, self._kept_ms, *words)
        except RedisDown:
            return
        finally:
            self._copies.void(key)

    async def invalidate(self, trip: TripKey, groups: Collection[int]) -> bool:
        """Drop the groups and void their leases, in every process. Not certain where Redis does not answer in time."""
        return all([await self._invalidate(map_key(trip), portion) for portion in _portions(groups)])

    async def _invalidate(self, key: bytes, groups: Sequence[int]) -> bool:
        try:
            await self._redis.run(scripts.INVALIDATE, [key], INVALIDATIONS, *groups)
        except RedisDown:
            return False  # what is cached goes stale
        else:
            return True
        finally:
            self._lease_if_away = token_hex(8)
            self._copies.void(key)

    @property
    def _kept_ms(self) -> int:
        """How long Redis keeps a trip that nobody leases or fills."""
        return 2 * self._stale_ms_max

    def _read_shared(self, key: bytes) -> asyncio.Task[Mapping[int, bytes]]:
        """The read under way, or a new one: one read of Redis however many ask."""
        read = self._copies.reads.get(key)
        if read is None:
            read = self._copies.reads[key] = asyncio.create_task(self._read(key))
            self._reads.add(read)
            read.add_done_callback(self._reads.discard)
        return read

    async def _read(self, key: bytes) -> Mapping[int, bytes]:
        asked_at_ms, heard = self._now_ms(), self._redis.hears_of(key)
        is_shared = False
        try:
            groups, age_ms = _fresh(await self._redis.run(scripts.READ, [key]), self._stale_ms_max)
        except RedisDown:
            return {}
        finally:  # who asks later does not wait for, nor share, what has ended
            if self._copies.reads.get(key) is asyncio.current_task():
                is_shared = True
                del self._copies.reads[key]
        if is_shared and groups and heard:
            self._copies.put(key, _Copy(groups, asked_at_ms + self._stale_ms_max - age_ms))
        return groups


def _portions(groups: Collection[int]) -> Iterator[Sequence[int]]:
    """The seat groups, so many at once as Redis may stand still for."""
    ordered = list(groups)
    return (ordered[start : start + GROUPS_PER_SCRIPT_MAX] for start in range(0, len(ordered), GROUPS_PER_SCRIPT_MAX))


class _Copy(NamedTuple):
    """What Redis said of a trip, and until when all of it is fresh."""

    groups: Mapping[int, bytes]
    until_ms: int


class MapCopies:
    """This process's copies of the `trips_max` trips that were asked for last, and the `reads` under way.

    Whatever makes a copy void makes a read under way void too: it is answered to those who wait for it already, and
    neither kept nor shared with anybody else.
    """

    def __init__(self, *, trips_max: int) -> None:
        self._trips_max = trips_max
        self._copies: OrderedDict[bytes, _Copy] = OrderedDict()
        self.reads: dict[bytes, asyncio.Task[Mapping[int, bytes]]] = {}

    def get(self, key: bytes, now_ms: int) -> Mapping[int, bytes] | None:
        """The copy, while all of it is fresh."""
        copy = self._copies.get(key)
        if copy is None:
            return None
        if now_ms > copy.until_ms:
            del self._copies[key]
            return None
        self._copies.move_to_end(key)
        return copy.groups

    def put(self, key: bytes, copy: _Copy) -> None:
        """Keep the copy; the one asked for the longest ago makes room."""
        self._copies[key] = copy
        self._copies.move_to_end(key)
        if len(self._copies) > self._trips_max:
            self._copies.popitem(last=False)

    def void(self, key: bytes) -> None:
        """The trip has changed, or a copy of it was found wanting."""
        self._copies.pop(key, None)
        self.reads.pop(key, None)

    def void_all(self) -> None:
        """Any trip may have changed."""
        self._copies.clear()
        self.reads.clear()


def _fresh(reply: Reply, stale_ms_max: int) -> tuple[Mapping[int, bytes], int]:
    """The seat groups of an answer to READ that are at most so old, and the age in ms of the oldest of them."""
    groups, oldest_ms = {}, 0
    for group, entry in zip(reply[1::2], reply[2::2], strict=True):
        since_ms, _, content = entry.partition(b" ")
        age_ms = reply[0] - int(since_ms)
        if 0 <= age_ms <= stale_ms_max:
            groups[int(group)] = content
            oldest_ms = max(oldest_ms, age_ms)
    return MappingProxyType(groups), oldest_ms
