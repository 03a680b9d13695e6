"""Rebuilds refusals from the end of a call: a status with its details, or no answer at all."""

import ssl
from binascii import Error as BinasciiError
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum, auto
from typing import TypeVar

from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, PreconditionFailure, RetryInfo
from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

from travio_inventory.kernel.ids import split_ids
from travio_inventory.kernel.refusals import (
    BackendUnavailable,
    InvalidRequest,
    OutcomeUnknown,
    Overloaded,
    PermissionDenied,
    RateLimited,
    Refusal,
    RetryableRefusal,
    Unauthenticated,
    Violation,
)
from travio_inventory.seats.refusals import (
    BY_STORE,
    Decided,
    Departed,
    ExtensionTooLong,
    HoldChanged,
    HoldEnded,
    HoldLimitReached,
    InvalidJourney,
    ReplyTooLarge,
    SalesClosed,
    SeatContended,
    SeatHeld,
    SeatUnavailable,
    TakenCell,
    TripChanged,
    TripDefinedOtherwise,
)
from travio_inventory.stock.refusals import (
    AdjustmentRejected,
    ApprovalEnded,
    BelowReserved,
    InsufficientStock,
    NotInTransit,
    OverReceived,
    PartlyReceived,
    PurchaseEnded,
    StockFull,
    StockLeft,
    StockSharded,
    TooManyOrders,
    VersionConflict,
)

DOMAIN = "inventory.travio"
RETRY_AFTER_LOST_MS = 50
"""The pause before a retry after a lost connection, unless the service sets one."""
REFUSED_STREAM = f"error_code: {int(ErrorCodes.REFUSED_STREAM)}"
"""How grpclib's message ends for a call that the peer refused before it did anything (RFC 9113, 8.7)."""
FAILURES = (GRPCError, StreamTerminatedError, ProtocolError, DecodeError, BinasciiError, OSError)
"""Every way in which a call fails without an answer of its type; TimeoutError is an OSError."""


class Meaning(Enum):
    """The meaning of a status without our reason: it comes from a proxy, a library or a bug."""

    LOST = auto()
    """No answer: a step may have happened and its outcome is unknown, a read is retried."""
    BROKEN = auto()
    """Something failed on the way: a step may have happened, a read fails."""
    TURNED_AWAY = auto()
    """Too many calls at once; nothing was done, retry in a moment."""
    WRONG = auto()
    """The request must change; nothing was done."""
    NOT_SERVED = auto()
    """The call is not served here, or not for this caller; nothing was done."""


MEANINGS: Mapping[Status, Meaning] = {
    Status.OK: Meaning.NOT_SERVED,
    Status.CANCELLED: Meaning.LOST,
    Status.UNKNOWN: Meaning.BROKEN,
    Status.INVALID_ARGUMENT: Meaning.WRONG,
    Status.DEADLINE_EXCEEDED: Meaning.LOST,
    Status.NOT_FOUND: Meaning.NOT_SERVED,
    Status.ALREADY_EXISTS: Meaning.NOT_SERVED,
    Status.PERMISSION_DENIED: Meaning.NOT_SERVED,
    Status.RESOURCE_EXHAUSTED: Meaning.TURNED_AWAY,
    Status.FAILED_PRECONDITION: Meaning.NOT_SERVED,
    Status.ABORTED: Meaning.LOST,
    Status.OUT_OF_RANGE: Meaning.WRONG,
    Status.UNIMPLEMENTED: Meaning.NOT_SERVED,
    Status.INTERNAL: Meaning.BROKEN,
    Status.UNAVAILABLE: Meaning.LOST,
    Status.DATA_LOSS: Meaning.BROKEN,
    Status.UNAUTHENTICATED: Meaning.NOT_SERVED,
}
"""The whole table. A status with a reason of ours is the refusal of that reason, whatever the status."""

COUNTED: Mapping[
    type[
        InsufficientStock
        | BelowReserved
        | VersionConflict
        | StockLeft
        | StockSharded
        | StockFull
        | NotInTransit
        | OverReceived
        | TooManyOrders
    ],
    str,
] = {
    InsufficientStock: "available",
    BelowReserved: "reserved",
    VersionConflict: "version",
    StockLeft: "total",
    StockSharded: "shards",
    StockFull: "room",
    NotInTransit: "in_transit",
    OverReceived: "outstanding",
    TooManyOrders: "orders",
}
"""The refusals of stock that say a number, and what it is called."""

