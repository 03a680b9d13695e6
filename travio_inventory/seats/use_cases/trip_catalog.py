"""Caches trips as they are offered: what is changed of one is known to every process within a bound.

Ours, since every call looks its trip up here: 0.2 us, of cachetools' TTLCache 2.5.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from travio_inventory.kernel.hits import Hits
from travio_inventory.kernel.refusals import BackendUnavailable, Refusal
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.offer import Offer
from travio_inventory.seats.ports import Trips
from travio_inventory.seats.refusals import TripNotFound
from travio_inventory.seats.trip import Ambiguous, Ends, Journey, Trip, TripKey

SEATS_MAX: Final = 500_000
"""About 500 bytes each."""
KEPT_S: Final = 1_800.0
"""A definition is read again after so long: sooner than the id of its trip can stand for another one."""


@dataclass(slots=True)
class _Kept:
    """An offer; when, by the event loop's clock, its read began, and when it is read again."""

    offer: Offer
    began_s: float
    again_s: float


class TripCatalog:
    """The trips of the store; the most recently used stay in memory: at most `trips_max`, with `seats_max` seats.

    A trip in use is read again in the background, so that nothing waits for it; one that was not used for longer than
    `known_within_s` is read before it is sold. `changed` is told of each that this process has changed. `ambiguous` is
    what becomes of a journey that its stations alone do not name.
    """

    def __init__(
        self,
        trips: Trips,
        background: Callable[[Coroutine[Any, Any, None]], None],
        *,
        known_within_s: float,
        changed: Callable[[TripKey], None],
        ambiguous: Ambiguous = Ambiguous.REFUSE,
        trips_max: int = 256,
        seats_max: int = SEATS_MAX,
    ) -> None:
        self._trips = trips
        self._background = background
        self._known_within_s = known_within_s
        self._changed = changed
        self._ambiguous = ambiguous
        self._trips_max = trips_max
        self._seats_max = seats_max
        self._seats = 0
        self.hits = Hits()
        self._kept: OrderedDict[TripKey, _Kept] = OrderedDict()
        self._reads: dict[TripKey, asyncio.Task[Offer | None]] = {}

    async def get(self, key: TripKey) -> Trip:
        """The trip with that key, as it was at most half an hour ago; concurrent callers share one read. Raises
        TripNotFound, TripOpening, BackendUnavailable.
        """
        return (await self._get(key, KEPT_S)).trip

    async def offer(self, key: TripKey) -> Offer:
        """The trip as it was offered at most `known_within_s` ago. Raises as `get`."""
        return await self._get(key, self._known_within_s)

    async def offer_with(self, key: TripKey, seats: Iterable[str]) -> Offer:
        """The same for a caller who names seats: where the trip lacks one, they may be those of a newer vehicle, so it
        is read again. Raises as `get`.
        """
        offer = await self.offer(key)
        return offer if all(map(offer.trip.has_seat, seats)) else await self.check(key)

    def known_with(self, key: TripKey, seats: Iterable[str]) -> Offer | None:
        """What `offer_with` gives, if nothing has to be read before."""
        kept = self._kept_since(key, self._known_within_s)
        return kept.offer if kept is not None and all(map(kept.offer.trip.has_seat, seats)) else None

    async def shown(self, key: TripKey) -> Offer:
        """The same to show it: while the store does not answer, as it was at most half an hour ago. Raises as `get`."""
        try:
            return await self._get(key, self._known_within_s)
        except BackendUnavailable:
            return await self._get(key, KEPT_S)

    def at_hand(self, key: TripKey) -> Offer | None:
        """The same if it is known without waiting, and is not to be read again yet."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        now_s = asyncio.get_running_loop().time()
        if now_s >= kept.again_s or now_s >= kept.began_s + self._known_within_s:
            return None
        self.hits.found += 1
        self._kept.move_to_end(key)
        return kept.offer

    def journey(self, trip: Trip, ends: Ends) -> Journey:
        """The trip's segments for these ends. Raises InvalidJourney."""
        return trip.journey(ends, self._ambiguous)

    async def of_hold(self, hold: Hold) -> Trip:
        """The trip that has, or had, the hold's seats. Raises as `get`."""
        trip = await self.get(hold.trip)
        if all(map(trip.has_in, hold.groups, hold.seats)):
            return trip
        return (await self.check(hold.trip)).trip  # its vehicle was swapped

    async def check(self, key: TripKey) -> Offer:
        """Some of its cells are not as the offer says: read it again. Raises as `get`."""
        return await self._read(key)

    def forget(self, key: TripKey) -> None:
        """This process has changed the trip: nothing that was read before is kept, nor what is being read."""
        self._drop(key)
        self._reads.pop(key, None)
        self._changed(key)

    async def _get(self, key: TripKey, age_s_max: float) -> Offer:
        kept = self._kept_since(key, age_s_max)
        if kept is None:
            self.hits.missed += 1
            return await self._read(key)
        return kept.offer

    def _kept_since(self, key: TripKey, age_s_max: float) -> _Kept | None:
        """What was read at most so long ago; if that is a while, it is read again meanwhile."""
        kept = self._kept.get(key)
        now_s = asyncio.get_running_loop().time()
        if kept is None or now_s >= kept.began_s + age_s_max:
            return None
        self.hits.found += 1
        if now_s >= kept.again_s:
            kept.again_s = self._again_s(now_s)
            self._background(self._read_again(key))
        self._kept.move_to_end(key)
        return kept

    async def _read_again(self, key: TripKey) -> None:
        with suppress(Refusal):  # the next one is told, if the store does not answer for longer
            await self._read(key)

    async def _read(self, key: TripKey) -> Offer:
        read = self._reads.get(key)
        if read is None:
            began_s = asyncio.get_running_loop().time()
            kept = self._kept.get(key)
            read = self._reads[key] = asyncio.ensure_future(self._trips.find(key, kept.offer if kept else None))
            read.add_done_callback(lambda done: self._keep(key, done, began_s))
        offer = await asyncio.shield(read)
        if offer is None:
            raise TripNotFound
        return offer

    def _keep(self, key: TripKey, read: asyncio.Task[Offer | None], began_s: float) -> None:
        is_answered = not read.cancelled() and read.exception() is None
        if self._reads.get(key) is not read:
            return
        del self._reads[key]
        if not is_answered:
            return
        self._drop(key)
        if (offer := read.result()) is not None:
            self._kept[key] = _Kept(offer, began_s, self._again_s(began_s))
            self._seats += _size(offer.trip)
            while len(self._kept) > self._trips_max or (self._seats > self._seats_max and len(self._kept) > 1):
                self._drop(next(iter(self._kept)))

    def _again_s(self, now_s: float) -> float:
        return now_s + self._known_within_s / 2

    def _drop(self, key: TripKey) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._seats -= _size(kept.offer.trip)


def _size(trip: Trip) -> int:
    """How many seats it takes with it, those of former vehicles too."""
    return len(trip.seats) + sum(len(vehicle.seats) for vehicle in trip.former)
