"""What a live feed tells in the shape of showtimes: what was done to seats, as far as their states show it."""

from collections.abc import Iterable
from typing import Final, assert_never

from travio_inventory.api.live.json_told import as_text, moment
from travio_inventory.api.live.told import Because, Delta, Heartbeat, SeatChange, Snapshot, Told
from travio_inventory.seats.seat import Available, Blocked, HeldUntil, SeatState, Sold

FORM: Final = "showtimes"
STATES: Final = {Available: "available", HeldUntil: "held", Sold: "purchased", Blocked: "blocked"}


def showtime_messages(told: Told) -> tuple[str, ...]:
    """The messages, each as JSON: none while nothing happens."""
    written = told.written(FORM, _write)
    return tuple(written.split("\n")) if written else ()


def done_to(change: SeatChange, now_ms: int) -> str:
    """What was done to the seat."""
    match change.state:
        case HeldUntil():
            return "hold.extended" if isinstance(change.before, HeldUntil) else "hold.created"
        case Sold():
            return "seats.purchased"
        case Blocked():
            return "seats.blocked"
        case Available():
            return _freed(change.before, now_ms)
        case _:
            assert_never(change.state)


def _freed(before: SeatState, now_ms: int) -> str:
    match before:
        case HeldUntil(until_ms=until_ms):
            return "hold.expired" if until_ms <= now_ms else "hold.released"
        case Sold():
            return "purchase.cancelled"
        case _:
            return "seats.unblocked"


def _write(told: Told) -> str:
    match told:
        case Heartbeat() | Snapshot(because=Because.BEGIN):
            return ""
        case Snapshot():
            seats = zip((seat.id for seat in told.seats), told.states, strict=True)
            states = [{"seatId": seat, "state": STATES[type(state)], **_until(state)} for seat, state in seats]
            return as_text({"type": "availability", "showtimeId": told.trip.key.trip, "availability": states})
        case Delta():
            return "\n".join(map(as_text, _done(told)))


def _done(delta: Delta) -> Iterable[dict[str, object]]:
    """A message for each thing that was done, and each end of a hold."""
    alike: dict[tuple[str, int], list[str]] = {}
    for change in delta.changes:
        until_ms = change.state.until_ms if isinstance(change.state, HeldUntil) else 0
        alike.setdefault((done_to(change, delta.seen_at_ms), until_ms), []).append(change.seat.id)
    for (done, until_ms), seats in alike.items():
        ends = {"expiresAt": moment(until_ms)} if until_ms else {}
        yield {"type": done, "showtimeId": delta.trip.key.trip, "seatIds": seats, **ends}


def _until(state: SeatState) -> dict[str, str]:
    return {"holdExpiresAt": moment(state.until_ms)} if isinstance(state, HeldUntil) else {}
