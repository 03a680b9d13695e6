"""Seat maps in Redis, shared by all processes, with copies in this one that every write invalidates."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from math import inf
from secrets import token_hex
from types import MappingProxyType
from typing import NamedTuple

from travio_inventory.edge import scripts
from travio_inventory.edge.answers import Reply
from travio_inventory.edge.connection import Redis
from travio_inventory.edge.keys import INVALIDATIONS, map_key
from travio_inventory.edge.pipelined_connection import RedisDown
from travio_inventory.edge.scripts import Word
from travio_inventory.kernel.hits import Hits
from travio_inventory.seats.ports import Lease
from travio_inventory.seats.trip import TripKey

GROUPS_PER_SCRIPT_MAX = 500
"""Redis does nothing else while a script runs, and Lua cannot unpack more than some 8,000 values."""


class RedisSeatMapCache:
    """SeatMapCache. Whatever is read was leased at most `stale_ms_max` ago, even if every invalidation is lost.

    A lease is valid for half of that time, so that a group filled under it is fresh for at least the other half. This
    process keeps copies while it receives the invalidations of others. `now_ms` is a monotonic clock.
    """

    def __init__(self, redis: Redis, copies: "MapCopies", now_ms: Callable[[], int], *, stale_ms_max: int) -> None:
        self._redis = redis
        self._copies = copies
        self._now_ms = now_ms
        self._stale_ms_max = stale_ms_max
        self._reads: set[asyncio.Task[Mapping[int, bytes]]] = set()
        self._invalidations: dict[bytes, _Invalidation] = {}
        """The last one of each trip that is under way."""
        self._lease_if_away = 0
        self.hits = Hits()
        """Of the copies."""

    async def close(self) -> None:
        """Wait for the running reads, at most as long as an answer may take."""
        if self._reads:
            await asyncio.wait(self._reads)

    async def read(self, trip: TripKey) -> Mapping[int, bytes]:
        """The seat groups that are cached and fresh; what happens later does not change the answer."""
        key = map_key(trip)
        copy = self._copies.get(key, self._now_ms())
        if copy is not None and not copy.changed:
            self.hits.found += 1
            return copy.groups
        self.hits.missed += 1
        return await asyncio.shield(self._read_shared(key))

    async def lease(self, trip: TripKey, groups: Collection[int]) -> Mapping[int, Lease]:
        """A lease for each group: the current one, or a new one. While Redis is down, one that fills nothing and
        changes with each invalidation of this process.
        """
        leases: dict[int, Lease] = {}
        for portion in _portions(groups):
            leases |= await self._lease(map_key(trip), portion)
        return leases

    async def _lease(self, key: bytes, groups: Sequence[int]) -> Mapping[int, Lease]:
        self._copies.changed(key, groups)  # it lacks them, and others may fill them meanwhile
        half_ms = self._stale_ms_max // 2
        try:
            words: list[Word] = [token_hex(8), half_ms, self._kept_ms, *groups]
            tokens = await self._redis.run(scripts.LEASE, [key], words)
        except RedisDown:
            return dict.fromkeys(groups, f"away {self._lease_if_away}")
        return {group: token.decode() for group, token in zip(groups, tokens, strict=True)}

    async def fill(self, trip: TripKey, packed: Mapping[int, tuple[Lease, bytes]]) -> None:
        """Store each seat group whose lease is still valid. The lease stays valid."""
        for groups in _portions(packed):
            await self._fill(map_key(trip), {group: packed[group] for group in groups})

    async def _fill(self, key: bytes, packed: Mapping[int, tuple[Lease, bytes]]) -> None:
        filled = [word for group, (lease, content) in packed.items() for word in (group, lease, content)]
        try:
            await self._redis.run(scripts.FILL, [key], (self._stale_ms_max, self._kept_ms, *filled))
        except RedisDown:
            return
        finally:
            self._copies.changed(key, packed)

    async def invalidate(self, trip: TripKey, groups: Collection[int]) -> bool:
        """Drop the groups and revoke their leases, in every process. Not certain if Redis does not answer in time."""
        key = map_key(trip)
        return all([await self._invalidate(key, portion) for portion in _portions(groups)])

    async def _invalidate(self, key: bytes, groups: Sequence[int]) -> bool:
        """Who comes before the command of another one is sent goes with it."""
        under_way = self._invalidations.get(key)
        if under_way is not None and under_way.takes(groups):
            return await under_way.is_certain()
        told = self._invalidations[key] = _Invalidation(groups)
        is_certain = False  # what is cached goes stale
        try:
            with suppress(RedisDown):
                await self._redis.run(scripts.INVALIDATE, [key], told)
                is_certain = True
        finally:
            if self._invalidations.get(key) is told:
                del self._invalidations[key]
            self._lease_if_away += 1
            self._copies.changed(key, told.groups)
            told.end(is_certain=is_certain)
        return is_certain

    @property
    def _kept_ms(self) -> int:
        """How long Redis keeps an unused trip."""
        return 2 * self._stale_ms_max

    def _read_shared(self, key: bytes) -> asyncio.Task[Mapping[int, bytes]]:
        """The running read, or a new one: concurrent callers share one read of Redis."""
        read = self._copies.reads.get(key)
        if read is None:
            read = self._copies.reads[key] = asyncio.create_task(self._read(key))
            self._reads.add(read)
            read.add_done_callback(self._reads.discard)
        return read

    async def _read(self, key: bytes) -> Mapping[int, bytes]:
        """What Redis has; of a copy only the groups that have changed are read again."""
        asked_at_ms, heard = self._now_ms(), self._redis.hears_of(key)
        copy = self._copies.get(key, asked_at_ms)
        if copy is None or len(copy.changed) > GROUPS_PER_SCRIPT_MAX:
            copy = _NO_COPY
        is_shared = False
        try:
            found, age_ms = _fresh(await self._redis.run(scripts.READ, [key], copy.changed), self._stale_ms_max)
        except RedisDown:
            return {}
        finally:  # later callers neither wait for nor share a finished read
            if self._copies.reads.get(key) is asyncio.current_task():
                is_shared = True
                del self._copies.reads[key]
        groups = MappingProxyType({**copy.unchanged(), **found})
        if is_shared and groups and heard:
            until_ms = min(copy.until_ms, asked_at_ms + self._stale_ms_max - age_ms)
            self._copies.put(key, _Copy(groups, until_ms, copy.changed - found.keys()))
        return groups


class _Invalidation:
    """The words of a command that waits to be sent: seat groups are added until they are taken."""

    def __init__(self, groups: Sequence[int]) -> None:
        self.groups = set(groups)
        self._is_sent = False
        self._waiting: list[asyncio.Future[bool]] = []

    def __iter__(self) -> Iterator[Word]:
        self._is_sent = True
        return iter((INVALIDATIONS, *self.groups))

    def takes(self, groups: Sequence[int]) -> bool:
        """Whether these go with it too."""
        if self._is_sent or len(self.groups) + len(groups) > GROUPS_PER_SCRIPT_MAX:
            return False
        self.groups.update(groups)
        return True

    def is_certain(self) -> asyncio.Future[bool]:
        """How it ends, for one who goes with it."""
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        return answer

    def end(self, *, is_certain: bool) -> None:
        """Tell those who wait."""
        for answer in self._waiting:
            if not answer.done():
                answer.set_result(is_certain)


def _portions(groups: Collection[int]) -> Sequence[Sequence[int]]:
    """The seat groups, in portions small enough not to block Redis."""
    ordered = list(groups)
    if len(ordered) <= GROUPS_PER_SCRIPT_MAX:
        return [ordered] if ordered else []
    return [ordered[start : start + GROUPS_PER_SCRIPT_MAX] for start in range(0, len(ordered), GROUPS_PER_SCRIPT_MAX)]


class _Copy(NamedTuple):
    """A copy of a trip's snapshots in Redis, until when all of it is fresh, and which groups have changed since."""

    groups: Mapping[int, bytes]
    until_ms: float
    changed: frozenset[int] = frozenset()

    def unchanged(self) -> dict[int, bytes]:
        """The snapshots that are as they were."""
        return {group: content for group, content in self.groups.items() if group not in self.changed}


