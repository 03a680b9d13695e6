"""Closes a trip that is over: from then on nothing of it can change, whatever another process still believes.

Processes may sell from a definition that they read long ago, so the store alone ends a sale. A cell that is free, or
missing, becomes `closed`: no claim finds it free, and no hold owns it. What is held runs out by its own row. A booking
or a block is closed in one batch in its home, its row and its cells there; those elsewhere come first, for a cell whose
owner is over is given back by whoever meets it:

    cell free, or missing                closed, if it is free, or missing
    cell of a live hold, elsewhere       closed, if it is that hold's
    home of a live hold                  row closed, if it is as it was; cells there closed, if they are that hold's

A cancellation that comes before frees cells, which may even be sold once more; the next look finds that, and closes it
too. One that comes after finds no booking. When all cells of a seat group are closed and none of its holds lives,
nothing can begin there: every step needs a cell that is free, or a hold that lives. So what was found so stays so.
"""

from collections.abc import Awaitable, Callable, Sequence

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import ABSENT, Kind, Partition, Row, RowKey, Rows, Write
from travio_inventory.protocol.hold import read_title
from travio_inventory.protocol.resource import home_and_others
from travio_inventory.seats.hold import NEVER_MS, Hold
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.seats import Seats
from travio_inventory.seats.records.visits import Visit, portions, together
from travio_inventory.seats.trip import Journey, Trip

CLOSED: Row = {"status": rows.CLOSED}
CLOSED_BY_OWNER: Row = {**CLOSED, "owner": None, "until_ms": None, "since_ms": None}


class Closing:
    """Closes trips. `sweep` ends what has lapsed in a partition, and what was abandoned there."""

    def __init__(self, sweep: Callable[[Partition], Awaitable[None]]) -> None:
        self._sweep = sweep
        self._seats = Seats()

    async def close(self, visit: Visit, trip: Trip) -> None:
        """Close what can be closed now. Raises StoreUnavailable, BackendUnavailable, OutcomeUnknown."""
        for group in range(trip.group_count):
            partition = seat_rows.group_partition(trip.key, group)
            await self._sweep(partition)
            await self._close_holds(visit, partition)
            await self._close_cells(visit, trip, partition)

    async def closed_holds(self, visit: Visit, trip: Trip) -> list[Hold] | None:
        """The bookings and blocks that were closed, None while something can still change. Raises StoreUnavailable."""
        found: list[Hold] = []
        for group in range(trip.group_count):
            partition = seat_rows.group_partition(trip.key, group)
            cells = await visit.batches.read(partition, Kind.CELL)
            if any(cells.get(cell, {}).get("status") != rows.CLOSED for cell in _cells(trip, group)):
                return None
            async for key, row in visit.rows(partition, Kind.HOLD):
                if row.get("status") in rows.LIVE:
                    return None
                if row.get("status") == rows.CLOSED:
                    found.append(seat_rows.read_closed(partition.organization, key.id, row))
        return found

    async def _close_holds(self, visit: Visit, partition: Partition) -> None:
        """The bookings and blocks whose home is here."""
        closings = []
        async for key, row in visit.rows(partition, Kind.HOLD):
            if row.get("status") == "confirmed" or _is_block(row):
                hold = self._seats.read(partition.organization, key.id, row)
                if await self._close_elsewhere(visit, hold):
                    cells = await visit.batches.get(partition, self._seats.keys(hold, partition))
                    closings.append(_closing(hold, key, row, cells))
        for batch in together(closings):
            if not await visit.write(partition, batch):
                await self._close_one_by_one(visit, partition, closings)
                return

    async def _close_one_by_one(self, visit: Visit, partition: Partition, closings: Sequence[Sequence[Write]]) -> None:
        """One of them has changed since; it is left to a later visit."""
        for writes in closings:
            await visit.write(partition, writes)

    async def _close_elsewhere(self, visit: Visit, hold: Hold) -> bool:
        """Close its cells in other seat groups than its home; False if somebody came in between."""
        _, others = home_and_others(self._seats, hold)
        for other in others:
            keys = self._seats.keys(hold, other)
            standing = await visit.batches.get(other, keys)
            for portion in portions(_owned(hold, standing)):
                if not await visit.write(other, portion):
                    return False
        return True

    async def _close_cells(self, visit: Visit, trip: Trip, partition: Partition) -> None:
        """The cells that nobody has."""
        standing = await visit.batches.read(partition, Kind.CELL)
        free = []
        for cell in _cells(trip, partition.number):
            if cell not in standing:
                free.append(Write(cell, ABSENT, CLOSED))
            elif standing[cell].get("status") == "available":
                free.append(Write(cell, {"status": "available"}, CLOSED))
        for portion in portions(free):
            await visit.write(partition, portion)


def _is_block(row: Row) -> bool:
    """Whether it is a seat that the house took off sale."""
    return row.get("status") == "held" and rows.number(row, "expires_at_ms") == NEVER_MS


def _closing(hold: Hold, key: RowKey, row: Row, cells: Rows) -> list[Write]:
    seen = {name: row.get(name) for name in ("status", "expires_at_ms", "extensions")}
    return [Write(key, seen, CLOSED), *_owned(hold, cells)]


def _owned(hold: Hold, standing: Rows) -> list[Write]:
    """Those of these cells that the hold has, under whichever title."""
    return [
        Write(cell, {"owner": owner}, CLOSED_BY_OWNER)
        for cell, row in standing.items()
        if read_title(owner := rows.text(row, "owner")).hold_id == hold.id
    ]


def _cells(trip: Trip, group: int) -> list[RowKey]:
    """All that the seat group has or should have."""
    return seat_rows.cell_keys((seat.id for seat in trip.seats_in(group)), Journey(0, len(trip.segments) - 1))
