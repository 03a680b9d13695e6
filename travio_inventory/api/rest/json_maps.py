"""Seat maps and availability as JSON: assembled from parts, compressed and named by an ETag once for each change."""

import gzip
from collections.abc import Iterator, Sequence
from functools import cached_property
from hashlib import blake2b
from itertools import groupby
from typing import Any, Final

from travio_inventory.api.kept_maps import KeptMaps
from travio_inventory.api.map_colors import STATUS_COLORS, class_colors
from travio_inventory.api.rest.json_text import members, moment, written
from travio_inventory.api.written_maps import WrittenMap, free_seats
from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.seats.layout import Feature, Seat, Section, spoken_label
from travio_inventory.seats.offer import SalesState
from travio_inventory.seats.route import Direction, Segment
from travio_inventory.seats.seat import Available, Blocked, HeldUntil, SeatState, Sold
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.trip import Journey, Trip
from travio_inventory.seats.use_cases.check_availability import Availability

GZIP_LEVEL: Final = 5
STATUSES: Final[dict[type[SeatState], str]] = {
    Available: "SEAT_STATUS_AVAILABLE",
    HeldUntil: "SEAT_STATUS_HELD",
    Sold: "SEAT_STATUS_BOOKED",
    Blocked: "SEAT_STATUS_BLOCKED",
}
"""What a seat's state is called."""


