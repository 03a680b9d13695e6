"""What callers certainly had and when, as follows from their calls and the answers."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import inf
from typing import NamedTuple

from travio_inventory.seats.ports import Cell
from verification.simulation.history import CANCEL_TRIP, Call, CallOutcome, History
from verification.simulation.possible_answers import may_have_acted


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
        self._changes: dict[str, list[Call]] = defaultdict(list)
        self._confirmed_s: dict[str, list[float]] = defaultdict(list)
        for call in history.calls:
            step = f"{call.op} some" if call.parts else call.op, call.subject
            self._asked_s[step] = min(self._asked_s[step], call.invoked_s)
            if (call.parts or call.move) and may_have_acted(call):
                self._changes[call.subject].append(call)
            if call.answer is CallOutcome.OK and call.subject in self._holds:
                self._note(call)

    def _note(self, call: Call) -> None:
        if call.op == "extend":
            self._until_s[call.subject] = max(self._until_s[call.subject], self._end_s(call.until_ms))
        if call.op == "confirm":
            self._confirmed_s[call.subject].append(call.returned_s)

    def of_cells(self) -> Iterator[tuple[Owned, Cell]]:
        """From the answer to a hold, or to a move to the cell, until it expires or somebody may have given it up; from
        the answer to a confirm until somebody may have cancelled, or moved it away.
        """
        for hold_id, call in self._holds.items():
            to_s = min(self._until_s[hold_id], self._first_s(hold_id, "release", "cancel"))
            cancelled_s = self._first_s(hold_id, "cancel")
            for gained, cells in self._gained(hold_id, call):
                for cell in cells:
                    lost_s = self._lost_s(hold_id, cell, gained)
                    yield Owned(gained.returned_s, min(to_s, lost_s), hold_id), cell
                    for confirmed_s in self._confirmed_s[hold_id]:
                        from_s = max(gained.returned_s, confirmed_s)
                        yield Owned(from_s, min(cancelled_s, lost_s), hold_id), cell

    def of_holds(self) -> Iterator[tuple[Owned, str]]:
        """From the answer to a hold until it expires or somebody may have ended or booked it; and its holder."""
        for hold_id, call in self._holds.items():
            to_s = min(self._until_s[hold_id], self._first_s(hold_id, "release", "confirm", "confirm some"))
            yield Owned(call.returned_s, to_s, hold_id), call.holder

    def _gained(self, hold_id: str, held: Call) -> Iterator[tuple[Call, Sequence[Cell]]]:
        """The calls by whose answers the hold has cells."""
        yield held, held.cells
        for call in self._changes[hold_id]:
            if call.move is not None and call.has is not None:
                yield call, call.has.cells

    def _lost_s(self, hold_id: str, cell: Cell, gained: Call) -> float:
        """When the hold may have given up the cell that it has by that answer."""
        return min(
            (
                change.invoked_s
                for change in self._changes[hold_id]
                if change is not gained and change.returned_s > gained.invoked_s and _gives_up(change, cell)
            ),
            default=inf,
        )

    def _first_s(self, hold_id: str, *ops: str) -> float:
        """When somebody first asked for one of these steps, or for the end of the trip."""
        return min(self._asked_s[CANCEL_TRIP, ""], *(self._asked_s[op, hold_id] for op in ops))

    def _end_s(self, until_ms: int) -> float:
        return (until_ms - self._history.clock_bound_ms - self._history.start_ms) / 1_000


def _gives_up(change: Call, cell: Cell) -> bool:
    """Whether the hold has the cell no more after this change."""
    if change.move is not None:
        return cell not in change.cells
    return (cell.seat in change.parts) != (change.op == "confirm")
