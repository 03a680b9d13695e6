"""Counts the seats of a trip for a journey, by section and class, without sending its map."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.commands import SeatMapQuery
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.use_cases.read_seat_map import ReadSeatMap


@dataclass(frozen=True, slots=True)
class TripSummary:
    """What `seat_map` has, section by section: each part is summarized by itself (`seats.summary`)."""

    seat_map: SeatMap

    def parts(self) -> Iterator[SeatMap]:
        """The map of each section that has seats, in layout order; of a trip without sections the whole map."""
        trip, whole = self.seat_map.trip, self.seat_map.section
        first = trip.groups_of(trip.places_in(whole)).start
        for section, places in trip.section_ranges.items():
            if whole in ("", section):
                groups = trip.groups_of(places)
                cut = self.seat_map.groups[groups.start - first : groups.stop - first]
                yield replace(self.seat_map, groups=cut, section=section)


class SummarizeTrip:
    """Answers from the cached seat groups; only a hold decides whether a seat is free."""

    def __init__(self, read_seat_map: ReadSeatMap) -> None:
        self._read_seat_map = read_seat_map

    async def __call__(self, actor: Actor, query: SeatMapQuery) -> TripSummary:
        """Raises what ReadSeatMap raises."""
        return TripSummary(await self._read_seat_map(actor, query))
