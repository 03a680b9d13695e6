"""Whether the headers of a call are those of one that can run, and the headers that answer it."""

import re
from typing import Any, Final, NamedTuple

from grpclib.const import Status
from grpclib.exceptions import GRPCError
from grpclib.metadata import Deadline, decode_metadata, encode_bin_value, encode_grpc_message

from travio_inventory.grpc_server.frames import Headers
from travio_inventory.grpc_server.limits import ServerLimits
from travio_inventory.grpc_server.shared import CONTENT_TYPE, Method, Shared

_TIMEOUT: Final = re.compile(r"([0-9]{1,8})([HMSmun])")
_SECONDS: Final = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


class Request(NamedTuple):
    """The headers of a call that may run."""

    method: Method
    deadline: Deadline | None
    metadata: Any
    content_type: str
    user_agent: str | None


class Refusal(NamedTuple):
    """The answer to headers that nothing can run for."""

    status: Status
    message: str | None
    http_status: int = 200
    details: bytes | None = None
    """A google.rpc.Status."""

    @classmethod
    def of(cls, error: GRPCError, shared: Shared) -> "Refusal":
        """The same answer as the server sends it."""
        return cls(error.status, error.message, details=shared.packed(error.status, error.message, error.details))


def admit(headers: Headers, shared: Shared) -> Request | Refusal:
    """Whether the headers are those of a call that we can run."""
    named = dict(headers)
    http_method = named.get(":method")
    if http_method != "POST":
        return Refusal(Status.INVALID_ARGUMENT, "only POST is a call", 405 if http_method else 400)
    content_type = named.get("content-type", "")
    if content_type.partition(";")[0] not in (shared.content_type, CONTENT_TYPE):
        return Refusal(Status.INVALID_ARGUMENT, f"content-type must be {shared.content_type}", 415)
    path = named.get(":path")
    if not path:
        return Refusal(Status.INVALID_ARGUMENT, "no :path", 400)
    method = shared.methods.get(path)
    if method is None:
        return Refusal(Status.UNIMPLEMENTED, "no such method")
    timeout_seconds = _timeout_seconds(named.get("grpc-timeout"), method, shared.limits)
    if timeout_seconds is None:
        return Refusal(Status.INVALID_ARGUMENT, "malformed grpc-timeout")
    if timeout_seconds <= 0:
        return Refusal(Status.DEADLINE_EXCEEDED, "the deadline had passed before the call began")
    try:
        metadata = decode_metadata(headers)
    except ValueError:
        return Refusal(Status.INVALID_ARGUMENT, "malformed binary metadata")
    deadline = None if timeout_seconds == float("inf") else Deadline.from_timeout(timeout_seconds)
    return Request(method, deadline, metadata, content_type, named.get("user-agent"))


def _timeout_seconds(value: str | None, method: Method, limits: ServerLimits) -> float | None:
    """The seconds a call may take, infinite for some methods, None if its grpc-timeout makes no sense."""
    seconds_max = limits.deadline_max_seconds if method.has_deadline else float("inf")
    if value is None:
        return min(limits.deadline_default_seconds, seconds_max) if method.has_deadline else seconds_max
    match = _TIMEOUT.fullmatch(value)
    return None if match is None else min(int(match[1]) * _SECONDS[match[2]], seconds_max)


def answer_headers(
    status: Status,
    message: str | None,
    *,
    http_status: int = 200,
    content_type: str | None = None,
    details: bytes | None = None,
) -> Headers:
    """Headers that end a call; with a content type they are its only ones."""
    headers: Headers = []
    if content_type is not None:
        headers = [(":status", str(http_status)), ("content-type", content_type)]
    headers.append(("grpc-status", str(status.value)))
    if message is not None:
        headers.append(("grpc-message", encode_grpc_message(message)))
    if details is not None:
        headers.append(("grpc-status-details-bin", encode_bin_value(details).decode("ascii")))
    return headers
