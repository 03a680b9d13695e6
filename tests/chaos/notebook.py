"""Writes down every call with its times and its answer, by trip, as the checker wants it."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tests.simulation.history import Answer, Call
from tests.system.service_process import ORGANIZATION
from travio_inventory.client import (
    AskAgain,
    ClientError,
    HoldEnded,
    IdempotencyKeyReused,
    Journey,
    OutcomeUnknown,
    Refusal,
    Trip,
)
from travio_inventory.domain.hold import Caller, claimant_of
from travio_inventory.engine.ports import Cell

Told = TypeVar("Told")

UNDECIDED = (Answer.AGAIN, Answer.UNKNOWN)


@dataclass
class Book:
    """One trip, and every call about it."""

    trip: Trip
    calls: list[Call] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The trip's."""
        return self.trip.key.trip


class Notebook:
    """All books. `strange` are answers that no caller should ever get."""

    def __init__(self) -> None:
        self.books: list[Book] = []
        self.strange: list[str] = []
        self.settled: Counter[tuple[str, str, str]] = Counter()
        """Calls whose outcome had been unknown: what was asked, how it was settled, and to what."""
        self._calls = 0

    def open(self, trip: Trip) -> Book:
        """The book of a trip that goes on sale."""
        book = Book(trip)
        self.books.append(book)
        return book

    def hold(self, book: Book, user: str, seats: Sequence[str], journey: Journey, key: str | None) -> Call:
        """A hold is asked for now."""
        subject = claimant_of(Caller(ORGANIZATION, user), key) if key else ""
        call = self.step(book, "hold", user, subject)
        call.cells = cells(book.trip, seats, journey)
        return call

    def step(self, book: Book, op: str, user: str, subject: str) -> Call:
        """A step on a hold is asked for now."""
        self._calls += 1
        call = Call(self._calls, op, subject, time.monotonic(), holder=user)
        book.calls.append(call)
        return call

    async def hear(self, call: Call, asked: Callable[[], Awaitable[Told]]) -> Told | None:
        """Wait for the answer and write it down; what it tells where it is OK."""
        try:
            told = await asked()
        except Refusal as refusal:
            refuse(call, refusal)
        except ClientError as error:
            self.strange.append(f"no answer to such a call: {error!r} {call}")
        else:
            call.answer, call.returned_s = Answer.OK, time.monotonic()
            return told
        return None


def refuse(call: Call, refusal: Refusal) -> None:
    """Write the refusal down, now. An unknown call has no end: it may still be at it.

    Who has no key and is told that the hold is over already was told no id: to the checker that is no answer.
    """
    match refusal:
        case OutcomeUnknown():
            return
        case HoldEnded() if call.op == "hold" and not call.has_key:
            call.told = refusal.reason
            return
        case AskAgain():
            call.answer = Answer.AGAIN
        case HoldEnded() if call.op == "hold":
            call.answer = Answer.ENDED
        case IdempotencyKeyReused():
            call.answer = Answer.REUSED
        case _:
            call.answer = Answer.NO
    call.told, call.returned_s = refusal.reason, time.monotonic()


def cells(trip: Trip, seats: Sequence[str], journey: Journey) -> tuple[Cell, ...]:
    """What is asked for, in the order in which the record keeps it."""
    return tuple(Cell(seat, segment) for seat in trip.in_layout_order(seats) for segment in journey.segments)
