"""What each hold had, one state after the other, as the recorded events of its steps say."""

from collections.abc import Iterable, Mapping, Sequence
from json import loads
from typing import NamedTuple

from travio_inventory.protocol.batches import Row
from travio_inventory.protocol.rows import number, text
from travio_inventory.seats.hold import base_id
from travio_inventory.seats.ports import Cell
from verification.simulation.history import LIVE, FoundHold
from verification.simulation.oracle import OF_TRIP, places_of

HAS_SEATS = ("hold.created", "hold.extended", "hold.changed", "seats.purchased", "booking.changed")
"""The events after which a hold has the seats that they name."""
OF_BOOKING = ("seats.purchased", "booking.changed")
"""Those of them that count one step more than the hold's own version."""


class State(NamedTuple):
    """A hold, or its late booking, after a step."""

    hold_id: str
    ordinal: int
    event: str
    seats: tuple[str, ...]
    segments: range
    prices: tuple[int, ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells of its seats, in the order of the record."""
        return tuple(Cell(seat, segment) for seat in self.seats for segment in self.segments)

    @property
    def is_live(self) -> bool:
        """Whether it has its seats."""
        return self.event in HAS_SEATS

    @property
    def version(self) -> int:
        """The version that a caller is told."""
        return self.ordinal - (self.event in OF_BOOKING)


def states_of(events: Iterable[Row]) -> dict[str, list[State]]:
    """All states of each hold, by its base id, in order."""
    states: dict[str, list[State]] = {}
    for row in sorted(events, key=lambda row: number(row, "ordinal")):
        if not (event := text(row, "type")).startswith(OF_TRIP):
            said = loads(text(row, "data"))
            segments = range(said["first_segment"], said["last_segment"] + 1)
            state = State(
                said["hold_id"], number(row, "ordinal"), event, tuple(said["seats"]), segments, tuple(said["prices"])
            )
            states.setdefault(base_id(state.hold_id), []).append(state)
    return states


def found_holds(rows: Mapping[str, Row], states: Mapping[str, Sequence[State]]) -> dict[str, FoundHold]:
    """The holds as their rows say, and what they had before."""
    return {hold_id: _found(hold_id, row, states.get(base_id(hold_id), ())) for hold_id, row in rows.items()}


def _found(hold_id: str, row: Row, passed: Sequence[State]) -> FoundHold:
    found = FoundHold(
        text(row, "status"),
        text(row, "holder"),
        text(row, "claimant"),
        tuple(cell for _, cell in places_of(row)),
        text(row, "order_id"),
        number(row, "expires_at_ms"),
    )
    lived = [state.cells for state in passed if state.is_live and state.hold_id == hold_id]
    if found.status in LIVE:
        lived.append(found.cells)
    if all(cells == lived[0] for cells in lived):
        return found
    had = dict.fromkeys(cell for cells in lived for cell in cells)
    return found._replace(cells=lived[0], now=found.cells, had=tuple(had))
