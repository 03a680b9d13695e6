"""A connection of one caller: uvicorn's, within limits."""

import asyncio
from collections import deque
from collections.abc import Iterable
from functools import lru_cache, partial
from typing import Any, Final, Protocol

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from travio_inventory.http_server.at_once import AtOnce, DirectLine
from travio_inventory.http_server.bodies import UNASKED_BYTES_MAX, Bodies, Body
from travio_inventory.http_server.heads import NEWEST, body_of, refusal_of
from travio_inventory.http_server.limits import HttpLimits, HttpRefusals, OwnAnswer
from travio_inventory.http_server.unsent import PIECE_BYTES, Unsent

HEADER_OVERHEAD_BYTES: Final = 4
"""Of each header: ": " and the end of its line."""

CHUNKS_KEPT: Final = 8
"""Many who follow a map are told the same bytes one after the other: so many chunks are written once."""

CERTIFICATE: Final = "certificate"
"""The name under which the state of a request has the verified certificate of its peer, as `ssl` describes it."""


WRITE_NOW: Final = "write_now"
"""The name under which the state of a request, and of a WebSocket, has what writes a part of its answer at once: the
bytes of a body, or the texts of messages, all or none. It returns whether they are written; not where they had to wait,
nor where they are more than is written before it is known whether the peer reads.
"""


MAY_STAY: Final = "may_stay"
"""The name under which the state of a request has what an answer without an end asks before it begins: whether there is
room for one more.
"""


BODY: Final = "body"
"""The name under which the state of a request has its body, for which it waits; the server takes it out."""


class Refused(Exception):
    """A request is refused for its head; the parser passes it on as an error of the request."""


class Room(Protocol):
    """Where the connections are that exist."""

    def add(self, connection: "CallerConnection") -> bool:
        """Whether there is room for one more."""
        ...

    def remove(self, connection: "CallerConnection") -> None:
        """It has ended, or is no connection for requests any more."""
        ...

    def may_stay(self, transport: asyncio.BaseTransport) -> bool:
        """Whether there is room for one more connection that stays, as that one does from now on."""
        ...

    def stays(self, transport: asyncio.BaseTransport) -> bool:
        """Whether it does."""
        ...

    def stays_no_more(self, transport: asyncio.BaseTransport) -> None:
        """It has ended, or comes and goes again."""
        ...

    def became_busy(self, connection: "CallerConnection") -> None:
        """It has a request."""
        ...

    def became_idle(self, connection: "CallerConnection") -> None:
        """It has none any more."""
        ...


