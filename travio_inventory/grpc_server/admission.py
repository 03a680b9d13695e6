"""Which calls may run: those with valid headers, from connections that leave room for others."""

import re
from typing import Final, NamedTuple

from grpclib.const import Status
from grpclib.metadata import Deadline, decode_metadata

from travio_inventory.grpc_server.answers import Rejection
from travio_inventory.grpc_server.context import Method, ServerContext
from travio_inventory.grpc_server.framing import CONTENT_TYPE, Headers
from travio_inventory.grpc_server.grpclib_internals import ReceivedMetadata
from travio_inventory.grpc_server.limits import ServerLimits

ROOM_FOR_OTHERS: Final = 16
"""A connection may open one more call while this many times its open calls are left for others."""

_TIMEOUT: Final = re.compile(r"([0-9]{1,8})([HMSmun])")
_SECONDS: Final = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


class AdmittedCall(NamedTuple):
    """The headers of a call that may run."""

    method: Method
    deadline: Deadline | None
    metadata: ReceivedMetadata
    content_type: str
    user_agent: str | None
    encoding: str
    """Of its compressed messages."""


class CallCount:
    """How many calls are open, on a connection, a part of a `whole`, or on all: those that watch until their caller
    leaves apart.
    """

    __slots__ = ("_whole", "passing", "watching")

    def __init__(self, whole: "CallCount | None" = None) -> None:
        self._whole = whole
        self.passing = self.watching = 0

    @property
    def total(self) -> int:
        return self.passing + self.watching

    def add(self, method: Method, count: int) -> None:
        """So many more of them, or fewer."""
        counted: CallCount | None = self
        while counted is not None:
            if method.has_deadline:
                counted.passing += count
            else:
                counted.watching += count
            counted = counted._whole


class Admission:
    """Decides which calls of one server may run. Counts those that are open."""

    def __init__(self, context: ServerContext) -> None:
        self.is_draining = False
        self.open = CallCount()
        self._context = context
        self._calls_max = context.limits.calls_max
        self._watching_calls_max = context.limits.watching_calls_max
        self._crowded = Rejection.of(context.refusals.crowded(), context)
        self._stopping = Rejection.of(context.refusals.stopping(), context)

    def admit(self, headers: Headers, *, of_connection: CallCount) -> AdmittedCall | Rejection:
        """Whether a connection with so many open calls may have this one."""
        if self.is_draining:
            return self._stopping
        admitted = read_headers(headers, self._context)
        if isinstance(admitted, Rejection):
            return admitted
        return self.turned_away(admitted.method, of_connection=of_connection) or admitted

    def turned_away(self, method: Method, *, of_connection: CallCount) -> Rejection | None:
        """The answer to a call of a connection with so many open calls, None if it may have one more of that method."""
        if self.is_draining:
            return self._stopping
        if method.has_deadline:
            has, left = of_connection.passing, self._calls_max - self.open.passing
        else:
            has, left = of_connection.watching, self._watching_calls_max - self.open.watching
        if has * ROOM_FOR_OTHERS >= left:
            # The dynamic threshold by which switches share their buffers (Choudhury and Hahne, 1998): however many ask
            # much, there is room for one that asks little.
            return self._crowded
        return None

    def too_large(self, header_bytes: int) -> Rejection:
        """The answer to a call with so many bytes of headers."""
        bytes_max = self._context.limits.header_bytes_max
        said = f"headers, metadata included, of {header_bytes} bytes; at most {bytes_max} are accepted"
        return Rejection.of(self._context.refusals.too_large(said), self._context)


def read_headers(headers: Headers, context: ServerContext) -> AdmittedCall | Rejection:
    """Whether the headers are those of a call that can run."""
    named = dict(headers)
    http_method = named.get(":method")
    if http_method != "POST":
        return Rejection(Status.INVALID_ARGUMENT, "only POST is a call", 405 if http_method else 400)
    content_type = named.get("content-type", "")
    if content_type.partition(";")[0] not in (context.content_type, CONTENT_TYPE):
        return Rejection(Status.INVALID_ARGUMENT, f"content-type must be {context.content_type}", 415)
    path = named.get(":path")
    if not path:
        return Rejection(Status.INVALID_ARGUMENT, "no :path", 400)
    method = context.methods.get(path)
    if method is None:
        return Rejection(Status.UNIMPLEMENTED, "no such method")
    timeout_seconds = seconds_allowed(named.get("grpc-timeout"), method, context.limits)
    if timeout_seconds is None:
        return Rejection(Status.INVALID_ARGUMENT, "malformed grpc-timeout")
    if timeout_seconds <= 0:
        return Rejection(Status.DEADLINE_EXCEEDED, "the deadline had passed before the call began")
    try:
        metadata = decode_metadata(headers)
    except ValueError:
        return Rejection(Status.INVALID_ARGUMENT, "malformed binary metadata")
    deadline = None if timeout_seconds == float("inf") else Deadline.from_timeout(timeout_seconds)
    encoding = named.get("grpc-encoding", "identity")
    return AdmittedCall(method, deadline, metadata, content_type, named.get("user-agent"), encoding)


def seconds_allowed(value: str | None, method: Method, limits: ServerLimits) -> float | None:
    """The seconds a call may take, infinite for some methods, None if its grpc-timeout makes no sense."""
    seconds_max = limits.deadline_max_seconds if method.has_deadline else float("inf")
    if value is None:
        return min(limits.deadline_default_seconds, seconds_max) if method.has_deadline else seconds_max
    match = _TIMEOUT.fullmatch(value)
    return None if match is None else min(int(match[1]) * _SECONDS[match[2]], seconds_max)
