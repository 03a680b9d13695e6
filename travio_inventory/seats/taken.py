"""Which refusal explains why seats are not free: the same for the same state, from edge and store."""

from collections.abc import Iterable, Sequence
from typing import Final

from travio_inventory.seats.hold import is_same_holder
from travio_inventory.seats.refusals import BY_STORE, Decided, SeatHeld, SeatTaken, SeatUnavailable, TakenCell

FINAL: Final = frozenset({"sold", "blocked"})
"""States that do not end by themselves; they are reported before cells that are only held."""


def is_final(cells: Iterable[TakenCell]) -> bool:
    """Whether one of the cells is sold or blocked."""
    return not FINAL.isdisjoint([cell.status for cell in cells])


def refusal_of(cells: Sequence[TakenCell], claimant: str, decided: Decided = BY_STORE) -> SeatTaken:
    """The refusal for `claimant`, whose cells others have, or the same holder by another attempt."""
    if is_final(cells) or not cells:
        return SeatUnavailable(cells, decided=decided)
    return SeatHeld(
        cells,
        held_until_ms=max([cell.until_ms for cell in cells]),
        own_hold=next((cell.hold for cell in cells if is_same_holder(cell.claimant, claimant)), ""),
        decided=decided,
    )


def fit_to_keep(cells: Sequence[TakenCell], claimant: str) -> list[TakenCell]:
    """The cells as the refused claimant may see them: without their owner, unless it is the same holder."""
    return [cell if is_same_holder(cell.claimant, claimant) else cell._replace(claimant="", hold="") for cell in cells]
