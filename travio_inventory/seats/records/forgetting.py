"""Forgets the rows of a closed trip: each is rewritten as forgotten, with an end, on condition of what was seen.

There is no delete. A row that says `forgotten` says nothing else, and stands for long enough that whoever believes an
older state of it is refused by it. What a step wrote in between has no end, and is found by the next visit: a visit
reads all that there is, until there is nothing.
"""

from collections.abc import Sequence

from travio_inventory.protocol import listings, rows
from travio_inventory.protocol.batches import IndexEntry, Kind, Partition, Row, RowKey, Table, Write
from travio_inventory.seats.hold import Confirmed, Hold
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.trip_rows import FORGOTTEN_S
from travio_inventory.seats.records.visits import Visit, portions
from travio_inventory.seats.trip import Trip

NOTHING_ELSE: Row = {"status": rows.FORGOTTEN}
_NOWHERE = Partition(Table.SEAT_GROUPS, "", "")


async def forget_seats(visit: Visit, trip: Trip) -> bool:
    """Forget cells and holds; whether none of them is left. Raises StoreUnavailable, BackendUnavailable,
    OutcomeUnknown.
    """
    is_nothing_left = True
    for group in range(trip.group_count):
        partition = seat_rows.group_partition(trip.key, group)
        cells = await visit.batches.read(partition, Kind.CELL)
        holds = {key: row async for key, row in visit.rows(partition, Kind.HOLD)}
        await _forget_listings(visit, partition, holds)
        await forget_rows(visit, partition, [*holds.items(), *cells.items()])
        is_nothing_left = is_nothing_left and not cells and not holds
    return is_nothing_left


async def forget_rows(visit: Visit, partition: Partition, standing: Sequence[tuple[RowKey, Row]]) -> None:
    """Those of the rows that lead nobody to anything any more, and have no end yet."""
    writes = [forgotten(key, row) for key, row in standing if not _may_change(row)]
    for portion in portions(writes):
        if not await visit.write(partition, portion):
            for write in portion:
                await visit.write(partition, [write])


def forgotten(key: RowKey, row: Row) -> Write:
    """The row with an end, on condition of its status."""
    return Write(key, {"status": row.get("status")}, NOTHING_ELSE, FORGOTTEN_S)


def _may_change(row: Row) -> bool:
    """Whether it is forgotten already, or is a row of something that lives: that was never archived."""
    return row.get("status") in (rows.FORGOTTEN, "available", "sold", "blocked", *rows.LIVE)


async def _forget_listings(visit: Visit, partition: Partition, holds: dict[RowKey, Row]) -> None:
    """The entries in their holders' lists: before the holds, so that no hold goes and leaves its entry."""
    closed = [
        seat_rows.read_closed(partition.organization, key.id, row)
        for key, row in holds.items()
        if row.get("status") == rows.CLOSED
    ]
    for portion in portions([entry for hold in closed if hold.holder for entry in _listed(hold)]):
        await visit.write(_NOWHERE, (), portion)


def _listed(hold: Hold) -> Sequence[IndexEntry]:
    """As bookings: the entry of what was only held has an end of its own."""
    about = hold.organization, hold.holder, hold.id, hold.created_at_ms
    order = hold.state.order if isinstance(hold.state, Confirmed) else ""
    return listings.booked(*about, order=order, keep_s=FORGOTTEN_S)
