"""Keeps summaries of sections as they were written: one is counted again only when one of its seats has changed."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from travio_inventory.api.memo import Memo
from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.seats.layout import Section
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.trip import Journey, Trip, TripKey
from travio_inventory.seats.use_cases.summarize_trip import TripSummary


class KeptSummaries:
    """What `write` makes of the map of each section. What is kept takes `bytes_max` at most, and has `entries_max`."""

    def __init__(
        self,
        write: Callable[[SeatMap, Section], bytes],
        *,
        entries_max: int = 65_536,
        bytes_max: int = 16 * 1024 * 1024,
    ) -> None:
        self._write = write
        self._parts: Memo[_Asked, _Counted] = Memo(entries_max=entries_max, bytes_max=bytes_max)

    async def parts(self, summary: TripSummary) -> list[bytes]:
        """Each section in layout order; other calls go on while much is counted."""
        return [await self._part(each) for each in summary.parts()]

    async def _part(self, seat_map: SeatMap) -> bytes:
        asked = _Asked(seat_map.trip.key, seat_map.journey, seat_map.section, seat_map.is_sold)
        counted = self._parts.get(asked)
        if counted is None or counted.trip is not seat_map.trip or counted.groups != seat_map.groups:
            seats = len(seat_map.trip.places_in(seat_map.section))
            data = await off_loop(seats, self._write, seat_map, _section_of(seat_map))
            counted = _Counted(seat_map.trip, seat_map.groups, data)
            await asyncio.sleep(0)
            self._parts.put(asked, counted, len(counted.data) + sum(map(len, counted.groups)))
        return counted.data


class _Asked(NamedTuple):
    """A section of a trip on a journey."""

    trip: TripKey
    journey: Journey
    section: str
    is_sold: bool


class _Counted(NamedTuple):
    """The summaries of a section, and what they were made from."""

    trip: Trip
    groups: tuple[bytes, ...]
    data: bytes


def _section_of(seat_map: SeatMap) -> Section:
    return next((each for each in seat_map.trip.sections if each.id == seat_map.section), Section(""))
