"""Writes down the answers of calls, as the checkers read them."""

import asyncio
from collections.abc import Sequence

from travio_inventory.kernel.refusals import IdempotencyKeyReused, OutcomeUnknown, Refusal, RetryableRefusal
from travio_inventory.seats.hold import Held, Hold, base_id
from travio_inventory.seats.ports import Cell
from travio_inventory.seats.refusals import BY_STORE, HoldEnded, InvalidSeats, NotOnSale, SeatTaken
from travio_inventory.seats.waitlist import WaitlistEntry
from verification.simulation.faulty_edge import LIE
from verification.simulation.history import Call, CallOutcome, Place, Seen, Told
from verification.simulation.oracle import seconds_of


def write_down(call: Call, task: "asyncio.Task[Hold | None]") -> None:
    """The answer that the caller got."""
    if task.cancelled():
        return
    match task.exception():
        case None:
            call.answer = CallOutcome.OK
            _write_down_hold(call, task.result())
        case OutcomeUnknown() as refusal:
            call.told = refusal.reason
        case RetryableRefusal() | NotOnSale() | InvalidSeats() as refusal if _is_nothing_done(call, refusal):
            call.answer, call.told = CallOutcome.AGAIN, refusal.reason
        case HoldEnded() as refusal if call.op == "hold":
            call.answer, call.told = CallOutcome.ENDED, refusal.reason
        case SeatTaken() as refusal if refusal.decided != BY_STORE:
            call.answer, call.told = CallOutcome.SEEN, refusal.reason
            _write_down_seats(call, refusal)
        case IdempotencyKeyReused() as refusal:
            call.answer, call.told = CallOutcome.REUSED, refusal.reason
        case Refusal() as refusal:
            call.answer, call.told = CallOutcome.NO, refusal.reason
        case BaseException() as error:
            raise error


def _is_nothing_done(call: Call, refusal: Refusal) -> bool:
    """Also seats of a former vehicle are not held and not blocked."""
    return not isinstance(refusal, InvalidSeats) or call.op in ("hold", "block", "unblock")


def _write_down_seats(call: Call, refusal: SeatTaken) -> None:
    """What the edge said of the seats; lies are left out, because the service does not say them."""
    if not any(cell.hold == LIE for cell in refusal.cells):
        call.as_of_s = seconds_of(refusal.decided.as_of_ms)
        call.seen = tuple(Seen(Cell(cell.seat, cell.segment), cell.status, cell.hold) for cell in refusal.cells)


def write_down_places(call: Call, entries: Sequence[WaitlistEntry]) -> Call:
    """The places in an answer about waiting lists."""
    if call.answer is CallOutcome.OK:
        call.places = tuple(
            Place(entry.seat_class, entry.position, entry.seats, entry.joined_at_ms) for entry in entries
        )
    return call


def _write_down_hold(call: Call, hold: Hold | None) -> None:
    if hold is None:
        return
    call.told = base_id(hold.id) if call.op in ("hold", "release") else hold.id
    call.status = type(hold.state).__name__.lower()
    cells = tuple(Cell(seat, segment) for seat in hold.seats for segment in hold.journey.segments)
    call.has = Told(cells, hold.price_minor, hold.extensions)
    if isinstance(hold.state, Held):
        call.until_ms = hold.state.expires_at_ms