_Detail = TypeVar("_Detail")


class ClientError(Exception):
    """What answered is not our service, does not admit the caller, or has a bug. No step was taken."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(f"{status.name}: {message}")
        self.status = status
        self.message = message


def refusal_from(failure: Exception, *, writes: bool) -> Refusal | ClientError:
    """The meaning of one of FAILURES; `writes` says whether the call might have changed something."""
    match failure:
        case GRPCError():
            return _from_status(failure, writes=writes)
        case ssl.SSLError():
            return ClientError(Status.UNAVAILABLE, str(failure))
        case StreamTerminatedError() if str(failure).endswith(REFUSED_STREAM):
            return _no_answer("refused by the peer", writes=False)
        case TimeoutError() | StreamTerminatedError() | ProtocolError():
            return _no_answer(str(failure), writes=writes)
        case DecodeError() | BinasciiError():
            return _without_reason(Status.UNKNOWN, f"not readable: {failure}", (), writes=writes)
        case _:  # could not connect, so nothing was sent
            return _no_answer(str(failure), writes=False)


def legacy_refusal(reason: str, seats: Sequence[str]) -> Refusal | ClientError:
    """The meaning of the legacy answer `success = false` with a `failure_reason`."""
    # These are the words that existing clients know; see the contract in proto/.
    if "contention" in reason:
        return SeatContended(seats, retry_after_ms=1_000)
    if "not available" in reason:
        return SeatUnavailable([TakenCell(seat, 0, "") for seat in seats])
    if "maximum" in reason:
        return HoldLimitReached(0)
    return ClientError(Status.FAILED_PRECONDITION, reason)


def _no_answer(why: str, *, writes: bool) -> RetryableRefusal:
    return _because(OutcomeUnknown() if writes else BackendUnavailable(), why)


def _because(refusal: RetryableRefusal, why: str) -> RetryableRefusal:
    refusal.args = (f"{refusal} ({why})",)
    refusal.retry_after_ms = RETRY_AFTER_LOST_MS
    return refusal


def _from_status(failure: GRPCError, *, writes: bool) -> Refusal | ClientError:
    details = list(failure.details or ())
    message = failure.message or ""
    info = next((found for found in _of_type(ErrorInfo, details) if found.domain == DOMAIN), ErrorInfo())
    kind = KINDS.get(info.reason)
    refusal: Refusal | ClientError
    if kind is not None:
        refusal = _build(kind, info, details)
        refusal.args = (message,)
    else:
        refusal = _without_reason(failure.status, message, details, writes=writes)
    for retry in _of_type(RetryInfo, details):
        if isinstance(refusal, RetryableRefusal):
            refusal.retry_after_ms = retry.retry_delay.ToMilliseconds()
    return refusal


def _without_reason(status: Status, message: str, details: Sequence[object], *, writes: bool) -> Refusal | ClientError:
    said = f"{status.name}: {message}"
    match MEANINGS[status]:
        case Meaning.LOST:
            return _no_answer(said, writes=writes)
        case Meaning.BROKEN:
            return _no_answer(said, writes=True) if writes else ClientError(status, message)
        case Meaning.TURNED_AWAY:
            return _because(Overloaded(), said)
        case Meaning.WRONG:
            return InvalidRequest(_violations(details) or [Violation("request", message)])
        case Meaning.NOT_SERVED:
            return ClientError(status, message)


def _build(kind: type[Refusal], info: ErrorInfo, details: Sequence[object]) -> Refusal:
    """The refusal with its data; those that have only their reason take no arguments."""
    if issubclass(kind, InvalidRequest):
        return _invalid(kind, info, _violations(details))
    if issubclass(kind, HoldEnded):
        return kind(_whole(info.metadata["at"]) * 1_000)
    if issubclass(kind, ExtensionTooLong):
        return kind(_whole(info.metadata["until"]) * 1_000)
    if issubclass(kind, SeatHeld):
        held_until_ms = _whole(info.metadata["held_until"]) * 1_000
        own_hold = info.metadata["own_hold_id"]
        return kind(_taken_cells(details), held_until_ms=held_until_ms, own_hold=own_hold, decided=_decided(info))
    if issubclass(kind, SeatUnavailable):
        return kind(_taken_cells(details), decided=_decided(info))
    if issubclass(kind, SeatContended):
        return kind(split_ids(info.metadata["seats"]), retry_after_ms=0, decided=_decided(info))
    if issubclass(kind, HoldLimitReached):
        return kind(_whole(info.metadata["holds_max"]))
    return _of_one_word(kind, info)


def _of_one_word(kind: type[Refusal], info: ErrorInfo) -> Refusal:
    """A refusal of which one thing is told, or nothing."""
    if issubclass(kind, HoldChanged):
        return kind(_whole(info.metadata["version"]))
    if issubclass(kind, TripDefinedOtherwise) and info.metadata["differences"]:
        return kind(info.metadata["differences"].split(","), was_changed=info.metadata["was_changed"] == "true")
    if issubclass(kind, SalesClosed):
        return kind(info.metadata["state"])
    if issubclass(kind, TripChanged):
        return kind(_whole(info.metadata["version"]))
    if issubclass(kind, Departed):
        return kind(_whole(info.metadata["at"]))
    if issubclass(kind, PermissionDenied):
        return kind(info.metadata["scope"])
    if issubclass(kind, RateLimited):
        return kind(info.metadata["whose"], retry_after_ms=0)
    if issubclass(kind, Unauthenticated):
        return kind(info.metadata["error"])
    return _of_stock(kind, info)


def _of_stock(kind: type[Refusal], info: ErrorInfo) -> Refusal:
    for counted, name in COUNTED.items():
        if issubclass(kind, counted):
            return counted(_whole(info.metadata[name]))
    if issubclass(kind, ApprovalEnded | PurchaseEnded):
        return kind(info.metadata["status"])
    if issubclass(kind, PartlyReceived):
        return kind(_whole(info.metadata["lines"]), info.metadata["cause"])
    if issubclass(kind, AdjustmentRejected):
        return kind(info.metadata["approval_id"])
    return kind()


def _decided(info: ErrorInfo) -> Decided:
    """Which part decided; a service that does not say so answers from the store."""
    by = info.metadata["decided_by"] or BY_STORE.by
    seconds, _, ms = info.metadata["as_of"].partition(".")
    return Decided(by, _whole(seconds) * 1_000 + _whole(ms[:3].ljust(3, "0")))


def _invalid(kind: type[InvalidRequest], info: ErrorInfo, violations: Sequence[Violation]) -> InvalidRequest:
    if issubclass(kind, InvalidJourney):
        return kind(violations, list(_candidates(info.metadata["candidates"])))
    if issubclass(kind, ReplyTooLarge):
        return kind(violations, split_ids(info.metadata["sections"]))
    return kind(violations)


def _candidates(text: str) -> Iterator[tuple[int, int]]:
    """The first and last segments of the journeys in "0-2,4-6"."""
    for each in text.split(",") if text else ():
        first, _, last = each.partition("-")
        yield _whole(first), _whole(last)


def _taken_cells(details: Sequence[object]) -> list[TakenCell]:
    cells = []
    for failure in _of_type(PreconditionFailure, details):
        for violation in failure.violations:
            seat, _, segment = violation.subject.rpartition("/")
            cells.append(TakenCell(seat, _whole(segment), violation.type))
    return cells


def _violations(details: Sequence[object]) -> list[Violation]:
    requests = _of_type(BadRequest, details)
    return [Violation(found.field, found.description) for request in requests for found in request.field_violations]


def _of_type(kind: type[_Detail], details: Sequence[object]) -> Iterator[_Detail]:
    return (detail for detail in details if isinstance(detail, kind))


def _whole(text: str) -> int:
    """The number, 0 if it is not one."""
    return int(text) if text.isascii() and text.isdigit() else 0


def _kinds(family: type[Refusal]) -> Iterator[type[Refusal]]:
    yield family
    for kind in family.__subclasses__():
        yield from _kinds(kind)


KINDS = {kind.reason: kind for kind in _kinds(Refusal) if "reason" in vars(kind)}
"""Every refusal by its public name."""
