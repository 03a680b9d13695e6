"""What a gate knows without asking anybody, by which callers are turned away at once."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from travio_inventory.seats.ports import Cell, Locked, SeatGroupKey, Taken


class Recalled(NamedTuple):
    """What a gate would turn any attempt without a key away with, and what it knows that by."""

    answer: Taken | Locked
    by: Mapping[Cell, object]


class GateRecall(Protocol):
    """What a gate knows without asking anybody."""

    def recall(self, group: SeatGroupKey, cells: Sequence[Cell], last: Recalled | None) -> Recalled | None:
        """What it would say now: `last`, the very same, where it said that before and nothing has changed since; None
        where it does not know.
        """
        ...
