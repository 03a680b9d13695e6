"""The limits of the HTTP server, for one caller and for all together, and what it answers where one is reached."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """Every bound of the HTTP server. None has a default: whoever creates the server decides.

    How large a body may be the application decides, which reads it.
    """

    connections_max: int
    """One more takes the place of one without a request, first of one that never had any; it is refused where all have
    one.
    """
    staying_max: int
    """WebSockets and answers without an end: they leave room for requests, which come and go."""
    header_bytes_max: int
    """Of one request: its path with the query, and the names and values of its headers."""
    headers_max: int
    read_bytes_max: int
    """Of a connection, in one turn of the loop."""
    body_bytes_max: int
    """Of all bodies together whose requests are not answered. Beyond, and where a large one would leave little for
    others, its caller waits, and the application is told that there was no room.
    """
    body_wait_seconds_max: float
    """How long a body waits for room, in all."""
    pipelined_max: int
    """Requests that may wait on a connection for the answer to the one before."""
    idle_connection_seconds_max: int
    """Without a request."""
    request_read_seconds_max: float
    """From the first byte of a request to the end of its body."""
    write_stalled_seconds_max: float
    """How long a peer may leave what we have sent unread."""
    unsent_bytes_max: int
    """What all peers together leave unread; beyond it, whoever has read nothing for longest loses its connection."""
    socket_message_bytes_max: int
    """Of a message on a WebSocket."""
    socket_frames_at_once_max: int
    """Pings, parts of messages and whole ones that a peer may send on a WebSocket before it is held to a rate."""
    socket_frames_per_second: float
    socket_ping_seconds: float
    """Between two pings on a WebSocket, and as long until one that is not answered ends it."""
    drain_seconds_max: float
    """How long a drain lets running requests go on."""
    linger_seconds_max: float
    """How long what is left of a request is read whose answer is sent already."""

    def __post_init__(self) -> None:
        """Raise ValueError for a bound that lets nothing through."""
        for field in fields(self):
            if getattr(self, field.name) <= 0:
                raise ValueError(f"{field.name} must be positive, not {getattr(self, field.name)}")


class OwnAnswer(NamedTuple):
    """What the server answers itself: a status, a content type, a body, and headers besides."""

    status: int
    content_type: bytes
    body: bytes
    headers: Sequence[tuple[bytes, bytes]] = ()


def _plain(status: int, said: str) -> OwnAnswer:
    return OwnAnswer(status, b"text/plain; charset=utf-8", said.encode())


class HttpRefusals(NamedTuple):
    """The answers to requests that the application never sees."""

    not_http: OwnAnswer = _plain(400, "this is no HTTP request that can be understood")
    no_host: OwnAnswer = _plain(400, "a request names its host in one Host header")
    other_version: OwnAnswer = _plain(505, "the versions of HTTP are 1.0 and 1.1 here")
    other_coding: OwnAnswer = _plain(501, "the only transfer coding is chunked")
    headers_too_large: OwnAnswer = _plain(431, "the path or the headers are too large")
    crowded: OwnAnswer = _plain(503, "too many connections: retry in a moment")
    stopping: OwnAnswer = _plain(503, "the server is stopping")
    incomplete: OwnAnswer = _plain(400, "the request ended before it was whole")
    too_slow: OwnAnswer = _plain(408, "the request did not arrive in time")
    failed: OwnAnswer = _plain(500, "the server failed")
