"""What the edge remembers of a taken cell: for how long, and which of two words on it counts."""

from collections.abc import Mapping
from typing import Final

from travio_inventory.seats.ports import Attempt, Cell, Occupancy, Taken
from travio_inventory.seats.refusals import TakenCell

KNOWN_MS: Final = 30_000
"""For so long a claimant with a key that was let in passes again: longer than a caller of one attempt waits."""

_STATUSES: Final = ("held", "blocked", "sold")
"""A hold's cells go this way only."""


def lasts_ms(occupancy: Occupancy, *, now_ms: int, ttl_ms: int) -> int:
    """How much longer it may be told, `ttl_ms` from its batch at most, and nothing after a hold has run out; 0 or less
    where its time is over.
    """
    left_ms = min(ttl_ms, occupancy.as_of_ms + ttl_ms - now_ms)
    return min(left_ms, occupancy.until_ms - now_ms) if occupancy.status == "held" else left_ms


def replaces(new: Occupancy, standing: Occupancy) -> bool:
    """Whether the new word counts: one that names nobody never replaces one that names somebody; one hold only goes
    forward; else what was sent later counts.
    """
    if bool(new.claimant) != bool(standing.claimant):
        return bool(new.claimant)
    if new.hold == standing.hold:
        return _order(new) >= _order(standing)
    return new.as_of_ms >= standing.as_of_ms


def is_own(occupancy: Occupancy, attempt: Attempt) -> bool:
    """Whether the attempt's claimant has it already; what is nobody's is not."""
    return bool(occupancy.claimant) and occupancy.claimant == attempt.claimant


def told(found: Mapping[Cell, Occupancy]) -> Taken:
    """What an attempt is told of cells that others have."""
    cells = (
        TakenCell(cell.seat, cell.segment, by.status, by.claimant, by.hold, by.until_ms) for cell, by in found.items()
    )
    return Taken(tuple(cells), min(by.as_of_ms for by in found.values()))


def _order(occupancy: Occupancy) -> tuple[int, int, int]:
    return _STATUSES.index(occupancy.status), occupancy.until_ms, occupancy.as_of_ms
