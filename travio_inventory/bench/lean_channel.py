"""An HTTP/2 client for one thing: very many small gRPC calls at little cost to the caller.

A general client spends on a call about what the service does, and a bench would measure the client. This one sends
each call's headers as a block that it has encoded before, and decodes blocks that it has seen before by looking
them up. It speaks only what our own service speaks: no padding, no push, no compression.
"""

import asyncio
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from socket import socket
from ssl import SSLContext
from struct import Struct
from typing import NamedTuple, cast
from urllib.parse import unquote

from hpack import Decoder, Encoder

from travio_inventory.bench.new_values import NewValues
from travio_inventory.kernel.addresses import Address

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MAX_CONCURRENT_STREAMS = 3
STREAMS_MAX_UNTIL_TOLD = 100
WINDOW_BYTES = 2**31 - 1
FRAME_BYTES_MAX = 2**20
CONNECTION_WINDOW_START = 65_535
WINDOW_RENEWED_BELOW = 2**30
CALL_SECONDS_MAX = 30
ANSWER_SECONDS_MAX = 35.0
"""A service that has not answered by then counts as dead."""

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 0x1, 0x4, 0x1
_INDEXED = frozenset(range(0x80, 0x100))

_frame_head = Struct(">HBBBI")  # length in two parts, type, flags, stream
_setting = Struct(">HI")
_number = Struct(">I")


class Reply(NamedTuple):
    """How a call ended: gRPC status, its words and details, and the message where there is one."""

    status: int
    message: str
    details: bytes
    body: bytes


class ConnectionLost(ConnectionError):
    """The connection ended with calls unanswered."""


