"""A seat map as it was written last: only the seat groups that have changed since are written again."""

import asyncio

from travio_inventory.api.grpc.map_layouts import SEATS_AT_ONCE, Layout
from travio_inventory.api.grpc.protobuf import number
from travio_inventory.seats.seat_map import SeatMap

ROWS_AT_ONCE = 256


class WrittenMap:
    """The map of one journey as a serialized reply; `sale` are its fields that say whether it is sold. Calls at the
    same time share what is being written, those of the same second the reply.
    """

    def __init__(self, layout: Layout, groups: int, sale: bytes) -> None:
        self.layout = layout
        self._sale = sale
        self.size_bytes = 8 * len(layout.seats)
        """About how much memory it takes: the rows are there three times."""
        self._groups: tuple[bytes, ...] | None = None
        """What `_data` was made from; None while that is being changed."""
        self._data = b""
        """All but `as_of`."""
        self._reply = b""
        self._as_of_s: int | None = None
        """That of `_reply`; None if `_data` has changed since."""
        self._turn = asyncio.Lock()
        self._written: list[bytes] = [b""] * groups
        self._cells = [b""] * len(layout.seats)
        self._rows: list[bytes] = []
        self._changed_rows: set[int] = set()

    async def write(self, seat_map: SeatMap) -> bytes:
        """The map with these groups, as of that second; equal ones give the same object."""
        if self._groups != seat_map.groups:
            await self._write(seat_map)
        as_of_s = seat_map.as_of_ms // 1_000
        if as_of_s != self._as_of_s:
            self._reply, self._as_of_s = self._data + number(13, as_of_s), as_of_s
        return self._reply

    async def _write(self, seat_map: SeatMap) -> None:
        async with self._turn:
            if self._groups != seat_map.groups:
                self._groups = None
                await self.layout.prepare()
                await self._write_seats(seat_map)
                await self._write_rows()
                self._data = b"".join(
                    (*self.layout.around(self._rows), *self.layout.journey(seat_map.journey), self._sale)
                )
                self._as_of_s = None
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
