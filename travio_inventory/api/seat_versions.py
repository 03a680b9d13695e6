"""Versions of seats: when this process first saw each seat of a trip as it is."""

from array import array
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from travio_inventory.api.memo import Memo
from travio_inventory.kernel.clock import Clock
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.trip import Trip, TripKey

BYTES_PER_SEAT: Final = 128
"""A version, what is kept of the map, and what was told."""


class SeatVersions:
    """Grows with every change of a seat, also over restarts and for trips that were forgotten meanwhile: a version is a
    time. Versions of one process can be compared.
    """

    def __init__(self, clock: Clock, *, entries_max: int = 1_024, bytes_max: int = 32 * 1024 * 1024) -> None:
        self._clock = clock
        self._seen: Memo[TripKey, _Seen] = Memo(entries_max=entries_max, bytes_max=bytes_max)

    def of(self, seat_map: SeatMap) -> Sequence[int]:
        """The version of each seat of a whole map, in layout order, in Unix milliseconds."""
        key, now_ms = seat_map.trip.key, self._clock.now_ms()
        seen = self._seen.get(key)
        if seen is None or seen.seat_map.trip is not seat_map.trip:
            versions = array("q", [now_ms]) * len(seat_map.trip.seats)
        elif seen.seat_map.groups == seat_map.groups and not seen.told:
            return seen.versions
        else:
            versions = seen.versions[:]
            for place in {*_changed(seen.seat_map, seat_map), *seen.told}:
                versions[place] = max(now_ms, seen.told.get(place, versions[place]) + 1)
        self._seen.put(key, _Seen(seat_map, versions, {}), BYTES_PER_SEAT * len(versions))
        return versions

    def told(self, trip: Trip, seats: Iterable[str], version: int) -> None:
        """Somebody was told this version of these seats: what is seen next has a greater one, whatever was missed."""
        seen = self._seen.get(trip.key)
        if seen is not None and seen.seat_map.trip is trip:
            for place in (_place(trip, seat) for seat in seats if trip.has_seat(seat)):
                if version > seen.versions[place]:
                    seen.told[place] = max(version, seen.told.get(place, version))


class _Seen(NamedTuple):
    """The last map of a trip, the versions of its seats, and what was told of seats since, by their places."""

    seat_map: SeatMap
    versions: "array[int]"
    told: dict[int, int]


def _place(trip: Trip, seat_id: str) -> int:
    """Of one of the trip's seats in layout order."""
    group = trip.group_of(seat_id)
    among = [seat.id for seat in trip.seats_in(group)]
    return (group - trip.first_group) * trip.seats_per_group + among.index(seat_id)


def _changed(before: SeatMap, after: SeatMap) -> list[int]:
    """The places of the seats that are not as they were, in layout order."""
    places: list[int] = []
    for index, (old, new) in enumerate(zip(before.groups, after.groups, strict=True)):
        if old != new:
            start, states = after.part(index)
            pairs = zip(before.part(index)[1], states, strict=True)
            places += [place for place, (was, now) in enumerate(pairs, start) if was != now]
    return places