class CallerConnection(HttpToolsProtocol):
    """Reads requests and writes answers; `inspect` ends it where its peer is too slow."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        *,
        limits: HttpLimits,
        refusals: HttpRefusals,
        room: Room,
        unsent: Unsent,
        bodies: Bodies,
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._limits = limits
        self._refusals = refusals
        self._room = room
        self._unsent = unsent
        self._bodies = bodies
        self._unanswered: deque[tuple[RequestResponseCycle, Body]] = deque()
        """The requests without an answer and their bodies, in order: the last may have begun to arrive."""
        self._head_bytes = 0
        self._refusal: OwnAnswer | None = None
        self._is_head_read = self._is_handshake = False
        self._is_body_to_come = False
        """Whether the parser takes what follows a head for another protocol, to which we do not change."""
        self._reads_no_more = False
        self._reading_since: float | None = None
        self._stalled_since: float | None = None
        self._idle_since: float | None = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]    # as uvicorn has it
        super().connection_made(transport)
        self._at_once = AtOnce(transport)
        if certificate := transport.get_extra_info("peercert"):
            self.app_state = {**self.app_state, CERTIFICATE: certificate}
        if hasattr(transport, "max_size"):
            transport.max_size = self._limits.read_bytes_max  # of each read; asyncio's own are 256 KiB
        transport.set_write_buffer_limits(PIECE_BYTES)
        if not self._room.add(self):
            self._answer(self._refusals.crowded)

    def connection_lost(self, exc: Exception | None) -> None:
        self._at_once.end()
        self._room.remove(self)
        self._room.stays_no_more(self.transport)
        self._unsent.goes_on(self.transport)
        while self._unanswered:
            self._unanswered[0][0].disconnected = True  # uvicorn tells the last one only
            self._forget_body()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing() or self._reads_no_more:
            return  # what is left of a request that is refused already
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None
        self._read(data)

    def _read(self, data: bytes) -> None:
        """As uvicorn does, but a request to change to a protocol that we do not speak is one like others (RFC 9110,
        7.8): `curl --http2` and Java's client send them. The parser does not read the body of one.
        """
        try:
            self.parser.feed_data(data)
        except HttpParserError:
            self._read_no_more(self._refusal or self._refusals.not_http)
        except HttpParserUpgrade as ended:
            if self._is_handshake:
                self.handle_websocket_upgrade()
                return
            rest = data[ended.args[0] :]
            if self._is_body_to_come:
                rest = body_of(self.headers) + rest
            if rest:
                self._read(rest)

    def eof_received(self) -> bool:  # type: ignore[override]    # uvicorn keeps no connection
        """The peer sends no more. Whether the connection stays open: what was asked for whole is answered first. Of an
        answer without an end this is how its reader leaves.
        """
        if self._room.stays(self.transport) or self.scheme == "https":
            return False  # asyncio's TLS answers nobody who has said that it ends
        self._read_no_more(self._refusals.incomplete if self._reading_since is not None else None)
        return bool(self._unanswered)

    def _read_no_more(self, said: OwnAnswer | None) -> None:
        """End the connection when what was asked for whole is answered, or at once with what is said, unless something
        else was begun to be answered.
        """
        self._reads_no_more, self._reading_since = True, None
        if self._unanswered and not self._unanswered[-1][1].is_whole:
            self._forget_half_a_request(said)
        elif said is not None and not self._unanswered and not self._is_answered_early():
            self._answer(said)
        if self._unanswered:
            self._unanswered[-1][0].keep_alive = False
        else:
            self.transport.close()

    def _forget_half_a_request(self, said: OwnAnswer | None) -> None:
        if len(self._unanswered) > 1:
            self.pipeline.popleft()
        elif said is not None:
            self._give_up_reading(said)
        request, body = self._unanswered.pop()
        request.disconnected = True
        request.message_event.set()
        body.end()
        self.cycle = self._unanswered[-1][0] if self._unanswered else request

    def handle_websocket_upgrade(self) -> None:
        if not self._room.may_stay(self.transport):
            self._answer(self._refusals.crowded)
            return
        self._room.remove(self)
        super().handle_websocket_upgrade()

    def inspect(self, now: float) -> None:
        """End the connection if its peer lets it wait for too long. Of most who watch, nothing is waited for."""
        if self._idle_since is None and self._reading_since is None and self._stalled_since is None:
            return
        limits = self._limits
        if _is_over(self._stalled_since, limits.write_stalled_seconds_max, now):
            self.transport.abort()
        elif self._is_answered_early() and _is_over(self._idle_since, limits.linger_seconds_max, now):
            self.transport.close()
        elif not self.pipeline and _is_over(self._reading_since, limits.request_read_seconds_max, now):
            self._give_up_reading(self._refusals.too_slow)
        elif self._reading_since is None and _is_over(self._idle_since, limits.idle_connection_seconds_max, now):
            self.transport.close()

    def end(self) -> None:
        """End the connection, because the server stops; a request without an answer is told so."""
        request = self._request
        if request is None or request.response_started:
            self.transport.abort()
        else:
            self._answer(self._refusals.stopping)

    def _give_up_reading(self, said: OwnAnswer) -> None:
        """Tell who sent half a request, unless a request is being answered."""
        if not any(body.is_begun for _, body in self._unanswered):
            self._answer(said)
        else:
            self.transport.close()

    def _is_answered_early(self) -> bool:
        """Whether the answer is sent, but not all of its request is read."""
        request = self._request
        return request is not None and request.response_complete and request.more_body

    @property
    def _request(self) -> RequestResponseCycle | None:
        """The last one that has begun, None if none has."""
        return self.cycle

    # What the parser finds.

    def on_message_begin(self) -> None:
        if self._is_body_to_come:
            return
        self._head_bytes, self._is_head_read, self._is_handshake = 0, False, False
        self._reading_since = self.loop.time()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._is_body_to_come:
            self._count(len(url))
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Of the head. Fields after a body (trailers) are counted and no more: nothing here is told so."""
        if self._is_body_to_come:
            return
        self._count(len(name) + len(value) + HEADER_OVERHEAD_BYTES)
        if self._is_head_read:
            return
        if len(self.headers) >= self._limits.headers_max:
            self._refuse(self._refusals.headers_too_large)
        if name.lower() != b"upgrade" or self.parser.get_http_version() == NEWEST:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._is_body_to_come:
            self._is_body_to_come = False
            return
        self._is_head_read = True
        if len(self.pipeline) >= self._limits.pipelined_max:
            self._refuse(self._refusals.headers_too_large)
        version = self.parser.get_http_version()
        if refusal := refusal_of(version, self.url, self.headers, self._refusals):
            self._refuse(refusal)
        self.expect_100_continue &= version == NEWEST
        self._idle_since = None
        self._room.became_busy(self)
        before = self._request
        super().on_headers_complete()
        self._is_handshake = self._request is before
        if self._request is not None and not self._is_handshake:
            self._is_body_to_come = self.parser.should_upgrade() and bool(body_of(self.headers))
            self.scope["state"][WRITE_NOW] = DirectLine(self._at_once, partial(_may_write, self._request), _chunk)
            self.scope["state"][MAY_STAY] = self._may_stay
            body = Body(self._bodies, is_asked_for=self._request.waiting_for_100_continue)
            self._unanswered.append((self._request, body))
            self.scope["state"][BODY] = body

    def on_body(self, body: bytes) -> None:
        request = self._request
        if request is None or request.response_complete:
            if not self._bodies.drop(len(body), self.flow.resume_reading):
                self.flow.pause_reading()
        elif not self._unanswered[-1][1].add(len(body)):
            request.message_event.set()
        else:
            super().on_body(body)
            if self._unanswered[-1][1].kept > UNASKED_BYTES_MAX:
                self.flow.pause_reading()

    def on_message_complete(self) -> None:
        if self._is_body_to_come:
            return
        self._reading_since = None
        super().on_message_complete()
        if self._unanswered:
            self._unanswered[-1][1].end_of_body()

    def _count(self, size_bytes: int) -> None:
        self._head_bytes += size_bytes
        if self._head_bytes > self._limits.header_bytes_max:
            self._refuse(self._refusals.headers_too_large)

    def _refuse(self, refusal: OwnAnswer) -> None:
        self._refusal = refusal
        raise Refused

    # What the application answers, and what we do.

    def _may_stay(self) -> bool:
        """Whether there is room for an answer without an end; its reader must not have left."""
        if self._reads_no_more:
            self.transport.close()
        return not self._reads_no_more and self._room.may_stay(self.transport)

    def on_response_complete(self) -> None:
        self._at_once.end()
        if self._unanswered:
            self._forget_body()
        self._room.stays_no_more(self.transport)
        if not self.pipeline:
            self._idle_since = self.loop.time()
            self._room.became_idle(self)
        elif self._reading_since is not None:
            self._reading_since = self.loop.time()  # meanwhile we have not read
        super().on_response_complete()

    def _forget_body(self) -> None:
        """Of the first request, which is over. What nobody has read of it does not stay for as long as its sender."""
        request, body = self._unanswered.popleft()
        request.body = bytearray()
        body.end()

    def _answer(self, answer: OwnAnswer) -> None:
        tell(self.transport, self.server_state.default_headers, answer)

    def pause_writing(self) -> None:
        self._at_once.end()
        self._stalled_since = self.loop.time()
        super().pause_writing()
        self._unsent.stalls(self.transport)

    def resume_writing(self) -> None:
        self._unsent.goes_on(self.transport)
        self._stalled_since = None
        super().resume_writing()


def tell(transport: asyncio.Transport, headers: Iterable[tuple[bytes, bytes]], answer: OwnAnswer) -> None:
    """Answer a request that the application never sees, and close."""
    head = [
        STATUS_LINE[answer.status],
        *(b"%b: %b\r\n" % header for header in (*headers, *answer.headers)),
        b"content-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        % (answer.content_type, len(answer.body)),
    ]
    transport.write(b"".join((*head, answer.body)))
    transport.close()


def _may_write(request: RequestResponseCycle) -> bool:
    """Whether a part of the answer, whose length is not known in advance, is written as soon as uvicorn is told it."""
    if not request.response_started or request.response_complete or not request.chunked_encoding:
        return False
    return not request.disconnected and not request.flow.write_paused


@lru_cache(CHUNKS_KEPT)
def _chunk(body: bytes) -> bytes:
    """The part of an answer as a chunk."""
    return b"%x\r\n%b\r\n" % (len(body), body)


def _is_over(since: float | None, seconds_max: float, now: float) -> bool:
    return since is not None and now - since > seconds_max
