"""What a live feed tells as events of a stream (SSE): in our own shape, or as `inventory.seats_held` and the like."""

from collections.abc import Iterable, Mapping
from typing import Final

from travio_inventory.api.live.json_told import as_text, moment, native
from travio_inventory.api.live.told import Because, Delta, Heartbeat, Position, Snapshot, Told
from travio_inventory.seats.seat import Available, Blocked, HeldUntil, SeatState, Sold

OWN_FORM: Final = "events of our own"
FORM: Final = "events by status"
BY_STATUS: Final[Mapping[type[SeatState], tuple[str, str]]] = {
    HeldUntil: ("inventory.seats_held", "HELD"),
    Available: ("inventory.seats_released", "AVAILABLE"),
    Sold: ("inventory.seats_booked", "BOOKED"),
    Blocked: ("inventory.seats_blocked", "BLOCKED"),
}
"""The type and the status of each event, in the order in which they are told."""
RESYNC: Final = "inventory.resync"
"""Told before the states of all seats, where it is not known what a watcher has missed."""


def own_events(told: Told) -> bytes:
    """One event, with the position as its id."""
    return told.written(OWN_FORM, _write_own)


def events_by_status(told: Told) -> bytes:
    """The seats that have changed, in one event for each status; the last one has the position as its id. Who begins is
    told only where it is.
    """
    return told.written(FORM, _write_by_status)


def _write_own(told: Told) -> bytes:
    return f"id: {told.position}\ndata: {native(told)}\n\n".encode()


def _write_by_status(told: Told) -> bytes:
    match told:
        case Heartbeat():
            return _comment("heartbeat", told.position)
        case Snapshot(because=Because.BEGIN):
            return _comment("connected", told.position)
        case Snapshot():
            seats = zip((seat.id for seat in told.seats), told.states, strict=True)
            resync: dict[str, object] = {
                "type": RESYNC,
                "data": {"trip_id": told.trip.key.trip, "reason": told.because.value},
            }
            return b"".join(_events([resync, *_by_status(told, seats)], told.position))
        case Delta():
            changed = ((each.seat.id, each.state) for each in told.changes)
            return b"".join(_events(list(_by_status(told, changed)), told.position))


def _comment(said: str, position: Position) -> bytes:
    """No event, but the watcher is at that position from now on."""
    return f": {said}\nid: {position}\n\n".encode()


def _events(events: list[dict[str, object]], position: Position) -> Iterable[bytes]:
    *first, last = events
    yield from (f"data: {as_text(event)}\n\n".encode() for event in first)
    yield f"id: {position}\ndata: {as_text(last)}\n\n".encode()


def _by_status(told: Snapshot | Delta, seats: Iterable[tuple[str, SeatState]]) -> Iterable[dict[str, object]]:
    of_kind: dict[type[SeatState], list[str]] = {kind: [] for kind in BY_STATUS}
    for seat, state in seats:
        of_kind[type(state)].append(seat)
    for kind, ids in of_kind.items():
        if ids:
            name, status = BY_STATUS[kind]
            data = {
                "trip_id": told.trip.key.trip,
                "seat_ids": ids,
                "status": status,
                "updated_at": moment(told.seen_at_ms),
            }
            yield {"type": name, "data": data}
