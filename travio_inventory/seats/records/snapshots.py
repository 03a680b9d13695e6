"""Reads a seat group for the seat map: its cells, as the home rows of their owners say."""

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Kind, Reads, Row, RowKey
from travio_inventory.protocol.hold import read_title
from travio_inventory.seats.hold import parse_hold_id
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.home_rows import home_rows
from travio_inventory.seats.refusals import TripOpening
from travio_inventory.seats.seat import AVAILABLE, BLOCKED, SOLD, HeldUntil, SeatState
from travio_inventory.seats.seat_map import encode_states
from travio_inventory.seats.trip import Trip

_UNDER_WAY: Row = {}
"""The home row of an attempt that is not committed."""
_GIVEN_UP: Row = {"status": "released"}


async def snapshot(reads: Reads, trip: Trip, group: int) -> bytes:
    """The seat group's cells as `encode_states` writes them. Raises TripOpening, StoreUnavailable."""
    cells = await reads.read(seat_rows.group_partition(trip.key, group), Kind.CELL)
    taken = {key: cell for key, cell in cells.items() if cell != seat_rows.NEW_CELL}
    owners = {read_title(owner).hold_id for cell in taken.values() if (owner := rows.text(cell, "owner"))}
    foreign = {hold_id for hold_id in owners if parse_hold_id(hold_id).home != group}
    homes = {**dict.fromkeys(foreign, _UNDER_WAY), **await home_rows(reads, trip.key.organization, foreign)}
    seats, segments = trip.seats_in(group), len(trip.segments)
    is_on_sale = all(cell.get("status") not in seat_rows.OFF_SALE for cell in taken.values())
    if not (is_on_sale and seat_rows.are_made(cells, seats, segments)):
        raise TripOpening
    states: list[SeatState] = [AVAILABLE] * (len(seats) * segments)
    places = {seat.id: place for place, seat in enumerate(seats)}
    for key, cell in taken.items():
        states[places[key.id] * segments + key.segment] = _state(group, key, cell, homes)
    return encode_states(states)


def _state(group: int, key: RowKey, cell: Row, homes: dict[str, Row]) -> SeatState:
    hold_id, move = read_title(rows.text(cell, "owner"))
    home = homes.get(hold_id)
    if home is not None:
        return _foreign_state(cell, _deciding(home, group, key, move))
    match cell["status"]:
        case "available":
            return AVAILABLE
        case "held":
            return HeldUntil(rows.number(cell, "until_ms"))
        case "sold":
            return SOLD
        case "blocked":
            return BLOCKED
        case other:
            raise ValueError(f"no cell has the status {other!r}")


def _deciding(home: Row, group: int, key: RowKey, move: int) -> Row:
    """The row that says what becomes of the cell: that of its owner, unless it lives and does not name the cell. Then a
    move that takes it is under way, or it was given up.
    """
    if home.get("status") not in rows.LIVE or seat_rows.names(home, group, key, move):
        return home
    return _UNDER_WAY if move > rows.number(home, "moves") else _GIVEN_UP


def _foreign_state(cell: Row, home: Row) -> SeatState:
    """A cell's truth is its owner's home row; what an ended owner left is free."""
    match home.get("status"):
        case "held" if seat_rows.cell_status(home) == "blocked":
            return BLOCKED
        case "held":
            return HeldUntil(rows.number(home, "expires_at_ms"))
        case "confirmed":
            return SOLD
        case None:
            return HeldUntil(rows.number(cell, "until_ms"))
        case _:
            return AVAILABLE
