"""A seat map as it was written last: only the seat groups that have changed since are written again."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol

from travio_inventory.seats.layout import Seat
from travio_inventory.seats.seat import SeatState
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.trip import Journey, Trip
from travio_inventory.seats.use_cases.check_availability import Availability

SEATS_AT_ONCE: Final = 128
"""So many are written in less than 2 ms, however new they are; then other calls go on."""
ROWS_AT_ONCE: Final = 256


class MapLayout(Protocol):
    """The parts that all maps of a section of a trip share, in the form of one face."""

    @property
    def trip(self) -> Trip:
        """Whose layout it is."""
        ...

    @property
    def seats(self) -> Sequence[Seat]:
        """Those of the section, in layout order."""
        ...

    async def prepare(self) -> None:
        """Make those parts; to be done before a map is written."""
        ...

    def cells(self, start: int, states: Sequence[SeatState]) -> list[bytes]:
        """The seats from that place on in these states."""
        ...

    @property
    def row_count(self) -> int:
        """How many rows a map has."""
        ...

    def rows_of(self, start: int, end: int) -> range:
        """The rows that have the seats at these places."""
        ...

    def row(self, row: int, cells: Sequence[bytes]) -> bytes:
        """A row with its own ones of the cells of all seats."""
        ...

    def whole(self, rows: Sequence[bytes], journey: Journey, sale: bytes) -> bytes:
        """The map."""
        ...


class WrittenMap:
    """The map of one journey, all of it but its age; `sale` are its fields that say whether it is sold. Calls at the
    same time share what is being written.
    """

    def __init__(self, layout: MapLayout, groups: int, sale: bytes) -> None:
        self.layout = layout
        self._sale = sale
        self.size_bytes = 8 * len(layout.seats)
        """About how much memory it takes: the rows are there three times."""
        self._groups: tuple[bytes, ...] | None = None
        """What `_data` was made from; None while that is being changed."""
        self._data = b""
        self._turn = asyncio.Lock()
        self._written: list[bytes] = [b""] * groups
        self._cells = [b""] * len(layout.seats)
        self._rows: list[bytes] = []
        self._changed_rows: set[int] = set()

    async def write(self, seat_map: SeatMap) -> bytes:
        """The map with these groups; equal ones give the same object."""
        if self._groups != seat_map.groups:
            await self._write(seat_map)
        return self._data

    async def _write(self, seat_map: SeatMap) -> None:
        async with self._turn:
            if self._groups != seat_map.groups:
                self._groups = None
                await self.layout.prepare()
                await self._write_seats(seat_map)
                await self._write_rows()
                self._data = self.layout.whole(self._rows, seat_map.journey, self._sale)
                self._groups = seat_map.groups
                self.size_bytes = 3 * len(self._data) + 8 * len(self._cells)

    async def _write_seats(self, seat_map: SeatMap) -> None:
        seats = 0
        for index, group in enumerate(seat_map.groups):
            if group == self._written[index]:
                continue
            start, states = seat_map.part(index)
            end = start + len(states)
            self._cells[start:end] = self.layout.cells(start, states)
            self._changed_rows.update(self.layout.rows_of(start, end))
            self._written[index] = group
            seats += len(states)
            if seats >= SEATS_AT_ONCE:
                seats = 0
                await asyncio.sleep(0)

    async def _write_rows(self) -> None:
        self._rows = self._rows or [b""] * self.layout.row_count
        for count, row in enumerate(sorted(self._changed_rows), 1):
            self._rows[row] = self.layout.row(row, self._cells)
            if count % ROWS_AT_ONCE == 0:
                await asyncio.sleep(0)
        self._changed_rows.clear()


async def free_seats(found: Availability) -> AsyncIterator[Sequence[Seat]]:
    """The free seats in layout order, some at a time; other calls go on in between."""
    looked_at, size = 0, min(found.seat_map.trip.seats_per_group, SEATS_AT_ONCE)
    for of_group in found.free():
        for start in range(0, max(1, len(of_group)), SEATS_AT_ONCE):
            yield of_group[start : start + SEATS_AT_ONCE]
            looked_at += size
            if looked_at >= SEATS_AT_ONCE:
                looked_at = 0
                await asyncio.sleep(0)
