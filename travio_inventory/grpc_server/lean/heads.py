"""What the headers of a call say: the method, its time, its metadata; or the answer where they make no call.

It answers as `admission.read_headers` does, and knows besides what RFC 9113 calls malformed (8.1.1): such a call is
answered and then reset with PROTOCOL_ERROR.
"""

import re
from typing import Final, cast

from grpclib.const import Status
from grpclib.metadata import decode_metadata
from multidict import MultiDict, MultiDictProxy

from travio_inventory.grpc_server.admission import seconds_allowed
from travio_inventory.grpc_server.answers import Rejection
from travio_inventory.grpc_server.context import Method, ServerContext
from travio_inventory.grpc_server.framing import CONTENT_TYPE
from travio_inventory.grpc_server.grpclib_internals import ReceivedMetadata
from travio_inventory.grpc_server.lean.header_decoder import Field

PSEUDO: Final = frozenset({":method", ":scheme", ":path", ":authority"})
CONNECTION_SPECIFIC: Final = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})
NO_METADATA: Final = frozenset(
    {
        "te", "content-type", "content-length", "user-agent", "grpc-timeout", "grpc-encoding", "grpc-accept-encoding",
        "accept-encoding",
    }
)  # fmt: skip
"""Those that most calls have and no handler is shown."""
_DIGITS: Final = re.compile("[0-9]{1,18}")
NOTHING_SAID: Final = cast(ReceivedMetadata, MultiDictProxy(MultiDict()))


class RequestHead:
    """The headers of one call, or of many that are equal. It is not changed once it is made."""

    __slots__ = (
        "_metadata", "_said", "content_bytes", "content_type", "encoding", "is_malformed", "method",
        "rejection", "resets", "timeout_seconds", "user_agent",
    )  # fmt: skip

    method: Method
    """Not there if it is rejected, as all that follows."""
    timeout_seconds: float
    content_type: str
    user_agent: str | None
    encoding: str

    def __init__(self, rejection: Rejection | None = None, *, is_malformed: bool = False, resets: int = 0) -> None:
        self.rejection = rejection
        self.is_malformed = is_malformed
        self.resets = resets
        """What it is charged as: so many calls that were cancelled."""
        self.content_bytes: int | None = None
        """What content-length says."""
        self._metadata: ReceivedMetadata | None = NOTHING_SAID
        self._said: list[Field] = []

    @property
    def metadata(self) -> ReceivedMetadata:
        """What handlers are shown of the headers."""
        if self._metadata is None:
            self._metadata = metadata_of(self._said)
        return self._metadata

    @metadata.setter
    def metadata(self, value: ReceivedMetadata) -> None:
        self._metadata = value

    def with_metadata(self, said: list[Field], timeout_seconds: float) -> "RequestHead":
        """That of a call which says the same but for its time, and then these fields, each of which `is_plain`."""
        head = RequestHead()
        head._metadata, head._said = None, said
        head.content_bytes = self.content_bytes
        head.content_type = self.content_type
        head.encoding = self.encoding
        head.method = self.method
        head.timeout_seconds = timeout_seconds
        head.user_agent = self.user_agent
        return head


def metadata_of(said: list[Field]) -> ReceivedMetadata:
    """Raises ValueError where a binary value is none."""
    return cast(ReceivedMetadata, MultiDictProxy(decode_metadata(said)))


def is_plain(name: str) -> bool:
    """Whether a field of this name is metadata and nothing else, whatever its value: no rule of HTTP/2 or gRPC asks
    for it.
    """
    if name[0] == ":" or name in NO_METADATA or name in CONNECTION_SPECIFIC or name == "host":
        return False
    return not name.startswith("grpc-") and not name.endswith("-bin")


def read_head(fields: list[Field], context: ServerContext) -> RequestHead:
    """What the fields say."""
    named = dict(fields)
    pseudo = 0
    for name, _ in fields:
        if name[0] != ":":
            break
        pseudo += 1
    said = [field for field in fields[pseudo:] if field[0] not in NO_METADATA]
    fault = _fault(fields, named, pseudo, said)
    if fault is not None:
        return _malformed(fault)
    head = _head(named, said, context)
    if "content-length" in named:
        head.content_bytes = int(named["content-length"])
    return head


def without_meaning() -> RequestHead:
    """That of a call whose headers have characters that none may have."""
    return _malformed("a header has characters that none may have")


def _malformed(said: str) -> RequestHead:
    return RequestHead(Rejection(Status.INVALID_ARGUMENT, said, 400), is_malformed=True)


def _head(named: dict[str, str], said: list[Field], context: ServerContext) -> RequestHead:
    """What the fields say that are not malformed."""
    rejection = _rejection(named, context)
    if rejection is not None:
        return RequestHead(rejection)
    method = context.methods[named[":path"]]
    timeout_seconds = seconds_allowed(named.get("grpc-timeout"), method, context.limits)
    if timeout_seconds is None:
        return RequestHead(Rejection(Status.INVALID_ARGUMENT, "malformed grpc-timeout"))
    if timeout_seconds <= 0:
        return RequestHead(Rejection(Status.DEADLINE_EXCEEDED, "the deadline had passed before the call began"))
    head = RequestHead()
    try:
        if said:
            head.metadata = metadata_of(said)
    except ValueError:
        return RequestHead(Rejection(Status.INVALID_ARGUMENT, "malformed binary metadata"))
    head.method = method
    head.timeout_seconds = timeout_seconds
    head.content_type = named["content-type"]
    head.user_agent = named.get("user-agent")
    head.encoding = named.get("grpc-encoding", "identity")
    return head


def _fault(fields: list[Field], named: dict[str, str], pseudo: int, said: list[Field]) -> str | None:
    """What makes the headers malformed, None if they are not."""
    for name, _ in said:
        if name[0] == ":":
            return f"{name} after another header"
        if name in CONNECTION_SPECIFIC:
            return f"{name} in HTTP/2"
    names = {name for name, _ in fields[:pseudo]}
    if len(names) != pseudo:
        return "a pseudo-header twice"
    if not names <= PSEUDO:
        return "a pseudo-header that no request has"
    if named.get("te", "trailers") != "trailers":
        return "te may only be trailers"
    if not _DIGITS.fullmatch(named.get("content-length", "0")):
        return "content-length is no number"
    if len(named) != len(fields) and len({value for name, value in fields if name == "content-length"}) > 1:
        return "two content-lengths"
    if "host" in named and named["host"] != named.get(":authority", named["host"]):
        return "host is another than :authority"
    return _missing(named)


def _missing(named: dict[str, str]) -> str | None:
    if ":method" not in named:
        return "only POST is a call"
    if not named.get(":path"):
        return "no :path"
    return None if named.get(":scheme") else "no :scheme"


def _rejection(named: dict[str, str], context: ServerContext) -> Rejection | None:
    """The answer to what is a request and no call that we serve."""
    if named[":method"] != "POST":
        said = "only POST is a call"
        text = "" if named[":method"] == "HEAD" else f"{said}: this port is for gRPC clients\n"
        return Rejection(Status.INVALID_ARGUMENT, said, 405, text=text)
    content_type = named.get("content-type", "")
    if content_type.partition(";")[0] not in (context.content_type, CONTENT_TYPE):
        said = f"content-type must be {context.content_type}"
        return Rejection(Status.INVALID_ARGUMENT, said, 415, text=f"{said}: this port is for gRPC clients\n")
    if named[":path"] not in context.methods:
        return Rejection(Status.UNIMPLEMENTED, "no such method")
    return None
