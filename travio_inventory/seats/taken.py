"""Which refusal says why seats cannot be had: the same for the same state, whoever gives it."""

from collections.abc import Iterable, Sequence

from travio_inventory.seats.hold import is_same_holder
from travio_inventory.seats.refusals import BY_STORE, Decided, SeatHeld, SeatTaken, SeatUnavailable, TakenCell

FINAL = ("sold", "blocked")
"""What a seat is that does not come back by itself; it is told before what is only held."""


def is_final(cells: Iterable[TakenCell]) -> bool:
    """Whether one of the cells is sold or blocked."""
    return any(cell.status in FINAL for cell in cells)


def refusal_of(cells: Sequence[TakenCell], claimant: str, decided: Decided = BY_STORE) -> SeatTaken:
    """The refusal of `claimant` for cells that others have, or that the same holder has by another attempt."""
    if is_final(cells) or not cells:
        return SeatUnavailable(cells, decided=decided)
    return SeatHeld(
        cells,
        held_until_ms=max(cell.until_ms for cell in cells),
        own_hold=next((cell.hold for cell in cells if is_same_holder(cell.claimant, claimant)), ""),
        decided=decided,
    )


def fit_to_keep(cells: Sequence[TakenCell], claimant: str) -> list[TakenCell]:
    """The cells as the refused claimant may know them for good: without who has them, unless it is their holder."""
    return [cell if is_same_holder(cell.claimant, claimant) else cell._replace(claimant="", hold="") for cell in cells]
