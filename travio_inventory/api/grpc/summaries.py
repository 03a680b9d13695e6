"""Summaries of trips as serialized replies."""

from travio_inventory.api.grpc.maps import sale_of
from travio_inventory.api.grpc.protobuf import number, part, text
from travio_inventory.api.kept_summaries import KeptSummaries
from travio_inventory.api.map_sizes import REPLY_BYTES_MAX, summary_too_large
from travio_inventory.seats.layout import Section
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.summary import ClassSummary, summaries
from travio_inventory.seats.use_cases.summarize_trip import TripSummary


class SummaryReplies:
    """Writes GetTripSummaryResponse."""

    def __init__(self) -> None:
        self._kept = KeptSummaries(_written)

    async def summary(self, summary: TripSummary) -> bytes:
        """The serialized reply; other calls go on while much is counted. Raises ReplyTooLarge."""
        seat_map = summary.seat_map
        parts = await self._kept.parts(summary)
        journey = number(4, seat_map.journey.first) + number(5, seat_map.journey.last)
        reply = b"".join(
            (*parts, text(2, seat_map.trip.currency), number(3, seat_map.as_of_ms // 1_000), journey, sale_of(seat_map))
        )
        if len(reply) > REPLY_BYTES_MAX:
            raise summary_too_large(seat_map.trip, REPLY_BYTES_MAX)
        return reply


def _written(seat_map: SeatMap, section: Section) -> bytes:
    return b"".join(part(1, _class_summary(each, section)) for each in summaries(seat_map))


def _class_summary(summary: ClassSummary, section: Section) -> bytes:
    names = text(1, section.id) + text(2, section.label) + text(3, section.kind) + text(4, summary.seat_class)
    counts = (summary.free, summary.held, summary.sold, summary.blocked, summary.largest_run)
    numbers = b"".join(number(field, count) for field, count in enumerate(counts, 5))
    return names + numbers + number(10, summary.lowest_price_minor or 0)
