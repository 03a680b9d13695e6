"""Whether a run has seen everything that it should show, as far as callers can tell."""

import time
from collections.abc import Iterable

from travio_inventory.seats.ports import Cell
from verification.chaos.limits import judge_limits
from verification.chaos.notebook import CLOCK_BOUND_MS, Book, Notebook
from verification.simulation.history import CANCEL_TRIP, Call, CallOutcome, History

HOLDS_MIN = 10
TAKEN_AGAIN_MIN = 5
TOGETHER_MIN = 3
"""Several of the last two, because a clock that was ahead may leave a few in doubt."""


def is_enough(notebook: Notebook) -> bool:
    """Whether nothing is missing."""
    return not missing(notebook)


def missing(notebook: Notebook) -> list[str]:
    """What was not seen, or not often enough."""
    books = notebook.books
    seen = {
        f"{HOLDS_MIN} holds": sum(len(_holds(book.calls)) for book in books) >= HOLDS_MIN,
        "a booking that nobody cancels or moves": any(map(_has_lasting_booking, books)),
        "a hold that was released": any(_ok(book.calls, "release") for book in books),
        "seats that somebody has after a hold of them lapsed": sum(map(_taken_again, books)) >= TAKEN_AGAIN_MIN,
        "two holds of one holder at once": len(_together(books)) >= TOGETHER_MIN,
        "a hold that was moved": any(_ok(book.calls, "move") for book in books),
        "seats that a hold gave back": any(call.parts for book in books for call in _ok(book.calls, "release")),
        "a trip that was cancelled": any(book.is_cancelled for book in books),
        "a place on a waiting list that nobody leaves": any(map(holders_of_lasting_places, books)),
    }
    return [what for what, was_seen in seen.items() if not was_seen]


def _ok(calls: Iterable[Call], op: str) -> list[Call]:
    return [call for call in calls if call.op == op and call.answer is CallOutcome.OK]


def _holds(calls: Iterable[Call]) -> list[Call]:
    return _ok(calls, "hold")


def _has_lasting_booking(book: Book) -> bool:
    changed = {call.subject for call in book.calls if call.op in ("cancel", "move")}
    is_ended = any(call.op == CANCEL_TRIP for call in book.calls)
    return not is_ended and any(call.subject not in changed for call in _ok(book.calls, "confirm"))


def _taken_again(book: Book) -> int:
    """How often a cell went from a hold that nobody ended to the next one."""
    stepped_on = {call.subject for call in book.calls if call.op in ("release", "confirm", "extend", "move")}
    before: dict[Cell, str] = {}
    count = 0
    for call in sorted(_holds(book.calls), key=lambda call: call.returned_s):
        for cell in call.cells:
            count += before.get(cell, call.told) not in {call.told, *stepped_on}
            before[cell] = call.told
    return count


def _together(books: Iterable[Book]) -> list[str]:
    start_ms = round((time.time() - time.monotonic()) * 1_000)
    histories = [History(book.calls, start_ms=start_ms, clock_bound_ms=CLOCK_BOUND_MS) for book in books]
    return [said for said in judge_limits(histories, 1) if "and may have 1" in said]


def holders_of_lasting_places(book: Book) -> set[str]:
    """The holders who were told of a place and never left it."""
    left = {call.holder for call in book.of_list if call.op == "leave"}
    return {call.holder for call in book.of_list if call.answer is CallOutcome.OK} - left