class LeanChannel(asyncio.Protocol):
    """One connection. `call` may be used by any number of tasks."""

    def __init__(
        self, authority: str, answer_seconds_max: float, token: str = "", *, with_new_values: bool = False
    ) -> None:
        self._authority = authority
        self._token = token
        self._answer_seconds_max = answer_seconds_max
        self._watch: asyncio.TimerHandle | None = None
        self._encoder = Encoder()
        self._new_values = NewValues() if with_new_values else None
        self._decoder = Decoder()
        self._groups: dict[str, bytes] = {}
        self._seen: dict[bytes, Mapping[str, str]] = {}
        self._calls: dict[int, _Call] = {}
        self._streams_max = STREAMS_MAX_UNTIL_TOLD
        self._waiting: deque[tuple[str, bytes, asyncio.Future[Reply]]] = deque()
        self._next_stream = 1
        self._buffer = bytearray()
        self._outbox: list[bytes] = []
        self._window = CONNECTION_WINDOW_START
        self._send_window = CONNECTION_WINDOW_START
        self._held_back: deque[tuple[int, bytes]] = deque()
        self._lost: Exception | None = None
        self.transport: asyncio.Transport | None = None

    @classmethod
    async def connect(
        cls,
        host: str,
        port: int,
        *,
        tls: SSLContext | None = None,
        answer_seconds_max: float = ANSWER_SECONDS_MAX,
        token: str = "",
        with_new_values: bool = False,
        sock: socket | None = None,
    ) -> "LeanChannel":
        """An open connection, which is lost when a call stays unanswered for so long; each call shows the token, if
        there is one; with new values also a header whose value no call had before. `sock` is connected already, where
        it is given. Raises OSError.
        """
        loop = asyncio.get_running_loop()
        made = partial(cls, str(Address(host, port)), answer_seconds_max, token, with_new_values=with_new_values)
        if sock is not None:
            _, channel = await loop.create_connection(made, sock=sock)
        else:
            _, channel = await loop.create_connection(made, host, port, ssl=tls)
        return channel

    def close(self) -> None:
        """End the connection; unanswered calls raise ConnectionLost."""
        if self.transport is not None:
            self.transport.abort()  # at once: TLS would take its time to close

    def call(self, path: str, message: bytes) -> asyncio.Future[Reply]:
        """Send one request; the future is its reply. Raises ConnectionLost where the connection is gone."""
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        if self._lost is not None:
            answer.set_exception(self._lost)
            return answer
        if len(self._calls) < self._streams_max:
            self._start(path, message, answer)
        else:
            self._waiting.append((path, message, answer))
        return answer

    def stream(self, path: str, message: bytes, hear: Callable[[bytes], None]) -> asyncio.Future[Reply]:
        """Send one request whose answer has no end: `hear` gets its data as they come; the future is how it ended."""
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        if self._lost is not None:
            answer.set_exception(self._lost)
        else:
            self._start(path, message, answer, hear)
        return answer

    def _start(
        self, path: str, message: bytes, answer: asyncio.Future[Reply], hear: Callable[[bytes], None] | None = None
    ) -> None:
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        self._calls[stream] = _Call(answer, asyncio.get_running_loop().time(), hear)
        self._send(HEADERS, END_HEADERS, stream, self._header_block(path, has_deadline=hear is None))
        self._send_data(stream, b"\0" + _number.pack(len(message)) + message)

    # ---- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        settings = ((2, 0), (4, WINDOW_BYTES), (5, FRAME_BYTES_MAX))
        self._outbox.append(PREFACE)
        self._send(SETTINGS, 0, 0, b"".join(_setting.pack(*setting) for setting in settings))
        self._widen()
        self._look_for_overdue()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        buffer, at, size = self._buffer, 0, len(self._buffer)
        while size - at >= 9:
            high, low, kind, flags, stream = _frame_head.unpack_from(buffer, at)
            end = at + 9 + (high << 8 | low)
            if end > size:
                break
            self._receive(kind, flags, stream, bytes(buffer[at + 9 : end]))
            at = end
        del buffer[:at]

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._lose(ConnectionLost(str(exc or "the service closed the connection")))

    def _look_for_overdue(self) -> None:
        """One check of the oldest call at intervals, instead of a timer for each."""
        loop = asyncio.get_running_loop()
        oldest = next(iter(self._calls.values()), None)
        if oldest is not None and oldest.hear is None and loop.time() - oldest.sent_at > self._answer_seconds_max:
            self._lose(ConnectionLost(f"no answer in {self._answer_seconds_max:g} seconds"))
        else:
            self._watch = loop.call_later(self._answer_seconds_max / 4, self._look_for_overdue)

    # ---- sending

    def _send(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if not self._outbox or self._outbox[0] is PREFACE:
            asyncio.get_running_loop().call_soon(self._flush)
        size = len(payload)
        self._outbox.append(_frame_head.pack(size >> 8, size & 0xFF, kind, flags, stream) + payload)

    def _send_data(self, stream: int, payload: bytes) -> None:
        """Requests are smaller than any stream's window; only the connection's is minded."""
        if self._held_back or len(payload) > self._send_window:
            self._held_back.append((stream, payload))
            return
        self._send_window -= len(payload)
        self._send(DATA, END_STREAM, stream, payload)

    def _flush(self) -> None:
        if self._outbox and self.transport is not None and not self.transport.is_closing():
            self.transport.write(b"".join(self._outbox))
        self._outbox.clear()

    def _widen(self) -> None:
        if self._window < WINDOW_RENEWED_BELOW:
            self._send(WINDOW_UPDATE, 0, 0, _number.pack(WINDOW_BYTES - self._window))
            self._window = WINDOW_BYTES

    def _header_block(self, path: str, *, has_deadline: bool) -> bytes:
        """The call's headers. The second encoding of the same headers only points into the peer's table, so it
        stays right until something new enters that table.
        """
        block = self._groups.get(path)
        if block is not None:
            return block
        headers = self._headers_of(path, has_deadline=has_deadline)
        if self._new_values is not None:
            return self._new_values.block(headers)
        block = self._encoder.encode(headers)
        if not _INDEXED.issuperset(block):
            self._groups.clear()
        self._groups[path] = self._encoder.encode(headers)
        return block

    def _headers_of(self, path: str, *, has_deadline: bool) -> list[tuple[str, str]]:
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", self._authority),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
        ]
        if self._token:
            headers.append(("authorization", f"Bearer {self._token}"))
        if has_deadline:
            headers.append(("grpc-timeout", f"{CALL_SECONDS_MAX}S"))
        return headers

    # ---- receiving

    def _receive(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == DATA:
            self._window -= len(payload)
            self._widen()
            if stream in self._calls:
                self._calls[stream].take(payload)
        elif kind == HEADERS and flags & END_HEADERS:
            headers = self._headers(payload)
            if stream in self._calls:
                self._calls[stream].headers.update(headers)
        else:
            self._receive_control(kind, flags, stream, payload)
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            self._end(stream, None)

    def _receive_control(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == SETTINGS and not flags & ACK:
            for name, value in _setting.iter_unpack(payload):
                if name == MAX_CONCURRENT_STREAMS:
                    self._streams_max = value
            self._send(SETTINGS, ACK, 0, b"")
        elif kind == PING and not flags & ACK:
            self._send(PING, ACK, 0, payload)
        elif kind == WINDOW_UPDATE and stream == 0:
            self._open_window(_number.unpack(payload)[0])
        elif kind == RST_STREAM:
            self._end(stream, ConnectionLost(f"the service reset the call ({_number.unpack(payload)[0]})"))
        elif kind == GOAWAY:
            self._lose(ConnectionLost("the service said GOAWAY"))
        elif kind in (HEADERS, CONTINUATION):
            self._lose(ConnectionLost("a header block in several frames, which this client does not read"))

    def _headers(self, block: bytes) -> Mapping[str, str]:
        """A block that only points into our table means the same until something new enters the table."""
        known = self._seen.get(block)
        if known is None:
            known = {str(name): str(value) for name, value in self._decoder.decode(block)}
            if _INDEXED.issuperset(block):
                self._seen[block] = known
            else:
                self._seen.clear()
        return known

    def _open_window(self, size: int) -> None:
        self._send_window += size
        waiting, self._held_back = self._held_back, deque()
        for stream, payload in waiting:
            self._send_data(stream, payload)

    def _end(self, stream: int, failed: Exception | None) -> None:
        call = self._calls.pop(stream, None)
        if call is not None and not call.answer.done():
            if failed is not None:
                call.answer.set_exception(failed)
            else:
                call.answer.set_result(call.reply())
        if self._waiting and self._lost is None:
            self._start(*self._waiting.popleft())

    def _lose(self, error: Exception) -> None:
        self._lost = self._lost or error
        while self._waiting:
            _, _, answer = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(self._lost)
        for stream in list(self._calls):
            self._end(stream, self._lost)
        self.close()


class _Call:
    """A call on its way."""

    __slots__ = ("_parts", "answer", "headers", "hear", "sent_at", "take")

    def __init__(
        self, answer: asyncio.Future[Reply], sent_at: float, hear: Callable[[bytes], None] | None = None
    ) -> None:
        self.answer = answer
        self.sent_at = sent_at
        self.hear = hear
        self.headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self.take = hear or self._parts.append

    def reply(self) -> Reply:
        said = self.headers
        details = said.get("grpc-status-details-bin", "")
        return Reply(
            status=int(said.get("grpc-status", "2")),
            message=unquote(said.get("grpc-message", "")),
            details=b64decode(details + "=" * (-len(details) % 4)) if details else b"",
            body=b"".join(self._parts)[5:],
        )


class ChannelPool:
    """Several connections to one service, used in turn."""

    def __init__(self, channels: list[LeanChannel]) -> None:
        self._channels = channels
        self._calls = 0

    @classmethod
    async def connect(
        cls, host: str, port: int, count: int, *, tls: SSLContext | None = None, with_new_values: bool = False
    ) -> "ChannelPool":
        """So many open connections; see LeanChannel. Raises OSError."""
        return cls(
            [await LeanChannel.connect(host, port, tls=tls, with_new_values=with_new_values) for _ in range(count)]
        )

    def call(self, path: str, message: bytes) -> asyncio.Future[Reply]:
        """Send one request over the next connection."""
        self._calls += 1
        return self._channels[self._calls % len(self._channels)].call(path, message)

    def close(self) -> None:
        """End all connections."""
        for channel in self._channels:
            channel.close()


Send = Callable[[str, bytes], "asyncio.Future[Reply]"]
