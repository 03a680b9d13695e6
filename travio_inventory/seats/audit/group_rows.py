"""Reads what one look at a seat group is about: its cells, the live holds whose home it is, and the owners of cells."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Kind, Partition, Reads, Row, RowKey, Rows
from travio_inventory.protocol.hold import read_title
from travio_inventory.protocol.refusals import HoldNotFound
from travio_inventory.seats.hold import Hold, parse_hold_id
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.home_rows import home_rows
from travio_inventory.seats.trip import TripKey

HOLDS_PER_READ = 500

SeatCell: TypeAlias = tuple[int, RowKey]
"""A cell, and the seat group that it is in."""


@dataclass(frozen=True, slots=True)
class GroupRows:
    """The cells of a seat group, read first; `live` are the live holds whose home it is; `homes` the rows of the owners
    of cells, wherever they are; `elsewhere` the cells in other seat groups that `live` name.
    """

    cells: Rows
    live: dict[str, Row]
    homes: dict[str, Row]
    elsewhere: dict[SeatCell, Row]

    @classmethod
    async def read(cls, reads: Reads, key: TripKey, group: int) -> "GroupRows":
        """One row after the other, so they may be of different moments. Raises StoreUnavailable."""
        partition = seat_rows.group_partition(key, group)
        cells = await reads.read(partition, Kind.CELL)
        live = await _live_holds(reads, partition)
        titles = {owner for cell in cells.values() if (owner := rows.text(cell, "owner"))}
        owners = {read_title(title).hold_id for title in titles}
        named = {cell for hold_id, row in live.items() for cell in cells_of(key.organization, hold_id, row)}
        elsewhere = await read_cells(reads, key, {cell for cell in named if cell[0] != group})
        owners |= {read_title(rows.text(cell, "owner")).hold_id for cell in elsewhere.values()} - {""}
        absent = {hold_id for hold_id in owners if hold_id not in live and is_hold_id(hold_id)}
        return cls(cells, live, {**live, **await home_rows(reads, key.organization, absent)}, elsewhere)


async def read_cells(reads: Reads, key: TripKey, cells: Collection[tuple[int, RowKey]]) -> dict[SeatCell, Row]:
    """Those that are there. Raises StoreUnavailable."""
    by_group: dict[int, list[RowKey]] = {}
    for group, cell in sorted(cells):
        by_group.setdefault(group, []).append(cell)
    found: dict[SeatCell, Row] = {}
    for group, keys in by_group.items():
        standing = await reads.get(seat_rows.group_partition(key, group), keys)
        found |= {(group, cell): row for cell, row in standing.items()}
    return found


def cells_of(organization: str, hold_id: str, row: Row) -> list[SeatCell]:
    """What the row of a hold says that it has, each cell with its seat group."""
    return held_cells(seat_rows.read_hold(organization, hold_id, row))


def held_cells(hold: Hold) -> list[SeatCell]:
    """What the hold says that it has, each cell with its seat group."""
    placed = zip(hold.seats, hold.groups, strict=True)
    return [(group, cell) for seat, group in placed for cell in seat_rows.cell_keys([seat], hold.journey)]


def is_hold_id(text: str) -> bool:
    """Whether any hold can have this id."""
    try:
        parse_hold_id(text)
    except HoldNotFound:
        return False
    return True


async def _live_holds(reads: Reads, partition: Partition) -> dict[str, Row]:
    """Page by page, and of each only what lives: there may be very many ended ones."""
    live: dict[str, Row] = {}
    start = ""
    while True:
        found = await reads.read(partition, Kind.HOLD, start=start, most=HOLDS_PER_READ)
        live |= {key.id: row for key, row in _readable(found) if row.get("status") in rows.LIVE}
        if len(found) < HOLDS_PER_READ:
            return live
        start = max(found).id + "\0"


def _readable(found: Rows) -> Iterable[tuple[RowKey, Row]]:
    return ((key, row) for key, row in found.items() if is_hold_id(key.id))
