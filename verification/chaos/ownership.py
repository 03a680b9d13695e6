"""What callers certainly had and when, as follows from their calls and the answers."""

from collections import defaultdict
from collections.abc import Iterator
from math import inf
from typing import NamedTuple

from travio_inventory.seats.ports import Cell
from verification.simulation.history import CallOutcome, History


class Owned(NamedTuple):
    """Somebody certainly had a hold's cells from one moment to another."""

    from_s: float
    to_s: float
    hold_id: str


class Ownership:
    """That of one trip. Times are those of the clock of the calls, corrected by how far clocks were ahead."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._holds = {
            call.told: call for call in reversed(history.calls) if call.op == "hold" and call.answer is CallOutcome.OK
        }
        self._until_s = {hold_id: self._end_s(call.until_ms) for hold_id, call in self._holds.items()}
        self._asked_s: dict[tuple[str, str], float] = defaultdict(lambda: inf)
        for call in history.calls:
            step = call.op, call.subject
            self._asked_s[step] = min(self._asked_s[step], call.invoked_s)
            if call.op == "extend" and call.answer is CallOutcome.OK and call.subject in self._until_s:
                self._until_s[call.subject] = max(self._until_s[call.subject], self._end_s(call.until_ms))

    def of_cells(self) -> Iterator[tuple[Owned, tuple[Cell, ...]]]:
        """From the answer to a hold until it expires or somebody may have released it; from the answer to a confirm
        until somebody may have cancelled.
        """
        for hold_id, call in self._holds.items():
            to_s = min(self._until_s[hold_id], self._first_s(hold_id, "release", "cancel"))
            yield Owned(call.returned_s, to_s, hold_id), call.cells
        for call in self._history.calls:
            if call.op == "confirm" and call.answer is CallOutcome.OK and call.subject in self._holds:
                cancelled_s = self._first_s(call.subject, "cancel")
                yield Owned(call.returned_s, cancelled_s, call.subject), self._holds[call.subject].cells

    def of_holds(self) -> Iterator[tuple[Owned, str]]:
        """From the answer to a hold until it expires or somebody may have ended or booked it; and its holder."""
        for hold_id, call in self._holds.items():
            to_s = min(self._until_s[hold_id], self._first_s(hold_id, "release", "confirm"))
            yield Owned(call.returned_s, to_s, hold_id), call.holder

    def _first_s(self, hold_id: str, *ops: str) -> float:
        return min(self._asked_s[op, hold_id] for op in ops)

    def _end_s(self, until_ms: int) -> float:
        return (until_ms - self._history.clock_bound_ms - self._history.start_ms) / 1_000
