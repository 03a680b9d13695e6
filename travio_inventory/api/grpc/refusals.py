"""The one table of refusals on the wire: gRPC status, HTTP code, and google.rpc details."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import (  # has no stubs
    BadRequest,
    ErrorInfo,
    PreconditionFailure,
    QuotaFailure,
    RetryInfo,
)
from google.rpc.status_pb2 import Status as RpcStatus  # has no stubs
from grpclib.const import Status
from grpclib.encoding.base import StatusDetailsCodecBase
from grpclib.exceptions import GRPCError

from travio_inventory.api.grpc.protobuf import number, part, text
from travio_inventory.kernel.ids import join_ids
from travio_inventory.kernel.refusals import (
    BackendUnavailable,
    IdempotencyKeyReused,
    InvalidRequest,
    OutcomeUnknown,
    Overloaded,
    PermissionDenied,
    Refusal,
    RetryableRefusal,
    Unauthenticated,
    Violation,
)
from travio_inventory.seats import refusals as errors
from travio_inventory.seats.refusals import BY_STORE, Decided, TakenCell

DOMAIN = "inventory.travio"
MESSAGE_CHARS_MAX = 256
DETAIL_BYTES_MAX = 2_500
"""Of one detail that lists violations: all details share one header, and clients accept 8 KiB of headers."""


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
    Unauthenticated: WireStatus(Status.UNAUTHENTICATED, 401),
    PermissionDenied: WireStatus(Status.PERMISSION_DENIED, 403),
    errors.SeatContended: WireStatus(Status.ABORTED, 409),
    errors.TripOpening: WireStatus(Status.UNAVAILABLE, 503),
    errors.TripBeingForgotten: WireStatus(Status.UNAVAILABLE, 503),
    errors.HoldLimitReached: WireStatus(Status.RESOURCE_EXHAUSTED, 429),
    Overloaded: WireStatus(Status.RESOURCE_EXHAUSTED, 429),
    BackendUnavailable: WireStatus(Status.UNAVAILABLE, 503),
    OutcomeUnknown: WireStatus(Status.UNAVAILABLE, 503),
}


def grpc_error(refusal: Refusal, *, status: Status | None = None) -> GRPCError:
    """The refusal as grpclib raises it, with the table's status unless another is given.

    Its details are a serialized google.rpc.Status: the server needs `SerializedDetails` to send them.
    """
    status = status or TABLE[type(refusal)].status
    message = str(refusal)[:MESSAGE_CHARS_MAX]
    details = b"".join([part(3, detail) for detail in _details(refusal)])
    return GRPCError(status, message, number(1, status.value) + text(2, message) + details)


def too_large(message: str) -> GRPCError:
    """A call that is rejected unread: with gRPC's status for it; the request must change."""
    return grpc_error(InvalidRequest([Violation("request", message)]), status=Status.RESOURCE_EXHAUSTED)


class SerializedDetails(StatusDetailsCodecBase):
    """Sends the details that `grpc_error` made as they are."""

    def encode(self, status: Status, message: str | None, details: bytes) -> bytes:
        """The bytes of a google.rpc.Status."""
        return details

    def decode(self, status: Status, message: str | None, data: bytes) -> RpcStatus:
        """The google.rpc.Status. Raises DecodeError."""
        return RpcStatus.FromString(data)


def _details(refusal: Refusal) -> Iterator[bytes]:
    """The details that the caller can act upon, the reason first; each a serialized google.protobuf.Any."""
    yield _info(refusal.reason, tuple(_metadata(refusal).items()))
    if isinstance(refusal, RetryableRefusal):
        yield _retry(refusal.retry_after_ms)
    match refusal:
        case InvalidRequest(violations=violations):
            yield _any(_bad_request(violations))
        case errors.SeatTaken(cells=cells):
            yield _taken(cells)
        case errors.HoldLimitReached():
            exceeded = QuotaFailure.Violation(subject="user", description=str(refusal))
            yield _any(QuotaFailure(violations=[exceeded]))
        case _:
            pass


