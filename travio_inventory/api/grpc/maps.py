"""Seat maps and availability as serialized replies: assembled from parts, cached while nothing changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from travio_inventory.api.grpc.map_layouts import Layout
from travio_inventory.api.grpc.protobuf import number, part
from travio_inventory.api.kept_maps import BYTES_MAX, ENTRIES_MAX, KeptMaps, Part, part_of
from travio_inventory.api.map_sizes import REPLY_BYTES_MAX, too_many_free
from travio_inventory.api.memo import Memo
from travio_inventory.api.written_maps import WrittenMap
from travio_inventory.seats.offer import SalesState
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.trip import Journey, Trip
from travio_inventory.seats.use_cases.check_availability import Availability
from travio_inventory.wire.inventory.v1 import TripState


class MapReplies:
    """Writes GetSeatMapResponse and CheckAvailabilityResponse.

    A reply stays cached while it is requested and its snapshots stay the same; of a map only the seat groups that have
    changed are written again. Maps, other replies, and the layouts of trips from which they are made take `bytes_max`
    each, and have `entries_max`.
    """

    def __init__(
        self,
        *,
        entries_max: int = ENTRIES_MAX,
        bytes_max: int = BYTES_MAX,
        reply_bytes_max: int = REPLY_BYTES_MAX,
    ) -> None:
        self._maps = KeptMaps[Layout, DatedMap](
            Layout, DatedMap, entries_max=entries_max, bytes_max=bytes_max, reply_bytes_max=reply_bytes_max
        )
        self._replies: Memo[_Asked, _Reply] = Memo(entries_max=entries_max, bytes_max=bytes_max)
        self._reply_bytes_max = reply_bytes_max

    def check(self, trip: Trip, section: str) -> None:
        """Raises ReplyTooLarge for the map of a section that clients might not accept."""
        self._maps.check(trip, section)

    async def seat_map(self, seat_map: SeatMap) -> bytes:
        """The map as a serialized GetSeatMapResponse; `check` has admitted it. Other calls go on while much is written,
        and those for the same map share it.
        """
        written, data = await self._maps.written(seat_map, sale_of(seat_map))
        return written.dated(data, seat_map.as_of_ms // 1_000)

    async def availability(self, found: Availability, *, checked_at_s: int) -> bytes:
        """The answer as a serialized CheckAvailabilityResponse; checked in that second of Unix time. Other calls go on
        while much is written.
        """
        seat_map = found.seat_map
        sale = sale_of(seat_map)
        asked = _Asked(part_of(seat_map), seat_map.journey, sale, found.seat_class, found.passengers, found.is_sold)
        kept = self._kept(asked, seat_map)
        if kept is None:
            kept = self._keep(asked, seat_map, await self._maps.layout(seat_map).availability(found))
        return self._sized(kept + number(5, checked_at_s))

    def batch(self, answers: Sequence[bytes]) -> bytes:
        """The answers as a serialized BatchCheckResponse."""
        return self._sized(b"".join(part(1, each) for each in answers))

    def _sized(self, reply: bytes) -> bytes:
        if len(reply) > self._reply_bytes_max:
            raise too_many_free(self._reply_bytes_max)
        return reply

    def _kept(self, asked: "_Asked", seat_map: SeatMap) -> bytes | None:
        reply = self._replies.get(asked)
        if reply is None or reply.trip is not seat_map.trip or reply.groups != seat_map.groups:
            return None
        return reply.data

    def _keep(self, asked: "_Asked", seat_map: SeatMap, data: bytes) -> bytes:
        data += asked.sale
        self._replies.put(asked, _Reply(seat_map.trip, seat_map.groups, data), len(data))
        return data


class DatedMap(WrittenMap):
    """A GetSeatMapResponse: calls of the same second share it."""

    _of: bytes | None = None
    _as_of_s = 0
    _reply = b""

    def dated(self, data: bytes, as_of_s: int) -> bytes:
        """The map with `as_of`."""
        if data is not self._of or as_of_s != self._as_of_s:
            self._of, self._as_of_s, self._reply = data, as_of_s, data + number(13, as_of_s)
        return self._reply


_SALES: Final = {
    (state, has_departed): number(30, TripState[state.name]) + number(31, has_departed)
    for state in SalesState
    for has_departed in (False, True)
}


def sale_of(seat_map: SeatMap) -> bytes:
    """Whether the trip is sold, and whether it has left the journey's first stop: the same fields of each reply."""
    return _SALES[seat_map.state, seat_map.has_departed]


class _Asked(NamedTuple):
    """What an answer depends on besides the state of the seats."""

    part: Part
    journey: Journey
    sale: bytes
    seat_class: str
    passengers: int
    is_sold: bool


@dataclass(frozen=True, slots=True)
class _Reply:
    """A reply, and what it was made from: the same trip and equal seat groups make the same reply."""

    trip: Trip
    groups: tuple[bytes, ...]
    data: bytes