_NO_COPY = _Copy({}, inf)


class MapCopies:
    """This process's copies of the `trips_max` most recently used trips, and the running `reads`.

    What changes a copy invalidates a running read: its present callers get it, but it is neither stored nor
    shared with later ones.
    """

    def __init__(self, *, trips_max: int) -> None:
        self._trips_max = trips_max
        self._copies: OrderedDict[bytes, _Copy] = OrderedDict()
        self.reads: dict[bytes, asyncio.Task[Mapping[int, bytes]]] = {}

    def get(self, key: bytes, now_ms: int) -> _Copy | None:
        """The copy, while all of it is fresh, but for what has changed."""
        copy = self._copies.get(key)
        if copy is None:
            return None
        if now_ms > copy.until_ms:
            del self._copies[key]
            return None
        self._copies.move_to_end(key)
        return copy

    def put(self, key: bytes, copy: _Copy) -> None:
        """Store the copy; the least recently used one makes room."""
        self._copies[key] = copy
        self._copies.move_to_end(key)
        if len(self._copies) > self._trips_max:
            self._copies.popitem(last=False)

    def changed(self, key: bytes, groups: Iterable[int]) -> None:
        """These seat groups of the trip have changed, or may be there now."""
        self.reads.pop(key, None)
        if copy := self._copies.get(key):
            self._copies[key] = copy._replace(changed=copy.changed.union(groups))

    def void_all(self) -> None:
        """Any trip may have changed."""
        self._copies.clear()
        self.reads.clear()


def _fresh(reply: Reply, stale_ms_max: int) -> tuple[Mapping[int, bytes], int]:
    """The fresh seat groups of an answer to READ, and the age in ms of the oldest."""
    groups, oldest_ms = {}, 0
    for group, entry in zip(reply[1::2], reply[2::2], strict=True):
        since_ms, _, content = entry.partition(b" ")
        age_ms = reply[0] - int(since_ms)
        if 0 <= age_ms <= stale_ms_max:
            groups[int(group)] = content
            oldest_ms = max(oldest_ms, age_ms)
    return groups, oldest_ms
