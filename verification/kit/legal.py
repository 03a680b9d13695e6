"""What the rows of a trip must say when no step is running: cells and hold rows agree."""

from collections.abc import Mapping
from typing import TypeAlias

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Row, RowKey
from travio_inventory.protocol.hold import read_title
from travio_inventory.protocol.rows import hold_key
from travio_inventory.seats.hold import NEVER_MS, Hold
from travio_inventory.seats.records import seat_rows

SeatCell: TypeAlias = tuple[int, RowKey]
"""A cell, and the seat group that it is in."""


def cells_of(hold: Hold) -> list[SeatCell]:
    """What it has."""
    placed = zip(hold.seats, hold.groups, strict=True)
    return [(group, cell) for seat, group in placed for cell in seat_rows.cell_keys([seat], hold.journey)]


def assert_agree(organization: str, holds: Mapping[RowKey, Row], cells: Mapping[SeatCell, Row]) -> None:
    """Each cell that somebody has is named by the row of a hold that lives, and each such hold has its cells."""
    for (group, key), cell in cells.items():
        owner, move = read_title(str(cell.get("owner") or ""))
        home = holds[hold_key(owner)] if owner else {}
        assert cell["status"] == (_status_of_cells(home) if owner else "available"), (key, cell)
        assert not owner or seat_rows.names(home, group, key, move), (key, cell, home)
    for hold_name, row in holds.items():
        if row["status"] in rows.LIVE:
            hold = seat_rows.read_hold(organization, hold_name.id, row)
            for name in cells_of(hold):
                assert read_title(str(cells[name].get("owner"))).hold_id == hold.id, (hold, name, cells[name])


def _status_of_cells(hold: Row) -> str:
    """What the cells of a live hold say; an ended hold owns none."""
    match hold["status"]:
        case "held":
            return "blocked" if hold["expires_at_ms"] == NEVER_MS else "held"
        case "confirmed":
            return "sold"
        case ended:
            return f"nobody's: {ended}"
