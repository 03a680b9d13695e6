"""The service as Locust's users call it: gRPC under gevent, every answer told apart and reported to Locust."""

from collections.abc import Iterator
from time import perf_counter
from typing import Any, NamedTuple

import grpc  # type: ignore[import-untyped]  # ships no types
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc.experimental import gevent as grpc_gevent  # type: ignore[import-untyped]  # ships no types
from locust.event import EventHook

from load_test.record import Outcome
from travio_inventory.api.grpc.descriptors import message_type
from travio_inventory.kernel.refusals import Overloaded
from travio_inventory.seats.refusals import (
    CONTENTION,
    HoldExpired,
    HoldLimitReached,
    SeatContended,
    SeatHeld,
    SeatUnavailable,
)

grpc_gevent.init_gevent()

SERVICE = "/inventory.v1.InventoryService"
DEADLINE_SECONDS = 10.0
DETAILS = "grpc-status-details-bin"

HOLD, CONFIRM, RELEASE = "HoldSeats", "ConfirmBooking", "ReleaseSeats"
REFUSALS = {
    SeatUnavailable.reason: Outcome.UNAVAILABLE,
    HoldExpired.reason: Outcome.ENDED,
    HoldLimitReached.reason: Outcome.LIMIT,
    Overloaded.reason: Outcome.LIMIT,
}
LEGACY_REFUSALS = {
    CONTENTION: Outcome.CONTENTION,
    "not available": Outcome.UNAVAILABLE,
    "maximum": Outcome.LIMIT,
}
"""Words in the `failure_reason` of a service that answers the legacy way."""


class CallResult(NamedTuple):
    """What a call came to; the reply only where it is done."""

    outcome: Outcome
    reply: Any = None


class CallFailed(Exception):
    """The system failed; the message is the gRPC status with its reason, or what is wrong with the reply."""


class Connection:
    """One HTTP/2 connection to the service, made at the first call; every call is reported to `requests`."""

    def __init__(self, target: str, requests: EventHook) -> None:
        own_connection = [("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.insecure_channel(target, options=own_connection)
        self._requests = requests

    def call(self, method: str, request: bytes) -> CallResult:
        """Call the method and wait for its answer, DEADLINE_SECONDS at most. Never raises for a failed call."""
        send = self._channel.unary_unary(f"{SERVICE}/{method}")
        sent = perf_counter()
        failure: CallFailed | None = None
        body = b""
        try:
            body = send(request, timeout=DEADLINE_SECONDS)
            reply = message_type(f"{method}Response").FromString(body)
            answer = CallResult(_outcome_of_reply(method, reply), reply)
            if answer.outcome is Outcome.NO_ANSWER:
                failure = CallFailed("OK, but neither a success nor a refusal")
        except grpc.RpcError as error:
            reason = _reason(error)
            answer = CallResult(_outcome_of_refusal(reason, error.details() or ""))
            if answer.outcome is Outcome.NO_ANSWER:
                failure = CallFailed(f"{error.code().name} {reason}".strip())
        self._requests.fire(
            request_type="grpc",
            name=shown_name(method, answer.outcome),
            response_time=(perf_counter() - sent) * 1_000,
            response_length=len(body),
            exception=failure,
            context={},
        )
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()


def shown_name(method: str, outcome: Outcome) -> str:
    """What Locust calls such an answer: each kind of refusal has a name of its own, a failure that of its method."""
    match outcome:
        case Outcome.NO_ANSWER:
            return method
        case Outcome.DONE:
            return f"{method} won" if method == HOLD else method
        case _:
            return f"{method} {outcome}"


def write(message: str, **fields: Any) -> bytes:  # noqa: ANN401 - the message's own fields
    """The message of that name of the wire contract, as bytes."""
    return message_type(message)(**fields).SerializeToString()


def _outcome_of_reply(method: str, reply: Any) -> Outcome:  # noqa: ANN401 - a message of any type
    """A success must say so and name what it gives; a refusal within a reply is a refusal."""
    if method == RELEASE:
        return Outcome.DONE if reply.success else Outcome.ENDED
    if method == HOLD and not reply.success:
        told = (outcome for words, outcome in LEGACY_REFUSALS.items() if words in reply.failure_reason)
        return next(told, Outcome.NO_ANSWER)
    given = {HOLD: "hold_id", CONFIRM: "booking_id"}.get(method)
    return Outcome.DONE if given is None or getattr(reply, given) else Outcome.NO_ANSWER


def _outcome_of_refusal(reason: str, said: str) -> Outcome:
    if reason in (SeatContended.reason, SeatHeld.reason):
        return Outcome.CONTENTION if said.startswith(CONTENTION) else Outcome.NO_ANSWER
    return REFUSALS.get(reason, Outcome.NO_ANSWER)


def _reason(error: Any) -> str:  # noqa: ANN401 - grpc ships no types
    """The public reason of a refusal, "" where the service gave none."""
    return next(_reasons(error.trailing_metadata() or ()), "")


def _reasons(metadata: Any) -> Iterator[str]:  # noqa: ANN401 - grpc ships no types
    for name, value in metadata:
        for detail in Status.FromString(value).details if name == DETAILS else ():
            info = ErrorInfo()
            if detail.Unpack(info):
                yield info.reason
