"""What the edge remembers of a taken cell: for how long, and which of two marks counts."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from travio_inventory.seats.ports import Attempt, Cell, GateAnswer, Locked, Occupancy, Passed, Taken
from travio_inventory.seats.refusals import TakenCell

KNOWN_MS: Final = 30_000
"""How long a claimant with a key that was let in may pass again: longer than a call waits for one attempt."""

PASSED: Final = Passed()

NOBODY: Final = Attempt("", "")
"""An attempt that owns nothing."""

_STATUSES: Final = ("held", "blocked", "sold")
"""A hold's cells change in this order only."""


class Found(NamedTuple):
    """Why an attempt does not get a cell: what the store said of it, or None for the lock of the claimant; and for how
    much longer that counts.
    """

    cell: Cell
    claimant: str
    taken: Occupancy | None
    left_ms: int


def lasts_ms(occupancy: Occupancy, *, now_ms: int, ttl_ms: int) -> int:
    """How much longer the entry is valid: until `ttl_ms` after its batch at most, and not beyond a hold's expiry; 0 or
    less if its time is over.
    """
    left_ms = min(ttl_ms, occupancy.as_of_ms + ttl_ms - now_ms)
    return min(left_ms, occupancy.until_ms - now_ms) if occupancy.status == "held" else left_ms


def replaces(new: Occupancy, standing: Occupancy) -> bool:
    """Whether the new mark replaces the old one: a mark without a holder never replaces one with a holder; marks of one
    hold only go forward; otherwise the later batch wins.
    """
    if bool(new.claimant) != bool(standing.claimant):
        return bool(new.claimant)
    if new.hold == standing.hold:
        return _order(new) >= _order(standing)
    return new.as_of_ms >= standing.as_of_ms


def is_own(occupancy: Occupancy, attempt: Attempt) -> bool:
    """Whether the attempt's claimant has it already; false if the holder is unknown."""
    return bool(occupancy.claimant) and occupancy.claimant == attempt.claimant


def told(found: Sequence[Found]) -> GateAnswer:
    """The gate's answer to an attempt that found this."""
    return (refusing(found) if found else None) or PASSED


def refusing(found: Sequence[Found]) -> Taken | Locked | None:
    """The same, None where nothing is in the way."""
    if taken := [(cell, by) for cell, _, by, _ in found if by is not None]:
        cells = [TakenCell(cell.seat, cell.segment, by.status, by.claimant, by.hold, by.until_ms) for cell, by in taken]
        return Taken(tuple(cells), min([by.as_of_ms for _, by in taken]))
    if found:
        return Locked(tuple(dict.fromkeys(each.cell.seat for each in found)))
    return None


def _order(occupancy: Occupancy) -> tuple[int, int, int]:
    return _STATUSES.index(occupancy.status), occupancy.until_ms, occupancy.as_of_ms
