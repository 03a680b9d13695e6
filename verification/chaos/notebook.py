"""Writes down every call with its times and its answer, by trip, in the form that the checker reads."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import inf
from typing import TypeVar

from grpclib.exceptions import GRPCError

from travio_inventory.client import (
    ClientError,
    HoldEnded,
    IdempotencyKeyReused,
    Journey,
    NotOnSale,
    OutcomeUnknown,
    Refusal,
    RetryableRefusal,
    SalesClosed,
    SeatTaken,
    Trip,
)
from travio_inventory.client.refusals import MEANINGS, Meaning
from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.hold import claimant_of
from travio_inventory.seats.ports import Cell
from travio_inventory.seats.refusals import BY_STORE
from verification.kit.service_process import ORGANIZATION
from verification.simulation.history import CANCEL_TRIP, HOUSE, Call, CallOutcome

Result = TypeVar("Result")

CLOCK_BOUND_MS = 250
"""How far ahead a clock may be without any hold expiring early; the service's default."""
UNDECIDED = (CallOutcome.AGAIN, CallOutcome.SEEN, CallOutcome.UNKNOWN)


@dataclass
class Book:
    """One trip, and every call about it."""

    trip: Trip
    calls: list[Call] = field(default_factory=list)
    of_list: list[Call] = field(default_factory=list)
    """Those about the trip's waiting list."""

    @property
    def name(self) -> str:
        """The trip's."""
        return self.trip.key.trip

    @property
    def is_cancelled(self) -> bool:
        """Whether the trip was said to be cancelled."""
        return any(call.op == CANCEL_TRIP and call.answer is CallOutcome.OK for call in self.calls)

    @property
    def cancelled_s(self) -> float:
        """When somebody first asked to cancel the trip."""
        return min((call.invoked_s for call in self.calls if call.op == CANCEL_TRIP), default=inf)

    @property
    def all_calls(self) -> Iterator[Call]:
        """All calls."""
        return chain(self.calls, self.of_list)


class Notebook:
    """All notebooks. `strange` are answers that no caller should ever get."""

    def __init__(self) -> None:
        self.books: list[Book] = []
        self.strange: list[str] = []
        self.settled: Counter[tuple[str, str, str]] = Counter()
        """Calls whose outcome was unknown: what was called, how it was settled, and with what result."""
        self.gave_up_s: dict[int, float] = {}
        """When the callers of calls with an unknown outcome were told that no answer comes, by the number of the call.
        """
        self.made = 0
        """How many calls were."""

    def open(self, trip: Trip) -> Book:
        """The notebook of a trip that goes on sale."""
        book = Book(trip)
        self.books.append(book)
        return book

    def hold(
        self, book: Book, user: str, seats: Sequence[str], journey: Journey, key: str | None, *, service: str
    ) -> Call:
        """A hold is requested now."""
        subject = claimant_of(Actor(ORGANIZATION, user), key) if key else ""
        call = self.step(book, "hold", user, subject, service=service)
        call.cells = cells(book.trip, seats, journey)
        return call

    def step(self, book: Book, op: str, user: str, subject: str, *, service: str) -> Call:
        """A step on a hold is requested now."""
        call = self._call(op, subject, user, service)
        book.calls.append(call)
        return call

    def cancel_trip(self, book: Book, *, service: str) -> Call:
        """The trip is cancelled now."""
        return self.step(book, CANCEL_TRIP, HOUSE, "", service=service)

    def place(self, book: Book, op: str, user: str, *, service: str) -> Call:
        """A user asks for a place on the trip's waiting list now, or leaves it."""
        call = self._call(op, user, user, service)
        book.of_list.append(call)
        return call

    def _call(self, op: str, subject: str, user: str, service: str) -> Call:
        self.made += 1
        return Call(self.made, op, subject, time.monotonic(), holder=user, process=service)

    async def hear(self, call: Call, asked: Callable[[], Awaitable[Result]]) -> Result | None:
        """Wait for the answer and write it down; returns its content if it is OK."""
        try:
            told = await asked()
        except Refusal as refusal:
            self.refuse(call, refusal)
        except ClientError as error:
            self.strange.append(f"no answer to such a call: {error!r} {call}")
        else:
            call.answer, call.returned_s = CallOutcome.OK, time.monotonic()
            return told
        return None

    def refuse(self, call: Call, refusal: Refusal) -> None:
        """Write the refusal down, now."""
        match refusal:
            case OutcomeUnknown():
                if is_a_bug(refusal):
                    self.strange.append(f"a bug in the place of an answer: {refusal!r} {call}")
                return self.give_up(call)
            case RetryableRefusal() | NotOnSale():
                call.answer = CallOutcome.AGAIN
            case HoldEnded() if call.op == "hold":
                call.answer = CallOutcome.ENDED
            case SeatTaken() if refusal.decided != BY_STORE:
                call.answer = CallOutcome.SEEN
                as_of_ms = refusal.decided.as_of_ms - CLOCK_BOUND_MS  # by a clock that may be ahead
                call.as_of_s = time.monotonic() - (time.time() - as_of_ms / 1_000)
            case IdempotencyKeyReused():
                call.answer = CallOutcome.REUSED
            case _:
                call.answer = CallOutcome.NO
        call.told, call.returned_s = refusal.reason, time.monotonic()
        return None

    def give_up(self, call: Call) -> None:
        """No answer comes. For the checker the call has no end: it may still take effect."""
        self.gave_up_s[call.number] = time.monotonic()

    def heard_s(self, call: Call) -> float:
        """When the caller had the answer, or was told that none comes."""
        return self.gave_up_s.get(call.number, call.returned_s)


def is_decided(call: Call) -> bool:
    """Whether nothing is left to ask: here sales are closed only because the trip is cancelled."""
    return call.answer not in UNDECIDED or call.told == SalesClosed.reason


def words(call: Call) -> str:
    """The answer, in words for the page."""
    return "OK" if call.answer is CallOutcome.OK else call.told


def is_a_bug(refusal: Refusal) -> bool:
    """Whether the service itself failed during the call, and not only its answer was lost."""
    failure = refusal.__cause__
    return isinstance(failure, GRPCError) and MEANINGS[failure.status] is Meaning.BROKEN


def cells(trip: Trip, seats: Sequence[str], journey: Journey) -> tuple[Cell, ...]:
    """The requested seats, in the order of the record."""
    return tuple(Cell(seat, segment) for seat in trip.in_layout_order(seats) for segment in journey.segments)
