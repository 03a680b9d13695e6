"""The other judge: tries every order of the calls of a small history against seats that know no concurrency.

Shares nothing with the checker but the form of a history. For histories of a few calls only: hold, confirm, release,
cancel and find.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from typing import TypeAlias

from travio_inventory.seats.hold import late_id
from travio_inventory.seats.ports import Cell
from verification.simulation.history import Call, CallOutcome, History

Cells: TypeAlias = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """One hold: its holder, its cells and its state."""

    status: str
    cells: Cells
    holder: str
    claimant: str
    maker: int
    order: str = ""
    was_late: bool = False
    is_refused_late: bool = False

    @property
    def is_live(self) -> bool:
        return self.status in ("held", "confirmed")


@dataclass(frozen=True, slots=True)
class Seats:
    """The whole state: holds by id, and for each key its binding and its refusal."""

    holds: tuple[tuple[str, Kept], ...] = ()
    keys: tuple[tuple[str, Cells, str], ...] = ()

    def find(self, hold_id: str) -> Kept | None:
        """The hold of that id."""
        return next((kept for name, kept in self.holds if name == hold_id), None)

    def of(self, claimant: str) -> Kept | None:
        """The hold with that key."""
        return next((kept for _, kept in self.holds if kept.claimant == claimant), None)

    def made_for(self, number: int) -> Kept | None:
        """The hold that the call with that number created."""
        return next((kept for _, kept in self.holds if kept.maker == number), None)

    def is_free(self, cells: Cells) -> bool:
        """Whether all the cells are free."""
        return not any(kept.is_live and set(kept.cells) & set(cells) for _, kept in self.holds)

    def why_not(self, cells: Cells) -> set[str]:
        """The reasons with which a caller can be refused these cells now."""
        in_the_way = [kept for _, kept in self.holds if kept.is_live and set(kept.cells) & set(cells)]
        return {"SEAT_HELD" if kept.status == "held" else "SEAT_UNAVAILABLE" for kept in in_the_way}

    def key(self, subject: str) -> tuple[Cells | None, str]:
        """What the key is bound to, and the reason of its final refusal, "" if there is none."""
        return next(((cells, refused) for name, cells, refused in self.keys if name == subject), (None, ""))

    def put(self, hold_id: str, kept: Kept) -> "Seats":
        """With the hold in that state."""
        others = tuple(hold for hold in self.holds if hold[0] != hold_id)
        return replace(self, holds=tuple(sorted((*others, (hold_id, kept)), key=lambda hold: hold[0])))

    def bind(self, subject: str, cells: Cells, *, refused: str = "") -> "Seats":
        """With the key bound."""
        others = tuple(key for key in self.keys if key[0] != subject)
        return replace(self, keys=tuple(sorted((*others, (subject, cells, refused)))))


def effects(seats: Seats, call: Call, names: Mapping[str, tuple[str, Cells]]) -> Iterator[Seats]:
    """What the call may do to the seats. `names`: the holds that may be created, with claimant and cells of each."""
    match call.op:
        case "hold":
            yield from _hold_effects(seats, call, names)
        case "confirm" | "release" | "cancel":
            kept = seats.find(call.subject)
            if kept is not None:
                yield from (seats.put(call.subject, after) for after in _step_effects(seats, call, kept))
        case _:
            return


def _hold_effects(seats: Seats, call: Call, names: Mapping[str, tuple[str, Cells]]) -> Iterator[Seats]:
    if call.has_key:
        bound, refused = seats.key(call.subject)
        if bound not in (None, call.cells) or refused or seats.of(call.subject) is not None:
            return
        seats = seats.bind(call.subject, call.cells)
        if bound is None:
            yield seats
        for why in sorted(seats.why_not(call.cells)):
            yield seats.bind(call.subject, call.cells, refused=why)
    if not seats.is_free(call.cells) or call.answer not in (CallOutcome.OK, CallOutcome.ENDED, CallOutcome.UNKNOWN):
        return
    if any(kept.maker == call.number for _, kept in seats.holds):
        return
    for name, named in names.items():
        if named == (call.subject or call.holder, call.cells) and seats.find(name) is None:
            kept = Kept("held", call.cells, call.holder, call.subject or call.holder, call.number)
            yield seats.put(name, kept)


def _step_effects(seats: Seats, call: Call, kept: Kept) -> Iterator[Kept]:
    if call.op == "confirm" and kept.status == "expired" and not kept.is_refused_late:
        yield replace(kept, is_refused_late=True)
    if call.answer not in (CallOutcome.OK, CallOutcome.UNKNOWN) and call.told != "BOOKING_CANCELLED":
        return
    match call.op, kept.status:
        case "confirm", "held":
            yield replace(kept, status="confirmed", order=call.order)
        case "confirm", "expired" if not kept.is_refused_late and seats.is_free(kept.cells):
            yield replace(kept, status="confirmed", order=call.order, was_late=True)
        case "release", "held":
            yield replace(kept, status="released")
        case "cancel", "confirmed" if call.told != "BOOKING_CANCELLED":
            yield replace(kept, status="cancelled")
        case _:
            return


def agrees(seats: Seats, call: Call) -> bool:
    """Whether the call's answer is right in this state, its own effects included."""
    match call.answer:
        case CallOutcome.AGAIN | CallOutcome.UNKNOWN:
            return True
        case _ if call.op == "hold":
            return _hold_agrees(seats, call)
        case CallOutcome.OK:
            return _ok_agrees(seats.find(call.subject), call)
        case CallOutcome.NO:
            return _no_agrees(seats.find(call.subject), call)
        case _:
            return False