def _any(detail: Message) -> bytes:
    return text(1, f"type.googleapis.com/{detail.DESCRIPTOR.full_name}") + part(2, detail.SerializeToString())


# In a rush on a seat all are refused for the same reason.


@lru_cache(maxsize=1_024)
def _info(reason: str, metadata: tuple[tuple[str, str], ...]) -> bytes:
    return _any(ErrorInfo(reason=reason, domain=DOMAIN, metadata=dict(metadata)))


@lru_cache(maxsize=64)
def _taken(cells: tuple[TakenCell, ...]) -> bytes:
    return _any(_precondition_failure(cells))


@lru_cache(maxsize=4_096)
def _retry(after_ms: int) -> bytes:
    seconds, ms = divmod(after_ms, 1_000)
    return _any(RetryInfo(retry_delay=Duration(seconds=seconds, nanos=ms * 1_000_000)))


def _metadata(refusal: Refusal) -> dict[str, str]:
    match refusal:
        case errors.SeatContended(seats=seats, decided=decided):
            return {"seats": _named(seats), **_decided(decided)}
        case errors.SeatHeld(held_until_ms=held_until_ms, own_hold=own_hold, decided=decided):
            own = {"own_hold_id": own_hold} if own_hold else {}
            return {"held_until": str(held_until_ms // 1_000), **own, **_decided(decided)}
        case errors.SeatUnavailable(decided=decided):
            return _decided(decided)
        case errors.HoldEnded(at_ms=at_ms):
            return {"at": str(at_ms // 1_000)}
        case errors.ExtensionTooLong(until_ms=until_ms):
            return {"until": str(until_ms // 1_000)}
        case PermissionDenied() | Unauthenticated():
            return _of_caller(refusal)
        case errors.ReplyTooLarge(sections=sections):
            return {"sections": _named(sections)} if sections else {}
        case errors.HoldChanged(version=version):
            return {"version": str(version)}
        case errors.HoldLimitReached(holds_max=holds_max):
            return {"holds_max": str(holds_max)}
        case _:
            return _of_trip(refusal)


def _of_caller(refusal: PermissionDenied | Unauthenticated) -> dict[str, str]:
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
            return {}


def _named(ids: Sequence[str]) -> str:
    """The first of the ids, as many as there is room for, in one text."""
    return ",".join(text for text, _ in _while_there_is_room((join_ids([each]), "") for each in ids))


def _decided(decided: Decided) -> dict[str, str]:
    """Which part decided; for the edge also when the store decided, in Unix seconds with milliseconds."""
    if decided == BY_STORE:
        return {"decided_by": decided.by}
    return {"decided_by": decided.by, "as_of": f"{decided.as_of_ms // 1_000}.{decided.as_of_ms % 1_000:03d}"}


def _bad_request(violations: Sequence[Violation]) -> BadRequest:
    named = BadRequest()
    for field, description in _while_there_is_room(violations):
        named.field_violations.add(field=field, description=description)
    return named


def _precondition_failure(cells: Sequence[TakenCell]) -> PreconditionFailure:
    """Each cell as its status and "seat/segment", never its owner; each seat once before any twice."""
    once: dict[str, TakenCell] = {}
    for cell in cells:
        once.setdefault(cell.seat, cell)
    ordered = [*once.values(), *(cell for cell in cells if once[cell.seat] is not cell)]
    failure = PreconditionFailure()
    for kind, subject in _while_there_is_room((cell.status, f"{cell.seat}/{cell.segment}") for cell in ordered):
        failure.violations.add(type=kind, subject=subject)
    return failure


def _while_there_is_room(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The first pairs, as many as fit into DETAIL_BYTES_MAX."""
    room = DETAIL_BYTES_MAX
    for pair in pairs:
        room -= sum(len(text.encode()) for text in pair) + 8
        if room < 0:
            return
        yield pair
