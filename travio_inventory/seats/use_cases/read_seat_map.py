"""Reads the seat map of a journey through the cache."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.refusals import WrongRequest
from travio_inventory.seats.commands import SeatMapQuery
from travio_inventory.seats.offer import Offer
from travio_inventory.seats.ports import Holds, Lease, SeatGroupKey
from travio_inventory.seats.refusals import TripOpening
from travio_inventory.seats.seat_map import SeatMap, stale_ms
from travio_inventory.seats.trip import Ends, Journey, Trip, TripKey
from travio_inventory.seats.use_cases.own_maps import OwnMaps
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog

GROUPS_PER_PORTION = 64
"""So many seat groups of a map are read together, then cached whatever happens to the others."""
READS_AT_ONCE = 256
"""Of all maps together."""


def any_size(_trip: Trip, _section: str) -> None:
    """A map of any size may be read."""


class MapPart(NamedTuple):
    """A journey of a trip, and one of its sections or all of them ("")."""

    ends: Ends
    section: str = ""


class _Place(NamedTuple):
    """Where a part is in its trip."""

    journey: Journey
    groups: range


class ReadSeatMap:
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
        self._sells_departed = sells_departed
        self._trips = trips
        self._holds = holds
        self._cache = cache
        self._clock = clock
        self._stale_ms_max = stale_ms_max
        self._portions: set[asyncio.Task[dict[int, bytes]]] = set()
        self._turns = asyncio.Semaphore(READS_AT_ONCE)

    async def __call__(
        self, actor: Actor, query: SeatMapQuery, *, check: Callable[[Trip, str], None] = any_size
    ) -> SeatMap:
        """The map. `check` may refuse the trip's section before anything of it is read. Raises PermissionDenied,
        TripNotFound, InvalidJourney, InvalidRequest, TripOpening, BackendUnavailable.
        """
        actor.needs(Scope.TRIPS_READ)
        key = TripKey(actor.organization, query.trip_id)
        offer = await self._trips.shown(key)
        trip = offer.trip
        journey = self._trips.journey(trip, query.ends)
        wanted = trip.groups_of(trip.places_in(query.section))
        check(trip, query.section)
        now_ms = self._clock.now_ms()
        groups = await self._cache.read(key)
        try:
            found = tuple(map(groups.__getitem__, wanted))
        except KeyError:
            groups = await self._with_missing(trip, groups, wanted)
            found = tuple(map(groups.__getitem__, wanted))
        return self._map(offer, journey, query.section, found, now_ms)

    async def several(self, actor: Actor, trip_id: str, parts: Sequence[MapPart]) -> Sequence[SeatMap | WrongRequest]:
        """The maps of these parts of a trip, all as of the same moment; of a part that the trip has not, why not.
        Raises what reading one does.
        """
        actor.needs(Scope.TRIPS_READ)
        key = TripKey(actor.organization, trip_id)
        offer = await self._trips.shown(key)
        trip = offer.trip
        places = [self._place(trip, part) for part in parts]
        wanted = sorted({group for place in places if isinstance(place, _Place) for group in place.groups})
        now_ms = self._clock.now_ms()
        groups = await self._with_missing(trip, await self._cache.read(key), wanted)
        return [
            self._map(offer, place.journey, part.section, tuple(map(groups.__getitem__, place.groups)), now_ms)
            if isinstance(place, _Place)
            else place
            for part, place in zip(parts, places, strict=True)
        ]

    def _place(self, trip: Trip, part: MapPart) -> "_Place | WrongRequest":
        try:
            return _Place(self._trips.journey(trip, part.ends), trip.groups_of(trip.places_in(part.section)))
        except WrongRequest as wrong:
            return wrong

    def _map(self, offer: Offer, journey: Journey, section: str, groups: tuple[bytes, ...], now_ms: int) -> SeatMap:
        trip = offer.trip
        return SeatMap(
            trip,
            journey,
            groups,
            section,
            now_ms - stale_ms(self._stale_ms_max, trip.first_group + trip.group_count),
            offer.state,
            has_departed=offer.has_departed(journey, now_ms, sells_departed=self._sells_departed),
        )

    async def _with_missing(self, trip: Trip, cached: Mapping[int, bytes], wanted: Sequence[int]) -> dict[int, bytes]:
        """The cached groups, and those of the wanted ones that are not cached."""
        groups = dict(cached)
        missing = [group for group in wanted if group not in groups]
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
        leases = await self._cache.lease(trip.key, groups)
        reads = {group: self._read(trip, group, lease) for group, lease in leases.items()}
        await asyncio.wait(reads.values())
        done = {group: read for group, read in reads.items() if not read.cancelled() and read.exception() is None}
        await self._cache.fill(trip.key, {group: (leases[group], read.result()) for group, read in done.items()})
        return {group: read.result() for group, read in reads.items()}

    def _read(self, trip: Trip, group: int, lease: Lease) -> asyncio.Task[bytes]:
        """The running read for this lease, or a new one. After a write there is another lease, and after a write of
        this process always another read: nobody joins a read that began before their own write.
        """
        name = SeatGroupKey(trip.key, group)
        read = self._cache.reads.get(name, {}).get(lease)
        if read is None:
            read = asyncio.ensure_future(self._snapshot(trip, group))
            self._cache.reads.setdefault(name, {})[lease] = read
            read.add_done_callback(lambda done: self._forget(name, lease, done))
        return read

    async def _snapshot(self, trip: Trip, group: int) -> bytes:
        async with self._turns:
            return await self._holds.snapshot(trip, group)

    def _forget(self, name: SeatGroupKey, lease: Lease, read: asyncio.Task[bytes]) -> None:
        reads = self._cache.reads.get(name, {})
        if reads.get(lease) is read:
            del reads[lease]
            if not reads:
                del self._cache.reads[name]
        if not read.cancelled():
            read.exception()
