"""Summaries of trips as serialized replies: a section is counted again only when one of its seats has changed."""

import asyncio
from typing import NamedTuple

from travio_inventory.api.grpc.maps import sale_of
from travio_inventory.api.grpc.protobuf import number, part, text
from travio_inventory.api.map_sizes import REPLY_BYTES_MAX, summary_too_large
from travio_inventory.api.memo import Memo
from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.seats.layout import Section
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.summary import ClassSummary, summaries
from travio_inventory.seats.trip import Journey, Trip, TripKey
from travio_inventory.seats.use_cases.summarize_trip import TripSummary


class SummaryReplies:
    """Writes GetTripSummaryResponse. What it keeps takes `bytes_max` at most, and has `entries_max`."""

    def __init__(self, *, entries_max: int = 65_536, bytes_max: int = 16 * 1024 * 1024) -> None:
        self._parts: Memo[_Asked, _Counted] = Memo(entries_max=entries_max, bytes_max=bytes_max)

    async def summary(self, summary: TripSummary) -> bytes:
        """The serialized reply; other calls go on while much is counted. Raises ReplyTooLarge."""
        seat_map = summary.seat_map
        parts = [await self._part(each) for each in summary.parts()]
        journey = number(4, seat_map.journey.first) + number(5, seat_map.journey.last)
        reply = b"".join(
            (*parts, text(2, seat_map.trip.currency), number(3, seat_map.as_of_ms // 1_000), journey, sale_of(seat_map))
        )
        if len(reply) > REPLY_BYTES_MAX:
            raise summary_too_large(seat_map.trip, REPLY_BYTES_MAX)
        return reply

    async def _part(self, seat_map: SeatMap) -> bytes:
        asked = _Asked(seat_map.trip.key, seat_map.journey, seat_map.section, seat_map.is_sold)
        counted = self._parts.get(asked)
        if counted is None or counted.trip is not seat_map.trip or counted.groups != seat_map.groups:
            seats = len(seat_map.trip.places_in(seat_map.section))
            counted = _Counted(seat_map.trip, seat_map.groups, await off_loop(seats, _written, seat_map))
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


def _written(seat_map: SeatMap) -> bytes:
    section = next((each for each in seat_map.trip.sections if each.id == seat_map.section), Section(""))
    return b"".join(part(1, _class_summary(each, section)) for each in summaries(seat_map))


def _class_summary(summary: ClassSummary, section: Section) -> bytes:
    names = text(1, section.id) + text(2, section.label) + text(3, section.kind) + text(4, summary.seat_class)
    counts = (summary.free, summary.held, summary.sold, summary.blocked, summary.largest_run)
    numbers = b"".join(number(field, count) for field, count in enumerate(counts, 5))
    return names + numbers + number(10, summary.lowest_price_minor or 0)