def _hold_agrees(seats: Seats, call: Call) -> bool:
    bound, refused = seats.key(call.subject)
    if call.has_key and (bound != call.cells) != (call.answer is CallOutcome.REUSED):
        return False
    match call.answer:
        case CallOutcome.OK:
            kept = seats.find(call.told)
            whose = (call.subject or call.holder, call.cells, call.status)
            if kept is None or not (call.has_key or kept.maker == call.number):
                return False
            return kept.is_live and (kept.claimant, kept.cells, kept.status) == whose
        case CallOutcome.NO:
            return call.told == refused if call.has_key else call.told in seats.why_not(call.cells)
        case CallOutcome.ENDED:
            kept = seats.of(call.subject) if call.has_key else seats.made_for(call.number)
            return kept is not None and call.told == _ENDED.get(kept.status)
        case _:
            return call.has_key and bound is not None


def _ok_agrees(kept: Kept | None, call: Call) -> bool:
    match call.op:
        case "confirm":
            return kept is not None and kept.status == "confirmed" and kept.order == call.order
        case "release":
            return kept is not None and kept.status == "released"
        case "cancel":
            return kept is not None and kept.status == "cancelled"
        case _:
            return kept is not None and kept.status == call.status


def _no_agrees(kept: Kept | None, call: Call) -> bool:
    if kept is None:
        return call.told == "HOLD_NOT_FOUND"
    match call.op, kept.status:
        case "confirm", "expired":
            return call.told == "HOLD_EXPIRED" and kept.is_refused_late
        case "confirm", "confirmed":
            return call.told == "HOLD_CONFIRMED" and kept.order != call.order
        case "cancel", "held":
            return call.told == "HOLD_NOT_FOUND"
        case ("find", _) | ("cancel", "confirmed") | ("confirm" | "release", "held") | ("release", "released"):
            return False
        case "cancel", "cancelled":
            return False
        case _, status:
            return call.told == _ENDED.get(status)


_ENDED = {
    "expired": "HOLD_EXPIRED", "released": "HOLD_RELEASED", "confirmed": "HOLD_CONFIRMED",
    "cancelled": "BOOKING_CANCELLED",
}  # fmt: skip


@dataclass(frozen=True)
class _Search:
    """One history, and its rows."""

    history: History

    @cached_property
    def names(self) -> dict[str, tuple[str, Cells]]:
        """The holds that were created."""
        holds = self.history.holds
        return {base: (holds[base].claimant, holds[base].cells) for base in self.history.bases() if base in holds}

    def is_final(self, seats: Seats) -> bool:
        """Whether the seats are as they were found in the end."""
        if {name for name, _ in seats.holds} != set(self.history.bases()):
            return False
        return all(map(self._is_as_found, *zip(*seats.holds, strict=True))) if seats.holds else True

    def _is_as_found(self, name: str, kept: Kept) -> bool:
        row, late = self.history.holds.get(name), self.history.holds.get(late_id(name))
        if row is None or row.holder != kept.holder:
            return False
        if kept.was_late:
            return (
                late is not None and row.status == "expired" and (late.status, late.order) == (kept.status, kept.order)
            )
        is_booked_late = late is not None and late.status != "aborted"
        return not is_booked_late and (row.status, row.order) == (kept.status, kept.order)

    def owners(self, seats: Seats) -> dict[Cell, str]:
        """The owner of each cell."""
        return {
            cell: late_id(name) if kept.was_late else name
            for name, kept in seats.holds if kept.is_live for cell in kept.cells
        }  # fmt: skip

    def moves(self, done: frozenset[int], seats: Seats) -> Iterator[tuple[frozenset[int], Seats]]:
        """The possible next events: a call's effect, a call's answer, or an expiry. `done`: the answered calls."""
        left = [call for call in self.history.calls if call.number not in done]
        ends_s = min((call.returned_s for call in left if call.answer is not CallOutcome.UNKNOWN), default=inf)
        for call in left:
            if call.invoked_s > ends_s:
                continue
            yield from ((done, after) for after in effects(seats, call, self.names))
            if call.answer is not CallOutcome.UNKNOWN and agrees(seats, call):
                yield done | {call.number}, seats
        for name, kept in seats.holds:
            expires_s = (self.history.holds[name].expires_at_ms - self.history.clock_bound_ms) / 1_000
            if kept.status == "held" and expires_s <= ends_s:
                yield done, seats.put(name, replace(kept, status="expired"))

    def is_explained(self) -> bool:
        """Whether some order of the calls leads to what was found, with the right answer for each call."""
        answered = {call.number for call in self.history.calls if call.answer is not CallOutcome.UNKNOWN}
        todo: list[tuple[frozenset[int], Seats]] = [(frozenset(), Seats())]
        tried = set(todo)
        while todo:
            done, seats = todo.pop()
            if done == answered and self.is_final(seats) and self.owners(seats) == dict(self.history.owners):
                return True
            for move in self.moves(done, seats):
                if move not in tried:
                    tried.add(move)
                    todo.append(move)
        return False


def is_explained(history: History) -> bool:
    """Whether the history is possible. The time is exponential: only for up to about eight calls."""
    return _Search(history).is_explained()
