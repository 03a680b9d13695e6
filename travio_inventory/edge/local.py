"""The edge within one process: locks, taken seats and snapshots in dictionaries."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import count
from math import inf
from types import MappingProxyType
from typing import NamedTuple

from travio_inventory.edge.lapsing import Entry as Kept
from travio_inventory.edge.lapsing import Lapsing
from travio_inventory.edge.occupancies import KNOWN_MS, NOBODY, Found, is_own, lasts_ms, refusing, replaces, told
from travio_inventory.seats.audit.ports import Entry
from travio_inventory.seats.gate_recall import Recalled
from travio_inventory.seats.ports import Attempt, Cell, GateAnswer, Lease, Occupancy, SeatGroupKey
from travio_inventory.seats.seat_map import stale_ms
from travio_inventory.seats.trip import TripKey


class LocalGate:
    """Gate and TakenSeats in one, since the gate reads both.

    Keeps at most `entries_max` entries of each kind; more are not stored, so those attempts pass. `now_ms` is a clock
    that never goes back, `today_ms` the time of day in Unix milliseconds.
    """

    def __init__(
        self,
        now_ms: Callable[[], int],
        today_ms: Callable[[], int],
        *,
        entries_max: int,
        taken_ttl_ms: int = 2_000,
    ) -> None:
        self._now_ms = now_ms
        self._today_ms = today_ms
        self._taken_ttl_ms = taken_ttl_ms
        self._locks: Lapsing[Cell, Attempt] = Lapsing(entries_max)
        self._taken: Lapsing[Cell, Occupancy] = Lapsing(entries_max)
        self._left: Lapsing[tuple[str, Cell], None] = Lapsing(entries_max)
        """Cells that a hold had until a moment ago."""
        self._known: Lapsing[str, None] = Lapsing(entries_max)
        """Claimants with a key that were let in."""

    async def enter(self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int) -> GateAnswer:
        """Lock all the cells or none, for `ttl_ms`. An existing lock stays as it is if the attempt may pass it."""
        return told(await self.ask(group, cells, attempt, ttl_ms=ttl_ms))

    async def ask(
        self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int
    ) -> Sequence[Found]:
        """See AskedGate."""
        now_ms = self._now_ms()
        taken, locks = self._taken.standing(group, cells, now_ms), self._locks.standing(group, cells, now_ms)
        if (
            (others := _others(taken, locks, attempt, now_ms))
            and not attempt.settles
            and not self._known.standing(group, [attempt.claimant], now_ms)
        ):
            return others
        free = [cell for cell in cells if cell not in locks] if locks else cells
        self._locks.put(group, free, attempt, now_ms, ttl_ms)
        if attempt.has_key:
            self._known.put(group, [attempt.claimant], None, now_ms, KNOWN_MS)
        return ()

    def recall(self, group: SeatGroupKey, cells: Sequence[Cell], last: Recalled | None) -> Recalled | None:
        """See GateRecall."""
        now_ms = self._now_ms()
        taken = self._taken.standing(group, cells, now_ms)
        locks = {} if taken else self._locks.standing(group, cells, now_ms)
        by: Mapping[Cell, object] = taken or locks
        if last is not None and by == last.by:
            return last
        answer = refusing(_others(taken, locks, NOBODY, now_ms))
        return None if answer is None else Recalled(answer, by)

    async def known(self, group: SeatGroupKey, claimants: Collection[str]) -> Collection[str]:
        """See AskedGate."""
        return self._known.standing(group, claimants, self._now_ms()).keys()

    async def look(self, group: SeatGroupKey, cells: Sequence[Cell]) -> Sequence[Entry] | None:
        """See GateSight."""
        now_ms = self._now_ms()
        locks = self._locks.standing(group, cells, now_ms).items()
        marks = self._taken.standing(group, cells, now_ms).items()
        return [
            *(Entry(cell, True, lock.token, until_ms - now_ms) for cell, (lock, until_ms) in locks),
            *(Entry(cell, False, mark.hold, until_ms - now_ms) for cell, (mark, until_ms) in marks),
        ]

    async def leave(self, group: SeatGroupKey, cells: Sequence[Cell], *, token: str) -> None:
        """Unlock the cells that `token` still locks."""
        self._locks.drop(group, cells, lambda lock: lock.token == token)

    async def mark(self, group: SeatGroupKey, cells: Sequence[Cell], occupancy: Occupancy) -> None:
        """Mark the cells as taken until `taken_ttl_ms` after the batch; see `occupancies.replaces`."""
        now_ms = self._now_ms()
        left_ms = lasts_ms(occupancy, now_ms=self._today_ms(), ttl_ms=self._taken_ttl_ms)
        if left_ms <= 0:
            return
        standing = self._taken.standing(group, cells, now_ms)
        gave_up = self._left.standing(group, [(occupancy.hold, cell) for cell in cells], now_ms)
        if standing or gave_up:
            cells = [
                cell
                for cell in cells
                if (occupancy.hold, cell) not in gave_up
                and (cell not in standing or replaces(occupancy, standing[cell].value))
            ]
        self._taken.put(group, cells, occupancy, now_ms, left_ms)

    async def clear(self, group: SeatGroupKey, cells: Sequence[Cell], *, hold: str) -> None:
        """Remove the hold's entries, and accept none of it there for as long as they could have lasted."""
        self._left.put(group, [(hold, cell) for cell in cells], None, self._now_ms(), self._taken_ttl_ms)
        self._taken.drop(group, cells, lambda found: found.hold == hold)


