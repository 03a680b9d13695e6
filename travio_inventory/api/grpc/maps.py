"""Seat maps and availability as serialized replies: assembled from parts, cached while nothing changes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import groupby
from typing import Final, NamedTuple

from travio_inventory.api.grpc.memo import Memo
from travio_inventory.api.grpc.protobuf import number, part, text
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.seat import Available, Blocked, HeldUntil, SeatState, Sold
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.trip import Journey, Trip, TripKey
from travio_inventory.seats.use_cases.check_availability import Availability
from travio_inventory.wire.inventory.v1 import SeatStatus

STATUS_COLORS: Final = {"available": "#00FF00", "held": "#FFFF00", "booked": "#FF0000", "blocked": "#808080"}
LAYOUT_BYTES_PER_SEAT: Final = 1_024
"""Approximate size of a trip's layout: eight short texts per seat."""


def class_color(seat_class: str) -> str:
    """The colour in which the class is drawn, the same on every map: #RRGGBB, never very dark."""
    red, green, blue = (0x40 + byte % 0xC0 for byte in blake2b(seat_class.encode(), digest_size=3).digest())
    return f"#{red:02X}{green:02X}{blue:02X}"


class MapReplies:
    """Writes GetSeatMapResponse and CheckAvailabilityResponse.

    A reply stays cached while it is requested and its snapshots stay the same. Replies take `bytes_max` at most, and so
    do the layouts of trips, from which replies are made; each has `entries_max`.
    """

    def __init__(self, *, entries_max: int = 4_096, bytes_max: int = 64 * 1024 * 1024) -> None:
        self._replies: Memo[_Asked, _Reply] = Memo(entries_max=entries_max, bytes_max=bytes_max)
        self._layouts: Memo[TripKey, _Layout] = Memo(entries_max=entries_max, bytes_max=bytes_max)

    def seat_map(self, seat_map: SeatMap) -> bytes:
        """The map as a serialized GetSeatMapResponse."""
        asked = _Asked(seat_map.trip.key, seat_map.journey)
        return self._kept(asked, seat_map) or self._keep(asked, seat_map, self._layout(seat_map.trip).map(seat_map))

    def availability(self, found: Availability, *, checked_at_s: int) -> bytes:
        """The answer as a serialized CheckAvailabilityResponse; checked in that second of Unix time."""
        seat_map = found.seat_map
        asked = _Asked(seat_map.trip.key, seat_map.journey, found.seat_class, found.passengers)
        kept = self._kept(asked, seat_map)
        if kept is None:
            kept = self._keep(asked, seat_map, self._layout(seat_map.trip).availability(found))
        return kept + number(5, checked_at_s)

    def _kept(self, asked: "_Asked", seat_map: SeatMap) -> bytes | None:
        reply = self._replies.get(asked)
        if reply is None or reply.trip is not seat_map.trip or reply.groups != seat_map.groups:
            return None
        return reply.data

    def _keep(self, asked: "_Asked", seat_map: SeatMap, data: bytes) -> bytes:
        self._replies.put(asked, _Reply(seat_map.trip, seat_map.groups, data), len(data))
        return data

    def _layout(self, trip: Trip) -> "_Layout":
        layout = self._layouts.get(trip.key)
        if layout is None or layout.trip is not trip:
            layout = _Layout(trip)
            self._layouts.put(trip.key, layout, LAYOUT_BYTES_PER_SEAT * len(trip.seats))
        return layout


class _Asked(NamedTuple):
    """What a reply depends on besides the state of the seats; passengers are 0 for a seat map."""

    trip: TripKey
    journey: Journey
    seat_class: str = ""
    passengers: int = 0


@dataclass(frozen=True, slots=True)
class _Reply:
    """A reply, and what it was made from: the same trip and equal seat groups make the same reply."""

    trip: Trip
    groups: tuple[bytes, ...]
    data: bytes


