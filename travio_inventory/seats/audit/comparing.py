"""Compares the rows of a seat group with each other: cells with the home rows of their owners, holds with their cells.

In its home a hold and its cells change in one batch, so they agree at every moment. Elsewhere a cell may be behind its
home row until it is rolled forward, and ahead of it while an attempt runs: what is young there is no fault.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Row, RowKey
from travio_inventory.protocol.hold import NEVER_MS, Title, read_title
from travio_inventory.protocol.judging import Judging
from travio_inventory.seats.audit.findings import Fault, Finding, Sums
from travio_inventory.seats.audit.group_rows import GroupRows, SeatCell, cells_of, is_hold_id
from travio_inventory.seats.hold import Hold, parse_hold_id
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.trip import Journey, Trip

ROWS_AT_ONCE = 200
"""So many rows are compared before others have their turn on the event loop."""
_FREE = "available"
_TAKEN = ("held", "sold", "blocked")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How old something must be to be a fault: an attempt without its home row, and what the background jobs had to do.
    In milliseconds.
    """

    grace_ms: int
    late_ms: int


class Comparing:
    """One look's comparison; `now_ms` is the moment at which it began."""

    def __init__(self, trip: Trip, group: int, found: GroupRows, judging: Judging[Hold], bounds: Bounds) -> None:
        self._trip = trip
        self._group = group
        self._found = found
        self._judging = judging
        self._bounds = bounds
        self._named: dict[str, frozenset[SeatCell]] = {}
        """What the rows of holds name."""

    async def findings(self) -> AsyncIterator[Finding]:
        """All faults that the rows show."""
        for at, row_faults in enumerate(self._by_row()):
            for finding in row_faults:
                yield finding
            if at % ROWS_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _by_row(self) -> Iterator[Iterator[Finding]]:
        yield from map(self._of_expected, self._expected)
        known = set(self._expected)
        yield from (self._of_unknown(cell, row) for cell, row in self._found.cells.items() if cell not in known)
        yield from (self._of_hold(hold_id, row) for hold_id, row in self._found.live.items())

    def sums(self) -> Sums:
        """The cells that the seat group must have, by what they say; a missing one is in none but the total."""
        said = [rows.text(self._found.cells.get(cell, {}), "status") for cell in self._expected]
        free, held, sold, blocked = (said.count(status) for status in (_FREE, *_TAKEN))
        return Sums(free, held, sold, blocked, len(said))

    @cached_property
    def _expected(self) -> list[RowKey]:
        seats, segments = self._trip.seats_in(self._group), len(self._trip.segments)
        return seat_rows.cell_keys((seat.id for seat in seats), Journey(0, segments - 1))

    def _finding(self, fault: Fault, cell: RowKey, owner: str, other: str = "", seen: str = "") -> Finding:
        return Finding(fault, self._trip.key, self._group, cell.id, cell.segment, owner, other, seen)

    # ---- what cells say

    def _of_expected(self, cell: RowKey) -> Iterator[Finding]:
        row = self._found.cells.get(cell)
        if row is None:
            yield self._finding(Fault.MISSING_CELL, cell, "")
        else:
            yield from self._of_cell(cell, row)

    def _of_unknown(self, cell: RowKey, row: Row) -> Iterator[Finding]:
        yield self._finding(Fault.ODD_CELL, cell, rows.text(row, "owner"), "the trip has no such cell")

    def _of_cell(self, cell: RowKey, row: Row) -> Iterator[Finding]:
        status, owner = rows.text(row, "status"), rows.text(row, "owner")
        if not owner:
            if status != _FREE:
                yield self._finding(Fault.ODD_CELL, cell, "", f"{status} without an owner")
            return
        hold_id, move = read_title(owner)
        if not is_hold_id(hold_id) or status not in (_FREE, *_TAKEN):
            yield self._finding(Fault.ODD_CELL, cell, owner, status)
            return
        home = self._found.homes.get(hold_id)
        seen = f"{status} {rows.number(row, 'since_ms')} {_state_of(home)}"
        if home is None:
            fault = Fault.ORPHAN if self._is_over(owner, row, self._bounds.grace_ms) else None
        elif home.get("status") not in rows.LIVE:
            fault = Fault.LEFTOVER if self._is_due(hold_id, home, row) else None
        elif not self._has(hold_id, home, self._group, cell):
            fault = self._of_stranger(Title(hold_id, move), home, row)
        elif status == _FREE:
            fault = None  # its hold lacks it, which is told with the hold
        else:
            is_right = status == seat_rows.cell_status(home)
            fault = None if is_right or not self._is_due(hold_id, home, row) else Fault.WRONG_STATUS
        if fault is not None:
            yield self._finding(fault, cell, owner, status, seen)

    def _of_stranger(self, title: Title, home: Row, cell: Row) -> Fault | None:
        """The owner lives, and its row does not name the cell: it gave it up, or a move to it did not commit."""
        if title.move > rows.number(home, "moves"):
            return Fault.ORPHAN if self._is_over(str(title), cell, self._bounds.grace_ms) else None
        return Fault.LEFTOVER if self._is_due(title.hold_id, home, cell) else None

    def _is_due(self, hold_id: str, home: Row, cell: Row) -> bool:
        """Whether the cell must be in line with its home row by now: at once in its home; elsewhere when both have been
        as they are for long enough.
        """
        if parse_hold_id(hold_id).home == self._group:
            return True
        changed_ms = max(rows.number(home, "event_at_ms"), rows.number(cell, "since_ms"))
        return self._judging.ages.of(hold_id, changed_ms) >= self._bounds.late_ms

    def _is_over(self, owner: str, cell: Row, grace_ms: int) -> bool:
        return self._judging.ages.of(owner, rows.number(cell, "since_ms")) >= grace_ms

    def _has(self, hold_id: str, home: Row, group: int, cell: RowKey) -> bool:
        """Whether the row names the cell, whatever a title implies."""
        named = self._named.get(hold_id)
        if named is None:
            named = self._named[hold_id] = frozenset(cells_of(self._trip.key.organization, hold_id, home))
        return (group, cell) in named

    # ---- what holds say

    def _of_hold(self, hold_id: str, row: Row) -> Iterator[Finding]:
        seen = _state_of(row)
        for group, cell in cells_of(self._trip.key.organization, hold_id, row):
            standing = self._found.cells.get(cell) if group == self._group else self._found.elsewhere.get((group, cell))
            if standing is None:
                continue  # told as a missing cell, with its seat group
            fault, other = self._of_named(hold_id, group, cell, standing)
            if fault is not None:
                yield Finding(fault, self._trip.key, group, cell.id, cell.segment, hold_id, other, seen)
        if self._is_overdue(hold_id, row):
            yield Finding(Fault.OVERDUE, self._trip.key, self._group, owner=hold_id, seen=seen)

    def _of_named(self, hold_id: str, group: int, cell: RowKey, row: Row) -> tuple[Fault | None, str]:
        """What is wrong with a cell that the row of a live hold names."""
        owner = rows.text(row, "owner")
        other = read_title(owner).hold_id
        if other == hold_id:
            return (Fault.WITHOUT_SEAT, _FREE) if row.get("status") == _FREE else (None, "")
        home = self._found.homes.get(other)
        if home is not None and home.get("status") in rows.LIVE and self._has(other, home, group, cell):
            return Fault.TWO_OWNERS, other
        return Fault.WITHOUT_SEAT, owner or rows.text(row, "status")

    def _is_overdue(self, hold_id: str, row: Row) -> bool:
        if row.get("status") != "held" or rows.number(row, "expires_at_ms") == NEVER_MS:
            return False
        return self._judging.left_ms(hold_id, row) <= -self._bounds.late_ms


def _state_of(home: Row | None) -> str:
    """Which of its states a home row is in: each step leaves another one."""
    if home is None:
        return ""
    numbers = (rows.number(home, name) for name in ("extensions", "moves", "expires_at_ms"))
    return " ".join((rows.text(home, "status"), *map(str, numbers)))


def in_both(first: Iterable[Finding], second: Iterable[Finding]) -> list[Finding]:
    """What two looks found alike, in the order of the second."""
    known = set(first)
    return [finding for finding in dict.fromkeys(second) if finding in known]