def _others(
    taken: Mapping[Cell, Kept[Occupancy]], locks: Mapping[Cell, Kept[Attempt]], attempt: Attempt, now_ms: int
) -> Sequence[Found]:
    """What others own of what is taken, or else lock."""
    if taken and (
        others := [
            Found(cell, by.claimant, by, until_ms - now_ms)
            for cell, (by, until_ms) in taken.items()
            if not is_own(by, attempt)
        ]
    ):
        return others
    if not locks:
        return ()
    return [
        Found(cell, by.claimant, None, until_ms - now_ms)
        for cell, (by, until_ms) in locks.items()
        if by.claimant != attempt.claimant
    ]


class LocalSeatMapCache:
    """SeatMapCache. Keeps the `trips_max` most recently used trips; dropping a trip revokes its leases.

    A seat group is as old as its lease: what was read under it is not older. Those leased more than `stale_ms_max` ago
    are not read, of a large trip more than `seat_map.stale_ms`; a lease serves for half that time. A seat group filled
    again with equal bytes stays the same object. `now_ms` is a monotonic clock.
    """

    def __init__(self, now_ms: Callable[[], int], *, trips_max: int, stale_ms_max: int = 2_000) -> None:
        self._now_ms = now_ms
        self._trips_max = trips_max
        self._stale_ms_max = stale_ms_max
        self._trips: OrderedDict[TripKey, _TripGroups] = OrderedDict()
        self._lease_numbers = count(1)

    async def read(self, trip: TripKey) -> Mapping[int, bytes]:
        """The seat groups that are cached and fresh; what happens later does not change the answer."""
        groups = self._trips.get(trip)
        if groups is None:
            return _NO_GROUPS
        self._trips.move_to_end(trip)
        return groups.fresh(self._now_ms(), self._stale_ms_max)

    async def lease(self, trip: TripKey, groups: Collection[int]) -> Mapping[int, Lease]:
        """A lease for each seat group: the current one, or a new one."""
        leases, now_ms, found = self._trip(trip).leases, self._now_ms(), dict[int, Lease]()
        for group in groups:
            standing = leases.get(group)
            if standing is None or now_ms - standing.since_ms >= self._stale_ms_max // 2:
                standing = leases[group] = _Leased(str(next(self._lease_numbers)), now_ms)
            found[group] = standing.lease
        return found

    async def fill(self, trip: TripKey, packed: Mapping[int, tuple[Lease, bytes]]) -> None:
        """Store each seat group whose lease is still valid. The lease stays valid."""
        groups = self._trips.get(trip)
        if groups is None:
            return
        for group, (lease, content) in packed.items():
            standing = groups.leases.get(group)
            if standing is not None and standing.lease == lease:
                groups.put(group, content, standing.since_ms)

    async def invalidate(self, trip: TripKey, groups: Collection[int]) -> bool:
        """Drop the seat groups and revoke their leases."""
        if standing := self._trips.get(trip):
            for group in groups:
                standing.drop(group)
        return True

    def _trip(self, key: TripKey) -> "_TripGroups":
        """The trip's seat groups, created if needed; the least recently used trip makes room."""
        groups = self._trips.get(key)
        if groups is None:
            groups = self._trips[key] = _TripGroups()
            if len(self._trips) > self._trips_max:
                self._trips.popitem(last=False)
        else:
            self._trips.move_to_end(key)
        return groups


class _Leased(NamedTuple):
    """A lease, and when it began."""

    lease: Lease
    since_ms: int


class _TripGroups:
    """One trip's seat groups and leases."""

    def __init__(self) -> None:
        self.leases: dict[int, _Leased] = {}
        self._contents: dict[int, bytes] = {}  # the stale and the dropped too, to recognise equal bytes
        self._leased_at_ms: dict[int, int] = {}
        self._fresh: Mapping[int, bytes] = _NO_GROUPS
        self._fresh_until_ms: float = inf

    def fresh(self, now_ms: int, stale_ms_max: int) -> Mapping[int, bytes]:
        """The seat groups that are not stale: the same answer until one changes or goes stale."""
        if now_ms > self._fresh_until_ms:
            old_ms = stale_ms(stale_ms_max, len(self._leased_at_ms))
            self._leased_at_ms = {
                group: at_ms for group, at_ms in self._leased_at_ms.items() if now_ms - at_ms <= old_ms
            }
            self._fresh = MappingProxyType({group: self._contents[group] for group in self._leased_at_ms})
            self._fresh_until_ms = min(self._leased_at_ms.values(), default=inf) + old_ms
        return self._fresh

    def put(self, group: int, content: bytes, leased_at_ms: int) -> None:
        """Store the content that was read under a lease since then, as the former object if it is equal."""
        if self._contents.get(group) != content:
            self._contents[group] = content
        self._leased_at_ms[group] = leased_at_ms
        self._fresh_until_ms = -inf

    def drop(self, group: int) -> None:
        """Drop the seat group and its lease."""
        self.leases.pop(group, None)
        if self._leased_at_ms.pop(group, None) is not None:
            self._fresh_until_ms = -inf


_NO_GROUPS: Mapping[int, bytes] = MappingProxyType({})