class JsonLayout:
    """The parts that all maps of a section of a trip share, or of all of the trip for ""."""

    def __init__(self, trip: Trip, section: str) -> None:
        places = trip.places_in(section)
        self.trip = trip
        self.seats = trip.seats[places.start : places.stop]
        self._sections = [each for each in trip.sections if section in ("", each.id)]
        self._by_id = {each.id: each for each in self._sections}
        self._features = [each for each in trip.features if section in ("", each.section)]
        self._cells: dict[tuple[str, type[SeatState]], bytes] = {}
        self._offered: dict[str, bytes] = {}

    async def prepare(self) -> None:
        """Make the parts that all maps share, in a thread if there are many."""
        await off_loop(len(self.seats), lambda: (self._rows, self._row_of, self._head))

    def cells(self, start: int, states: Sequence[SeatState]) -> list[bytes]:
        """The seats from that place on in these states, each as an object of its row."""
        seats = self.seats[start : start + len(states)]
        return [self._cell(seat, state) for seat, state in zip(seats, states, strict=True)]

    @property
    def row_count(self) -> int:
        """How many rows a map has."""
        return len(self._rows)

    def rows_of(self, start: int, end: int) -> range:
        """The rows that have the seats at these places."""
        return range(self._row_of[start], self._row_of[end - 1] + 1) if end > start else range(0)

    def row(self, row: int, cells: Sequence[bytes]) -> bytes:
        """A row of a map with its own ones of the cells of all seats."""
        head, start, end = self._rows[row]
        return head + b",".join(cells[start:end]) + b"]}"

    def whole(self, rows: Sequence[bytes], journey: Journey, sale: bytes) -> bytes:
        """The map."""
        of_journey = members(_of_journey(self.trip, journey))
        return b"".join((self._head, b",".join(rows), b"],", of_journey, b",", sale, b"}"))

    async def availability(self, found: Availability) -> bytes:
        """What is free, all but when that was looked up; other calls go on in between."""
        free: list[bytes] = []
        prices: list[int] = []
        async for some in free_seats(found):
            free += [self._offer(seat) for seat in some]
            prices += [seat.price_minor for seat in some]
        counts = {
            "is_available": found.is_sold and len(free) >= found.passengers,
            "available_seats": len(free),
            "price_paisa": found.price_minor(prices),
        }
        sale = sale_of(found.seat_map)
        return b"".join((b"{", members(counts), b',"seats":[', b",".join(free), b"],", sale, b","))

    def _cell(self, seat: Seat, state: SeatState) -> bytes:
        if isinstance(state, HeldUntil):
            return written(self._drawn(seat, HeldUntil) | {"hold_expires_at": moment(state.until_ms // 1_000)})
        kind = seat.id, type(state)
        cell = self._cells.get(kind)
        if cell is None:
            cell = self._cells[kind] = written(self._drawn(seat, type(state)))
        return cell

    def _drawn(self, seat: Seat, state: type[SeatState]) -> dict[str, Any]:
        return {
            "seat_id": seat.id,
            "seat_number": seat.number,
            "column": seat.column,
            "seat_type": seat.seat_type,
            "seat_class": seat.seat_class,
            "status": STATUSES[state],
            "price_paisa": seat.price_minor,
            "is_accessible": seat.is_accessible,
            "has_power": seat.has_power,
            "is_exit_row": seat.is_exit_row,
            "label": spoken_label(seat, self._by_id.get(seat.section)),
        }

    def _offer(self, seat: Seat) -> bytes:
        """The seat as one that is free."""
        offer = self._offered.get(seat.id)
        if offer is None:
            offer = self._offered[seat.id] = written(
                {
                    "seat_id": seat.id,
                    "seat_number": seat.number,
                    "seat_class": seat.seat_class,
                    "seat_type": seat.seat_type,
                    "status": STATUSES[Available],
                    "section_id": seat.section,
                    "label": spoken_label(seat, self._by_id.get(seat.section)),
                }
            )
        return offer

    @cached_property
    def _rows(self) -> Sequence[tuple[bytes, int, int]]:
        """What is before the seats of each row, and where they begin and end in layout order."""
        rows = []
        start = 0
        for (section, row, label), seats in groupby(
            self.seats, key=lambda seat: (seat.section, seat.row, seat.row_label)
        ):
            end = start + sum(1 for _ in seats)
            head = members({"row_number": row, "section_id": section, "row_label": label})
            rows.append((b"{" + head + b',"seats":[', start, end))
            start = end
        return rows

    @cached_property
    def _row_of(self) -> Sequence[int]:
        """The row of each seat."""
        return [number for number, (_, start, end) in enumerate(self._rows) for _ in range(start, end)]

    @cached_property
    def _head(self) -> bytes:
        trip = self.trip
        values = {
            "trip_id": trip.key.trip,
            "vehicle_id": trip.vehicle,
            "vehicle_type": trip.vehicle_type,
            "total_rows": max((seat.row for seat in self.seats), default=0),
            "total_columns": max((seat.column for seat in self.seats), default=0),
            "currency": trip.currency,
            "time_zone": trip.time_zone,
            "legend": STATUS_COLORS,
            "class_colors": class_colors(trip.seat_classes),
            "sections": [section_json(each) for each in self._sections],
            "features": [feature_json(each) for each in self._features],
        }
        return b"{" + members(values) + b',"rows":['


class JsonMap(WrittenMap):
    """A map as JSON, with its name and its compressed form."""

    _of: bytes | None = None
    _etag = ""
    _zipped: bytes | None = None

    def etag(self, data: bytes) -> str:
        """Names this content of the map: equal ones have the same name, in every process and however they are sent."""
        self._look_at(data)
        return self._etag

    async def zipped(self, data: bytes) -> bytes:
        """The map as gzip has it."""
        self._look_at(data)
        if self._zipped is None:
            zipped = await off_loop(len(self.layout.seats), gzip.compress, data, GZIP_LEVEL, mtime=0)
            if data is not self._of:
                return zipped
            self._zipped = zipped
        return self._zipped

    def _look_at(self, data: bytes) -> None:
        if data is not self._of:
            self._of, self._zipped = data, None
            self._etag = f'W/"{blake2b(data, digest_size=12).hexdigest()}"'


def json_maps() -> KeptMaps[JsonLayout, JsonMap]:
    """Keeps seat maps as JSON."""
    return KeptMaps[JsonLayout, JsonMap](JsonLayout, JsonMap)


SALES: Final = {
    (state, has_departed): members({"state": f"TRIP_STATE_{state.name}", "departed": has_departed})
    for state in SalesState
    for has_departed in (False, True)
}


def sale_of(seat_map: SeatMap) -> bytes:
    """Whether the trip is sold, and whether it has left the journey's first stop: the same members of each answer."""
    return SALES[seat_map.state, seat_map.has_departed]


def section_json(section: Section) -> dict[str, Any]:
    return {"section_id": section.id, "label": section.label, "kind": section.kind}


def feature_json(feature: Feature) -> dict[str, Any]:
    return {
        "kind": feature.kind,
        "section_id": feature.section,
        "row": feature.row,
        "column": feature.column,
        "rows": feature.rows,
        "columns": feature.columns,
        "label": feature.label,
    }


def direction_name(direction: Direction) -> str:
    """What it is called, as on the wire of gRPC."""
    return f"DIRECTION_OF_TRAVEL_{direction.name}"


def _of_journey(trip: Trip, journey: Journey) -> dict[str, Any]:
    """The members of a map that depend on the journey."""
    return {
        "stops": list(_stops(trip, journey)),
        "direction": direction_name(trip.segments[journey.first].direction),
        "from_segment_index": journey.first,
        "to_segment_index": journey.last,
    }


def _stops(trip: Trip, journey: Journey) -> Iterator[dict[str, Any]]:
    names = dict(trip.station_names)
    for at in range(journey.first, journey.last + 2):
        before: Segment | None = trip.segments[at - 1] if at > 0 else None
        after: Segment | None = trip.segments[at] if at < len(trip.segments) else None
        yield {
            "station_id": trip.stops[at],
            "name": names.get(trip.stops[at], ""),
            "arrival_time": moment(before.arrives_at_s) if before else None,
            "departure_time": moment(after.departs_at_s) if after else None,
            "direction": direction_name(after.direction) if after else direction_name(Direction.UNSPECIFIED),
        }
