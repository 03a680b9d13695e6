"""Writes what a live feed tells as a serialized WatchSeatMapResponse, once for all who are told the same."""

from typing import Final

from travio_inventory.api.grpc.protobuf import number, part, text
from travio_inventory.api.live.told import Because, Delta, Heartbeat, Snapshot, Told
from travio_inventory.api.map_sizes import REPLY_BYTES_MAX, too_large
from travio_inventory.seats.seat import Available, Blocked, HeldUntil, SeatState, Sold
from travio_inventory.wire.inventory.v1 import SeatStatus, WatchSeatMapKind, WatchSeatMapReason

FORM: Final = "protobuf"
_STATUSES: Final = {
    Available: SeatStatus.AVAILABLE,
    HeldUntil: SeatStatus.HELD,
    Sold: SeatStatus.BOOKED,
    Blocked: SeatStatus.BLOCKED,
}
_REASONS: Final = {
    Because.BEGIN: WatchSeatMapReason.BEGIN,
    Because.GAP: WatchSeatMapReason.GAP,
    Because.TRIP_CHANGED: WatchSeatMapReason.TRIP_CHANGED,
}


def live_reply(told: Told) -> bytes:
    """The message. Raises ReplyTooLarge for a snapshot that clients might not accept."""
    reply = told.written(FORM, _write)
    if isinstance(told, Snapshot) and len(reply) > REPLY_BYTES_MAX:
        raise too_large(told.trip, told.section, REPLY_BYTES_MAX)
    return reply


def _write(told: Told) -> bytes:
    position, as_of = text(2, str(told.position)), number(5, told.as_of_ms // 1_000)
    match told:
        case Snapshot():
            kind, seats = number(1, WatchSeatMapKind.SNAPSHOT), zip(told.seats, told.states, told.versions, strict=True)
            shown = (_seat(seat.id, state, version) for seat, state, version in seats)
            return b"".join((kind, position, *shown, as_of, number(6, _REASONS[told.because])))
        case Delta():
            shown = (_seat(each.seat.id, each.state, each.version) for each in told.changes)
            return b"".join((number(1, WatchSeatMapKind.CHANGE), position, text(3, str(told.after)), *shown, as_of))
        case Heartbeat():
            return number(1, WatchSeatMapKind.HEARTBEAT) + position + as_of


def _seat(seat: str, state: SeatState, version: int) -> bytes:
    until_s = state.until_ms // 1_000 if isinstance(state, HeldUntil) else 0
    return part(4, text(1, seat) + number(2, _STATUSES[type(state)]) + number(3, until_s) + number(4, version))
