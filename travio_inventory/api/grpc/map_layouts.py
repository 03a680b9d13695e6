"""The parts of replies about seats that do not depend on their states: written once, put together for each reply."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby

from travio_inventory.api.grpc.protobuf import number, part, text
from travio_inventory.api.map_colors import STATUS_COLORS, class_colors
from travio_inventory.api.written_maps import free_seats
from travio_inventory.definition_messages import feature_message, section_message
from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.seats.layout import Seat, Section, spoken_label
from travio_inventory.seats.route import Segment
from travio_inventory.seats.seat import Available, Blocked, HeldUntil, SeatState, Sold
from travio_inventory.seats.trip import Journey, Trip
from travio_inventory.seats.use_cases.check_availability import Availability
from travio_inventory.wire.inventory.v1 import DirectionOfTravel, SeatStatus


class Layout:
    """The parts that all replies about a section of a trip share, or about all of the trip for ""."""

    def __init__(self, trip: Trip, section: str) -> None:
        places = trip.places_in(section)
        self.trip = trip
        self.seats = trip.seats[places.start : places.stop]
        self._sections = [each for each in trip.sections if section in ("", each.id)]
        self._by_id = {each.id: each for each in self._sections}
        self._features = [each for each in trip.features if section in ("", each.section)]
        self._is_prepared = False

    async def prepare(self) -> None:
        """Make the parts that all maps share, in a thread if there are many; to be done before a map is written."""
        if not self._is_prepared:
            await off_loop(len(self.seats), lambda: (self._rows, self._row_of, self._head, self._tail))
            self._is_prepared = True

    def cells(self, start: int, states: Sequence[SeatState]) -> list[bytes]:
        """The seats from that place on in these states, each as a field of its row."""
        return self._cells.write(zip(self.seats[start : start + len(states)], states, strict=True))

    @property
    def row_count(self) -> int:
        """How many rows a map has."""
        return len(self._rows)

    def rows_of(self, start: int, end: int) -> range:
        """The rows that have the seats at these places."""
        return range(self._row_of[start], self._row_of[end - 1] + 1) if end > start else range(0)

    def row(self, row: int, cells: Sequence[bytes]) -> bytes:
        """A row of a GetSeatMapResponse, of these fields of all seats."""
        head, start, end, tail = self._rows[row]
        return part(5, head + b"".join(cells[start:end]) + tail)

    def whole(self, rows: Sequence[bytes], journey: Journey, sale: bytes) -> bytes:
        """A GetSeatMapResponse, all but `as_of`."""
        return b"".join((self._head, *rows, self._tail, *_journey(self.trip, journey), sale))

    async def availability(self, found: Availability) -> bytes:
        """A CheckAvailabilityResponse, all but `checked_at`; other calls go on in between."""
        free: list[bytes] = []
        prices: list[int] = []
        async for some in free_seats(found):
            free += [self._free[seat.id] for seat in some]
            prices += [seat.price_minor for seat in some]
        enough = number(1, found.is_sold and len(free) >= found.passengers)
        return b"".join((enough, number(2, len(free)), *free, number(4, found.price_minor(prices))))

    @cached_property
    def _cells(self) -> "_SeatFields":
        return _SeatFields(_Bodies(self.trip, lambda seat: _cell(seat, self._section_of(seat))))

    def _section_of(self, seat: Seat) -> Section | None:
        return self._by_id.get(seat.section)

    @cached_property
    def _free(self) -> "_Bodies":
        """Each seat as it is offered, by its id."""
        return _Bodies(self.trip, lambda seat: part(3, _offered(seat, self._section_of(seat))))

    @cached_property
    def _rows(self) -> Sequence[tuple[bytes, int, int, bytes]]:
        """What is before the seats of each row, where they begin and end in layout order, and what is after them."""
        rows = []
        start = 0
        for (section, row, label), seats in groupby(
            self.seats, key=lambda seat: (seat.section, seat.row, seat.row_label)
        ):
            end = start + sum(1 for _ in seats)
            rows.append((number(1, row), start, end, text(3, section) + text(4, label)))
            start = end
        return rows

    @cached_property
    def _row_of(self) -> Sequence[int]:
        """The row of each seat."""
        return [number for number, (_, start, end, _) in enumerate(self._rows) for _ in range(start, end)]

    @cached_property
    def _head(self) -> bytes:
        rows = max((seat.row for seat in self.seats), default=0)
        columns = max((seat.column for seat in self.seats), default=0)
        return text(1, self.trip.vehicle) + text(2, self.trip.vehicle_type) + number(3, rows) + number(4, columns)

    @cached_property
    def _tail(self) -> bytes:
        classes = class_colors(self.trip.seat_classes)
        legend = b"".join((*_entries_of_map(1, STATUS_COLORS), *_entries_of_map(2, classes)))
        sections = (part(7, bytes(section_message(each))) for each in self._sections)
        features = (part(8, bytes(feature_message(each))) for each in self._features)
        units = text(9, self.trip.currency), text(11, self.trip.time_zone)
        return b"".join((part(6, legend), *sections, *features, *units))


class _SeatFields:
    """Each seat of a trip as one SeatCell of a row; written once for every state it comes to be in."""

    def __init__(self, bodies: "_Bodies") -> None:
        self._bodies = bodies
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


class _Bodies(dict[str, bytes]):
    """What `write` makes of each seat of a trip, by its id; written when it is first asked for."""

    def __init__(self, trip: Trip, write: Callable[[Seat], bytes]) -> None:
        super().__init__()
        self._trip = trip
        self._write = write

    def __missing__(self, seat_id: str) -> bytes:
        written = self[seat_id] = self._write(self._trip.seat(seat_id))
        return written


class _InState(dict[str, bytes]):
    """Each seat in one state, by its id; written when it is first asked for."""

    def __init__(self, bodies: Mapping[str, bytes], status: bytes) -> None:
        super().__init__()
        self._bodies = bodies
        self._status = status

    def __missing__(self, seat: str) -> bytes:
        written = self[seat] = part(2, self._bodies[seat] + self._status)
        return written


def _cell(seat: Seat, section: Section | None) -> bytes:
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
            text(12, spoken_label(seat, section)),
        )
    )


def _offered(seat: Seat, section: Section | None) -> bytes:
    """The SeatAvailability of a free seat."""
    state = number(4, SeatStatus.AVAILABLE)
    names = text(7, seat.section) + text(8, spoken_label(seat, section))
    return text(1, seat.id) + text(2, seat.number) + text(3, seat.seat_class) + state + text(6, seat.seat_type) + names


def _journey(trip: Trip, journey: Journey) -> Iterator[bytes]:
    """The fields of a map that depend on the journey."""
    names = dict(trip.station_names)
    for at in range(journey.first, journey.last + 2):
        before = trip.segments[at - 1] if at > 0 else None
        after = trip.segments[at] if at < len(trip.segments) else None
        station = trip.stops[at]
        stop = text(1, station) + text(2, names.get(station, ""))
        stop += number(3, before.arrives_at_s) if before else b""
        stop += number(4, after.departs_at_s) + number(5, _direction(after)) if after else b""
        yield part(10, stop)
    yield number(12, _direction(trip.segments[journey.first]))
    yield number(14, journey.first) + number(15, journey.last)


def _direction(segment: Segment) -> int:
    return DirectionOfTravel[segment.direction.name]


def _entries_of_map(field: int, entries: dict[str, str]) -> Iterator[bytes]:
    """A map of strings, which is a repeated field of pairs."""
    return (part(field, text(1, key) + text(2, value)) for key, value in entries.items())
