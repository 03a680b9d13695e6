"""What a live feed tells as JSON, in our own shape: snapshot, delta, heartbeat."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from travio_inventory.api.live.told import Delta, Heartbeat, Snapshot, Told
from travio_inventory.seats.seat import Available, Blocked, HeldUntil, SeatState, Sold

FORM: Final = "json"
STATUSES: Final[Mapping[type[SeatState], str]] = {
    Available: "SEAT_STATUS_AVAILABLE",
    HeldUntil: "SEAT_STATUS_HELD",
    Sold: "SEAT_STATUS_BOOKED",
    Blocked: "SEAT_STATUS_BLOCKED",
}


def native(told: Told) -> str:
    """It as JSON, written once for all who are told the same."""
    return told.written(FORM, _write)


def as_text(value: object) -> str:
    """The value as compact JSON on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def moment(at_ms: int) -> str:
    """The moment as RFC 3339 has it, in UTC, with its milliseconds."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _write(told: Told) -> str:
    usual = {"position": str(told.position), "as_of": moment(told.as_of_ms)}
    match told:
        case Snapshot():
            seats = zip((seat.id for seat in told.seats), told.states, told.versions, strict=True)
            return as_text(
                {
                    "type": "snapshot",
                    "trip_id": told.trip.key.trip,
                    "reason": told.because.value,
                    **usual,
                    "seats": _seats(seats),
                }
            )
        case Delta():
            changed = ((each.seat.id, each.state, each.version) for each in told.changes)
            after = {"trip_id": told.trip.key.trip, "after": str(told.after)}
            return as_text({"type": "delta", **after, **usual, "seats": _seats(changed)})
        case Heartbeat():
            return as_text({"type": "heartbeat", "trip_id": told.trip, **usual})


def _seats(seats: Iterable[tuple[str, SeatState, int]]) -> list[dict[str, object]]:
    return [
        {"seat_id": seat, "status": STATUSES[type(state)], **_until(state), "version": version}
        for seat, state, version in seats
    ]


def _until(state: SeatState) -> dict[str, str]:
    return {"hold_expires_at": moment(state.until_ms)} if isinstance(state, HeldUntil) else {}
