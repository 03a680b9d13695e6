"""The one table of refusals, for every face: gRPC status, HTTP status, and what a caller is told besides."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from grpclib.const import Status

from travio_inventory.kernel.ids import join_ids
from travio_inventory.kernel.refusals import (
    BackendUnavailable,
    IdempotencyKeyReused,
    InvalidRequest,
    OutcomeUnknown,
    Overloaded,
    PermissionDenied,
    RateLimited,
    Refusal,
    Unauthenticated,
)
from travio_inventory.seats import refusals as errors
from travio_inventory.seats.refusals import BY_STORE, Decided, TakenCell
from travio_inventory.stock import refusals as of_stock

DOMAIN: Final = "inventory.travio"
MESSAGE_CHARS_MAX: Final = 256
DETAIL_BYTES_MAX: Final = 2_500
"""Of one detail that lists violations: of gRPC all details share one header, and clients accept 8 KiB of headers."""


class WireStatus(NamedTuple):
    """The gRPC status and HTTP code of a kind of refusal."""

    status: Status
    http: int


TABLE: Mapping[type[Refusal], WireStatus] = {
    InvalidRequest: WireStatus(Status.INVALID_ARGUMENT, 422),
    errors.InvalidTrip: WireStatus(Status.INVALID_ARGUMENT, 422),
    errors.InvalidJourney: WireStatus(Status.INVALID_ARGUMENT, 422),
    errors.InvalidSeats: WireStatus(Status.INVALID_ARGUMENT, 422),
    errors.ReplyTooLarge: WireStatus(Status.INVALID_ARGUMENT, 422),
    errors.TripDefinedOtherwise: WireStatus(Status.ALREADY_EXISTS, 409),
    IdempotencyKeyReused: WireStatus(Status.FAILED_PRECONDITION, 422),
    errors.SeatHeld: WireStatus(Status.FAILED_PRECONDITION, 409),
    errors.SeatUnavailable: WireStatus(Status.FAILED_PRECONDITION, 409),
    errors.HoldExpired: WireStatus(Status.FAILED_PRECONDITION, 410),
    errors.HoldReleased: WireStatus(Status.FAILED_PRECONDITION, 410),
    errors.HoldConfirmed: WireStatus(Status.FAILED_PRECONDITION, 409),
    errors.BookingCancelled: WireStatus(Status.FAILED_PRECONDITION, 410),
    errors.HoldChanged: WireStatus(Status.FAILED_PRECONDITION, 409),
    errors.ExtensionTooLong: WireStatus(Status.FAILED_PRECONDITION, 409),
    errors.SalesClosed: WireStatus(Status.FAILED_PRECONDITION, 409),
    errors.Departed: WireStatus(Status.FAILED_PRECONDITION, 409),
    errors.TripCancelled: WireStatus(Status.FAILED_PRECONDITION, 409),
    errors.TripChanged: WireStatus(Status.FAILED_PRECONDITION, 409),
    errors.HoldNotFound: WireStatus(Status.NOT_FOUND, 404),
    errors.TripNotFound: WireStatus(Status.NOT_FOUND, 404),
    errors.SeatPlanNotFound: WireStatus(Status.NOT_FOUND, 404),
    errors.NotOnWaitlist: WireStatus(Status.NOT_FOUND, 404),
    of_stock.InsufficientStock: WireStatus(Status.FAILED_PRECONDITION, 409),
    of_stock.BelowReserved: WireStatus(Status.FAILED_PRECONDITION, 409),
    of_stock.VersionConflict: WireStatus(Status.FAILED_PRECONDITION, 412),
    of_stock.StockExists: WireStatus(Status.ALREADY_EXISTS, 409),
    of_stock.StockLeft: WireStatus(Status.FAILED_PRECONDITION, 409),
    of_stock.StockSharded: WireStatus(Status.FAILED_PRECONDITION, 409),
    of_stock.StockFull: WireStatus(Status.FAILED_PRECONDITION, 409),
    of_stock.NotInTransit: WireStatus(Status.FAILED_PRECONDITION, 409),
    of_stock.TransferEnded: WireStatus(Status.FAILED_PRECONDITION, 409),
    of_stock.ApprovalEnded: WireStatus(Status.FAILED_PRECONDITION, 409),
    of_stock.AdjustmentRejected: WireStatus(Status.FAILED_PRECONDITION, 409),
    of_stock.OwnAdjustment: WireStatus(Status.PERMISSION_DENIED, 403),
    of_stock.OverReceived: WireStatus(Status.FAILED_PRECONDITION, 409),
    of_stock.PartlyReceived: WireStatus(Status.FAILED_PRECONDITION, 409),
    of_stock.PurchaseEnded: WireStatus(Status.FAILED_PRECONDITION, 409),
    of_stock.TooManyOrders: WireStatus(Status.FAILED_PRECONDITION, 409),
    of_stock.StockNotFound: WireStatus(Status.NOT_FOUND, 404),
    of_stock.OrderReserved: WireStatus(Status.ALREADY_EXISTS, 409),
    of_stock.ReservationCommitted: WireStatus(Status.FAILED_PRECONDITION, 409),
    of_stock.ReservationCancelled: WireStatus(Status.FAILED_PRECONDITION, 409),
    of_stock.ReservationExpired: WireStatus(Status.FAILED_PRECONDITION, 409),
    Unauthenticated: WireStatus(Status.UNAUTHENTICATED, 401),
    PermissionDenied: WireStatus(Status.PERMISSION_DENIED, 403),
    errors.SeatContended: WireStatus(Status.ABORTED, 409),
    of_stock.StockContended: WireStatus(Status.ABORTED, 409),
    errors.TripOpening: WireStatus(Status.UNAVAILABLE, 503),
    errors.TripBeingForgotten: WireStatus(Status.UNAVAILABLE, 503),
    errors.HoldLimitReached: WireStatus(Status.RESOURCE_EXHAUSTED, 429),
    Overloaded: WireStatus(Status.RESOURCE_EXHAUSTED, 429),
    RateLimited: WireStatus(Status.RESOURCE_EXHAUSTED, 429),
    BackendUnavailable: WireStatus(Status.UNAVAILABLE, 503),
    OutcomeUnknown: WireStatus(Status.UNAVAILABLE, 503),
}


def metadata(refusal: Refusal) -> dict[str, str]:
    match refusal:
        case errors.SeatContended(seats=seats, decided=decided):
            return {"seats": _named(seats), **_decided(decided)}
        case errors.SeatHeld(held_until_ms=held_until_ms, own_hold=own_hold, decided=decided):
            until = {"held_until": str(held_until_ms // 1_000)} if held_until_ms else {}
            own = {"own_hold_id": own_hold} if own_hold else {}
            return {**until, **own, **_decided(decided)}
        case errors.SeatUnavailable(decided=decided):
            return _decided(decided)
        case errors.HoldEnded(at_ms=at_ms):
            return {"at": str(at_ms // 1_000)} if at_ms else {}
        case errors.ExtensionTooLong(until_ms=until_ms):
            return {"until": str(until_ms // 1_000)}
        case PermissionDenied() | Unauthenticated() | RateLimited():
            return _of_caller(refusal)
        case errors.ReplyTooLarge(sections=sections):
            return {"sections": _named(sections)} if sections else {}
        case errors.HoldChanged(version=version):
            return {"version": str(version)}
        case errors.HoldLimitReached(holds_max=holds_max):
            return {"holds_max": str(holds_max)}
        case _:
            return _of_trip(refusal)


def _of_caller(refusal: PermissionDenied | Unauthenticated | RateLimited) -> dict[str, str]:
    if isinstance(refusal, RateLimited):
        return {"whose": refusal.whose}
    if isinstance(refusal, PermissionDenied):
        return {"scope": refusal.scope}
    return {"error": refusal.error} if refusal.error else {}


def _of_trip(refusal: Refusal) -> dict[str, str]:
    match refusal:
        case errors.InvalidJourney(candidates=candidates):
            return {"candidates": ",".join(f"{first}-{last}" for first, last in candidates)} if candidates else {}
        case errors.TripDefinedOtherwise(differences=differences, was_changed=was_changed) if differences:
            return {"differences": ",".join(differences), "was_changed": str(was_changed).lower()}
        case errors.SalesClosed(state=state):
            return {"state": state}
        case errors.TripChanged(version=version):
            return {"version": str(version)}
        case errors.Departed(departed_at_s=departed_at_s):
            return {"at": str(departed_at_s)}
        case _:
            return _of_stock(refusal)


_OF_STOCK: Mapping[type[Refusal], Sequence[str]] = {
    of_stock.InsufficientStock: ["available"],
    of_stock.BelowReserved: ["reserved"],
    of_stock.VersionConflict: ["version"],
    of_stock.StockLeft: ["total"],
    of_stock.StockSharded: ["shards"],
    of_stock.StockFull: ["room"],
    of_stock.NotInTransit: ["in_transit"],
    of_stock.ApprovalEnded: ["status"],
    of_stock.AdjustmentRejected: ["approval_id"],
    of_stock.OrderReserved: ["reservation_id"],
    of_stock.OverReceived: ["outstanding"],
    of_stock.PartlyReceived: ["lines", "cause"],
    of_stock.PurchaseEnded: ["status"],
    of_stock.TooManyOrders: ["orders"],
}
"""What of a refusal of stock is told with its reason."""


def _of_stock(refusal: Refusal) -> dict[str, str]:
    return {name: str(getattr(refusal, name)) for name in _OF_STOCK.get(type(refusal), ())}


def _named(ids: Sequence[str]) -> str:
    """The first of the ids, as many as there is room for, in one text."""
    return ",".join(text for text, _ in while_there_is_room((join_ids([each]), "") for each in ids))


def _decided(decided: Decided) -> dict[str, str]:
    """Which part decided; for the edge also when the store decided, in Unix seconds with milliseconds."""
    if decided == BY_STORE:
        return {"decided_by": decided.by}
    return {"decided_by": decided.by, "as_of": f"{decided.as_of_ms // 1_000}.{decided.as_of_ms % 1_000:03d}"}


def cells_told(cells: Sequence[TakenCell]) -> Iterator[tuple[str, str]]:
    """Each cell as its status and "seat/segment", never its owner; each seat once before any twice; as many as there is
    room for.
    """
    once: dict[str, TakenCell] = {}
    for cell in cells:
        once.setdefault(cell.seat, cell)
    ordered = [*once.values(), *(cell for cell in cells if once[cell.seat] is not cell)]
    return while_there_is_room((cell.status, f"{cell.seat}/{cell.segment}") for cell in ordered)


def while_there_is_room(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The first pairs, as many as fit into DETAIL_BYTES_MAX."""
    room = DETAIL_BYTES_MAX
    for pair in pairs:
        room -= sum(len(text.encode(errors="backslashreplace")) for text in pair) + 8
        if room < 0:
            return
        yield pair
