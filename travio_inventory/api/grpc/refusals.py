"""Refusals as gRPC has them: the status of the table, and google.rpc details."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

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
from travio_inventory.api.refusals import (
    DOMAIN,
    MESSAGE_CHARS_MAX,
    TABLE,
    cells_told,
    metadata,
    while_there_is_room,
)
from travio_inventory.kernel.refusals import InvalidRequest, RateLimited, Refusal, RetryableRefusal, Violation
from travio_inventory.seats import refusals as errors
from travio_inventory.seats.refusals import TakenCell


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
    yield _info(refusal.reason, tuple(metadata(refusal).items()))
    if isinstance(refusal, RetryableRefusal):
        yield _retry(refusal.retry_after_ms)
    match refusal:
        case InvalidRequest(violations=violations):
            yield _any(_bad_request(violations))
        case errors.SeatTaken(cells=cells):
            yield _taken(cells)
        case errors.HoldLimitReached():
            yield _quota("user", str(refusal))
        case RateLimited(whose=whose):
            yield _quota(whose, str(refusal))
        case _:
            pass


def _any(detail: Message) -> bytes:
    return text(1, f"type.googleapis.com/{detail.DESCRIPTOR.full_name}") + part(2, detail.SerializeToString())


def _quota(subject: str, said: str) -> bytes:
    return _any(QuotaFailure(violations=[QuotaFailure.Violation(subject=subject, description=said)]))


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


def _bad_request(violations: Sequence[Violation]) -> BadRequest:
    named = BadRequest()
    for field, description in while_there_is_room(violations):
        named.field_violations.add(field=field, description=description)
    return named


def _precondition_failure(cells: Sequence[TakenCell]) -> PreconditionFailure:
    failure = PreconditionFailure()
    for kind, subject in cells_told(cells):
        failure.violations.add(type=kind, subject=subject)
    return failure
