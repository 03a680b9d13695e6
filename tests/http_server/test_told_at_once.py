"""What thousands are told at once arrives whole and in order, whatever else is sent, and goes past the event loop."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import connect

from tests.http_server.serving import LIMITS
from travio_inventory.http_server.server import HttpServer

PATIENCE_S = 60.0
STREAM = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
PADDING = "." * 2_000
MANY = 3_000
"""Messages with PADDING: more than buffers have."""

WriteNow = Callable[[Any], bool]
Telling = Callable[[WriteNow, Send], Awaitable[None]]


@asynccontextmanager
async def telling(tell: Telling) -> AsyncIterator[int]:
    """The port of a server that tells that, on a stream or a socket, each within the time limit."""
    failed: list[BaseException] = []

    async def application(scope: Scope, _receive: Receive, send: Send) -> None:
        assert scope["state"].get("may_stay", lambda: True)()
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            await tell(scope["state"]["write_now"], send)
        except BaseException as error:
            failed.append(error)
            raise

    server = HttpServer(application, limits=LIMITS)
    await server.start("127.0.0.1", 0)
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield server.port or 0
    finally:
        server.close()
    assert failed == []


async def the_stream(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection whose answer has begun."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4_096)
    writer.write(STREAM)
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def chunk(reader: asyncio.StreamReader) -> bytes:
    """The next part of the answer."""
    size = int(await reader.readuntil(b"\r\n"), 16)
    return (await reader.readexactly(size + 2))[:-2]


def part(body: bytes, *, more: bool = True) -> dict[str, object]:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def tell_many(write_now: WriteNow, said: Callable[[str], object]) -> int:
    """Tell MANY, each as soon as the peer lets it; returns how often it did not."""
    refused = number = 0
    while number < MANY:
        if write_now(said(f"{number} {PADDING}")):
            number += 1
        else:
            refused += 1
            await asyncio.sleep(0.001)
    return refused


async def test_what_is_told_at_once_and_what_is_sent_arrive_in_order() -> None:
    async def tell(write_now: WriteNow, send: Send) -> None:
        for number in range(0, 100, 2):
            assert write_now(b"%d" % number)
            await send(part(b"%d" % (number + 1)))
        await send(part(b"", more=False))

    async with telling(tell) as port:
        reader, writer = await the_stream(port)
        assert [await chunk(reader) for _ in range(101)] == [*(b"%d" % number for number in range(100)), b""]
        writer.close()


async def test_a_reader_who_is_slow_gets_all_that_it_was_told() -> None:
    refused = asyncio.get_running_loop().create_future()

    async def tell(write_now: WriteNow, send: Send) -> None:
        refused.set_result(await tell_many(write_now, str.encode))
        await send(part(b"", more=False))

    async with telling(tell) as port:
        reader, writer = await the_stream(port)
        await asyncio.sleep(0.1)  # meanwhile all buffers are full
        told = [(await chunk(reader)).partition(b" ") for _ in range(MANY)]
        assert [int(number) for number, *_ in told] == list(range(MANY))
        assert all(padding == PADDING.encode() for *_, padding in told)
        assert await refused > 0
        writer.close()


async def test_a_socket_that_is_slow_gets_all_that_it_was_told_and_nothing_after_the_end() -> None:
    refused = asyncio.get_running_loop().create_future()

    async def tell(write_now: WriteNow, send: Send) -> None:
        assert write_now(["first"])
        refused.set_result(await tell_many(write_now, lambda text: [text]))
        await send({"type": "websocket.send", "text": "last"})
        assert write_now(["really", "last"])
        await send({"type": "websocket.close"})
        assert not write_now(["too late"])

    async with telling(tell) as port, connect(f"ws://127.0.0.1:{port}/", max_queue=1) as socket:
        await asyncio.sleep(0.1)
        first, *numbered = [str(await socket.recv()) for _ in range(MANY + 1)]
        assert first == "first"
        assert [int(text.partition(" ")[0]) for text in numbered] == list(range(MANY))
        assert [text async for text in socket] == ["last", "really", "last"]
        assert await refused > 0


async def test_nothing_is_told_in_the_middle_of_a_long_message() -> None:
    async def tell(write_now: WriteNow, send: Send) -> None:
        assert write_now(["first"])
        assert write_now(["second"])
        sending = asyncio.ensure_future(send({"type": "websocket.send", "text": PADDING * MANY}))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not write_now(["between"])
        await sending
        assert write_now(["last"])

    async with telling(tell) as port, connect(f"ws://127.0.0.1:{port}/", max_size=None) as socket:
        assert [str(await socket.recv()) for _ in range(4)] == ["first", "second", PADDING * MANY, "last"]


async def test_nothing_is_told_on_a_stream_that_is_over_though_another_one_follows_it() -> None:
    writers: list[WriteNow] = []

    async def tell(write_now: WriteNow, send: Send) -> None:
        writers.append(write_now)
        assert write_now(b"begins")
        assert write_now(b"goes on")
        assert [each(b"?") for each in writers[:-1]] == [False] * (len(writers) - 1)
        await send(part(b"", more=False))
        assert not write_now(b"too late")

    async with telling(tell) as port:
        reader, writer = await the_stream(port)
        for _ in range(3):
            assert [await chunk(reader) for _ in range(3)] == [b"begins", b"goes on", b""]
            if len(writers) < 3:
                writer.write(STREAM)
                await reader.readuntil(b"\r\n\r\n")
        writer.close()


@pytest.mark.parametrize("opening", ["stream", "socket"])
async def test_of_one_who_is_gone_it_is_known(opening: str) -> None:
    has_come, is_known = asyncio.Event(), asyncio.Event()

    async def tell(write_now: WriteNow, _send: Send) -> None:
        said: object = b"." if opening == "stream" else ["."]
        assert write_now(said)
        has_come.set()
        while write_now(said):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.001)
        is_known.set()

    async with telling(tell) as port:
        if opening == "stream":
            _, writer = await the_stream(port)
            await has_come.wait()
            writer.transport.abort()
        else:
            socket = await connect(f"ws://127.0.0.1:{port}/")
            await has_come.wait()
            socket.transport.abort()
        await is_known.wait()


async def test_one_more_is_told_by_one_function() -> None:
    """Of ten thousand objects none is in the processor's cache, so each that is looked at costs."""
    called: list[str] = []

    def note(frame: FrameType, event: str, _of: object) -> None:
        if event == "call":
            called.append(frame.f_code.co_qualname)

    async def tell(write_now: WriteNow, send: Send) -> None:
        assert write_now(b"news")
        sys.setprofile(note)
        is_told = write_now(b"news")
        sys.setprofile(None)
        assert is_told
        await send(part(b"", more=False))

    async with telling(tell) as port:
        reader, writer = await the_stream(port)
        while await chunk(reader):
            pass
        writer.close()
    assert called == ["DirectLine.__call__"]