class _Layout:
    """The parts that all replies about a trip share, whatever the state of its seats."""

    def __init__(self, trip: Trip) -> None:
        self.trip = trip

    def map(self, seat_map: SeatMap) -> bytes:
        cells = self._cells.write(seat_map.seats())
        rows = (part(5, head + b"".join(cells[start:end])) for head, start, end in self._rows)
        return b"".join((self._head, *rows, self._legend))

    def availability(self, found: Availability) -> bytes:
        """All but `checked_at`."""
        free = [self._free[seat.id] for seat, state in found.seats() if isinstance(state, Available)]
        enough = number(1, len(free) >= found.passengers)
        return b"".join((enough, number(2, len(free)), *free, number(4, found.price_minor())))

    @cached_property
    def _cells(self) -> "_SeatFields":
        return _SeatFields(self.trip.seats)

    @cached_property
    def _free(self) -> Mapping[str, bytes]:
        """Each seat as it is offered, by its id."""
        return {seat.id: part(3, _offered(seat)) for seat in self.trip.seats}

    @cached_property
    def _rows(self) -> Sequence[tuple[bytes, int, int]]:
        """Each row's number, written, and where its seats begin and end in layout order."""
        rows = []
        start = 0
        for row, seats in groupby(self.trip.seats, key=lambda seat: seat.row):
            end = start + sum(1 for _ in seats)
            rows.append((number(1, row), start, end))
            start = end
        return rows

    @cached_property
    def _head(self) -> bytes:
        rows = max(seat.row for seat in self.trip.seats)
        columns = max(seat.column for seat in self.trip.seats)
        return text(1, self.trip.vehicle) + text(2, self.trip.vehicle_type) + number(3, rows) + number(4, columns)

    @cached_property
    def _legend(self) -> bytes:
        classes = {name: class_color(name) for name in sorted(self.trip.seat_classes) if name}
        return part(6, b"".join((*_entries_of_map(1, STATUS_COLORS), *_entries_of_map(2, classes))))


class _SeatFields:
    """Each seat of a trip as one SeatCell of a row; written once for every state it comes to be in."""

    def __init__(self, seats: Sequence[Seat]) -> None:
        self._bodies = {seat.id: _cell(seat) for seat in seats}
        self._settled: dict[type[SeatState], _InState] = {
            Available: _InState(self._bodies, number(6, SeatStatus.AVAILABLE)),
            Sold: _InState(self._bodies, number(6, SeatStatus.BOOKED)),
            Blocked: _InState(self._bodies, number(6, SeatStatus.BLOCKED)),
        }

    def write(self, seats: Iterable[tuple[Seat, SeatState]]) -> list[bytes]:
        return [
            self._write_held(seat, state) if isinstance(state, HeldUntil) else self._settled[type(state)][seat.id]
            for seat, state in seats
        ]

    def _write_held(self, seat: Seat, state: HeldUntil) -> bytes:
        return part(2, self._bodies[seat.id] + number(6, SeatStatus.HELD) + number(11, state.until_ms // 1_000))


class _InState(dict[str, bytes]):
    """Each seat in one state, by its id; written when it is first asked for."""

    def __init__(self, bodies: Mapping[str, bytes], status: bytes) -> None:
        super().__init__()
        self._bodies = bodies
        self._status = status

    def __missing__(self, seat: str) -> bytes:
        written = self[seat] = part(2, self._bodies[seat] + self._status)
        return written


def _cell(seat: Seat) -> bytes:
    """A SeatCell without its state."""
    return b"".join(
        (
            text(1, seat.id),
            text(2, seat.number),
            number(3, seat.column),
            text(4, seat.seat_type),
            text(5, seat.seat_class),
            number(7, seat.price_minor),
            number(8, seat.is_accessible),
            number(9, seat.has_power),
            number(10, seat.is_exit_row),
        )
    )


def _offered(seat: Seat) -> bytes:
    """The SeatAvailability of a free seat."""
    state = number(4, SeatStatus.AVAILABLE)
    return text(1, seat.id) + text(2, seat.number) + text(3, seat.seat_class) + state + text(6, seat.seat_type)


def _entries_of_map(field: int, entries: dict[str, str]) -> Iterator[bytes]:
    """A map of strings, which is a repeated field of pairs."""
    return (part(field, text(1, key) + text(2, value)) for key, value in entries.items())
