"""A server with an application of three paths, and connections to it on which anything can be written."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, cast

from starlette.types import Receive, Scope, Send
from websockets.frames import Frame, Opcode

from travio_inventory.http_server.limits import HttpLimits
from travio_inventory.http_server.server import HttpServer

LIMITS = HttpLimits(
    connections_max=8,
    staying_max=4,
    header_bytes_max=1_024,
    headers_max=10,
    read_bytes_max=65_536,
    body_bytes_max=1_048_576,
    body_wait_seconds_max=30.0,
    pipelined_max=4,
    idle_connection_seconds_max=30,
    request_read_seconds_max=30.0,
    write_stalled_seconds_max=30.0,
    unsent_bytes_max=16 * 1_048_576,
    socket_message_bytes_max=1_024,
    socket_frames_at_once_max=20,
    socket_frames_per_second=0.1,
    socket_ping_seconds=30.0,
    drain_seconds_max=5.0,
    linger_seconds_max=0.5,
)
QUICK = "GET /quick HTTP/1.1\r\nHost: here\r\n\r\n"
SLOW = "GET /slow HTTP/1.1\r\nHost: here\r\n\r\n"
HUGE = "GET /huge HTTP/1.1\r\nHost: here\r\n\r\n"
HUGE_BYTES = 32 * 1024 * 1024
HUGE_BODY, HUGE_TEXT = b"." * HUGE_BYTES, "." * HUGE_BYTES
HUGE_MESSAGE_BYTES = 64 * 1024
SOCKET = (
    "GET /socket HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


NEWS = b"." * 1_000
LISTENED, TOLD = SOCKET.replace("/socket", "/listen"), SOCKET.replace("/socket", "/told")
TEXTS = ("short", "", "\u00fc" * 100, "." * 20_000, "short")
LONG = "".join(map(str, range(40_000)))
"""Longer than what is written at once."""


class Application:
    """Answers /quick at once, /body with its size, /slow when it is let go, /endless then too if it may stay until
    then, and /huge with more than buffers can have. On a socket at /listen it hears what is said; at /told it says
    TEXTS at once and then LONG; at /changed more than buffers can have in one message, for whose end it does not wait;
    on others in many. At /news it tells as much as the peer takes.
    """

    def __init__(self) -> None:
        self.running = self.began = 0
        self.let_go = asyncio.Event()
        self.heard: list[object] = []
        self.told_bytes = 0
        self.names: list[str] = []
        """Of the headers of the last request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b"done"
        self.names = [name.decode() for name, _ in scope["headers"]]
        if scope["path"] == "/news":
            await self._tell(scope, send)
            return
        self.running += 1
        self.began += 1
        try:
            if scope["type"] == "websocket":
                await self._converse(scope, receive, send)
                return
            if scope["path"] == "/endless" and not scope["state"]["may_stay"]():
                body = b"no room"
            elif scope["path"] in ("/slow", "/endless"):
                await self.let_go.wait()
            elif scope["path"] == "/body":
                body = await _told_of(receive)
            elif scope["path"] == "/huge":
                body = HUGE_BODY
            length = str(len(body)).encode()
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
            await send({"type": "http.response.body", "body": body})
        finally:
            self.running -= 1

    async def _converse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/listen":
            await self._listen(receive, send)
        elif scope["path"] == "/told":
            await send({"type": "websocket.accept"})
            assert scope["state"]["write_now"](TEXTS)
            assert not scope["state"]["write_now"]([LONG])
            await send({"type": "websocket.send", "text": LONG})
            await self.let_go.wait()
        elif scope["path"] == "/changed":
            await send({"type": "websocket.accept"})
            with suppress(TimeoutError):
                await asyncio.wait_for(send({"type": "websocket.send", "text": HUGE_TEXT}), 0.1)
            assert not scope["state"]["write_now"](TEXTS)
            self.let_go.set()
            await send({"type": "websocket.send", "text": "next"})
            await receive()
        else:
            await self._talk(send)

    async def _tell(self, scope: Scope, send: Send) -> None:
        """Stay, and tell as much as the peer takes."""
        assert scope["state"]["may_stay"]()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while scope["state"]["write_now"](NEWS):
            self.told_bytes += len(NEWS)
            await asyncio.sleep(0)
        self.let_go.set()

    async def _listen(self, receive: Receive, send: Send) -> None:
        """Hear all until the socket is closed."""
        await send({"type": "websocket.accept"})
        await receive()
        while (message := await receive())["type"] == "websocket.receive":
            self.heard.append(message.get("text", message.get("bytes")))

    async def _talk(self, send: Send) -> None:
        """Say more than buffers can have."""
        await send({"type": "websocket.accept"})
        for _ in range(HUGE_BYTES // HUGE_MESSAGE_BYTES):
            await send({"type": "websocket.send", "bytes": b"." * HUGE_MESSAGE_BYTES})


async def _told_of(receive: Receive) -> bytes:
    """What the application makes of a body."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"no room" if "no_room" in message else b"nobody"
        size += len(message["body"])
        more = message["more_body"]
    return f"{size} bytes".encode()


class Caller:
    """One connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def say(self, text: str) -> None:
        self._writer.write(text.encode("latin1"))
        await self._writer.drain()

    def push(self, text: str) -> None:
        """Say it, as soon as it is heard."""
        self._writer.write(text.encode("latin1"))

    def abort(self) -> None:
        self._writer.transport.abort()

    async def talk(self, opening: str = LISTENED) -> None:
        """Begin a conversation on a socket."""
        await self.say(opening)
        assert (await self._reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")

    async def send(self, *frames: Frame) -> None:
        """On a socket, as a client must."""
        with suppress(ConnectionError):
            await self.say(b"".join(frame.serialize(mask=True) for frame in frames).decode("latin1"))

    async def text(self) -> str:
        """The next text on a socket, which comes in one part."""
        head, text = await self.part()
        assert head == 0x80 | Opcode.TEXT
        return text

    async def part(self) -> tuple[int, str]:
        """The next frame on a socket: its first byte, and what it says."""
        head, size = await self._reader.readexactly(2)
        if more := {126: 2, 127: 8}.get(size):
            size = int.from_bytes(await self._reader.readexactly(more), "big")
        return head, (await self._reader.readexactly(size)).decode()

    async def close_code(self) -> int:
        """Why the server closes the socket, whatever it says before."""
        while True:
            head, size = await self._reader.readexactly(2)
            data = await self._reader.readexactly(size)
            if head == 0x80 | Opcode.CLOSE:
                return int.from_bytes(data[:2], "big") or 1005

    async def head(self) -> str:
        """The next answer that has no body."""
        return (await self._reader.readuntil(b"\r\n\r\n")).decode("latin1")

    async def answer(self) -> str:
        """The next answer, whole; "" where the connection has ended."""
        try:
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin1")
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return ""
        length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
        return head + (await self._reader.readexactly(length)).decode()

    async def whole(self) -> int:
        """Read the next answer; the size of its body. Raises IncompleteReadError or ConnectionResetError."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return len(await self._reader.readexactly(length))

    async def ended(self) -> bool:
        """Wait for the end of the connection; whether nothing came before it."""
        try:
            return await self._reader.read(1) == b""
        except ConnectionResetError:
            return True

    def says_no_more(self) -> None:
        """Close the side on which it writes."""
        self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()


class Site:
    """The server and its application."""

    def __init__(self, server: HttpServer, application: Application) -> None:
        self.server = server
        self.application = application
        self._callers: list[Caller] = []

    async def call(self, text: str = "", *, limit: int = 65_536) -> Caller:
        """A new connection on which that is written."""
        caller = Caller(*await asyncio.open_connection("127.0.0.1", self.server.port, limit=limit))
        self._callers.append(caller)
        await caller.say(text)
        return caller

    async def until_left(self) -> None:
        """Wait until somebody has come and all have gone."""
        while self.server.connections == 0:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        while self.server.connections:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)

    async def until_waiting(self, count: int) -> None:
        """Wait until so many bodies wait for room."""
        while self.server.waiting_bodies != count:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)

    async def until_kept(self, size: int) -> None:
        """Wait until so much is kept of bodies."""
        while self.server.body_bytes != size:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)

    async def until_stalled(self, count: int) -> None:
        """Wait until so many callers leave unread what they are sent."""
        while self.server.stalled != count:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)

    async def until_running(self, count: int) -> None:
        while self.application.running != count:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)

    def close(self) -> None:
        for caller in self._callers:
            caller.close()
        self.server.close()


@asynccontextmanager
async def serving(**changed: float) -> AsyncIterator[Site]:
    """A site with the limits, some of them changed."""
    application = Application()
    site = Site(HttpServer(application, limits=replace(LIMITS, **cast(dict[str, Any], changed))), application)
    await site.server.start("127.0.0.1", 0)
    try:
        yield site
    finally:
        application.let_go.set()
        site.close()
