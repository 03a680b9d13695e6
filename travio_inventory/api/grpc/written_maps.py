"""A seat map as it was written last: only the seat groups that have changed since are written again."""

import asyncio

from travio_inventory.api.grpc.map_layouts import Layout
from travio_inventory.seats.seat_map import SeatMap

SEATS_AT_ONCE = 128
"""So many are written in less than 2 ms, however new they are; then other calls go on."""
ROWS_AT_ONCE = 256


class WrittenMap:
    """The map of one journey, all but `as_of`; `sale` are its fields that say whether it is sold. Calls at the same
    time share what is being written.
    """

    def __init__(self, layout: Layout, groups: int, sale: bytes) -> None:
        self.layout = layout
        self._sale = sale
        self.groups: tuple[bytes, ...] | None = None
        """What `data` was made from; None while that is being changed."""
        self.data = b""
        self._turn = asyncio.Lock()
        self._written: list[bytes] = [b""] * groups
        self._cells = [b""] * len(layout.seats)
        self._rows: list[bytes] = []
        self._changed_rows: set[int] = set()

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes: the rows are there twice."""
        return 2 * len(self.data) + 8 * len(self._cells)

    async def write(self, seat_map: SeatMap) -> bytes:
        """The map with these groups; equal ones give the same object."""
        if self.groups == seat_map.groups:
            return self.data
        async with self._turn:
            if self.groups != seat_map.groups:
                self.groups = None
                await self.layout.prepare()
                await self._write_seats(seat_map)
                await self._write_rows()
                self.data = b"".join(
                    (*self.layout.around(self._rows), *self.layout.journey(seat_map.journey), self._sale)
                )
                self.groups = seat_map.groups
            return self.data

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
