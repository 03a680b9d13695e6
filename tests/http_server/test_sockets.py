"""A peer on a WebSocket that sends what it may not is told why and cut off; sockets leave room for requests."""

import asyncio

import pytest
from websockets.frames import Frame, Opcode

from tests.http_server.serving import LIMITS, LISTENED, QUICK, SLOW, TEXTS, TOLD, Caller, Site, serving

BIG = LIMITS.socket_message_bytes_max
ENDLESS = SLOW.replace("/slow", "/endless")
TEXT, MORE, PART, END = (
    Frame(Opcode.TEXT, b"hello"),
    Frame(Opcode.TEXT, b"hel", fin=False),
    Frame(Opcode.CONT, b"l", fin=False),
    Frame(Opcode.CONT, b"o"),
)


async def talking(site: Site) -> Caller:
    caller = await site.call()
    await caller.talk()
    return caller


async def test_messages_are_heard_whole_and_in_parts() -> None:
    async with serving() as site, asyncio.timeout(60):
        caller = await talking(site)
        await caller.send(TEXT, MORE, PART, END, Frame(Opcode.BINARY, b"\xff"), Frame(Opcode.CLOSE, b""))
        assert await caller.close_code() == 1005
        await site.until_running(0)
        assert site.application.heard == ["hello", "hello", b"\xff"]


async def test_all_who_are_told_the_same_are_told_each_text_whole_and_in_order() -> None:
    async with serving() as site, asyncio.timeout(60):
        for _ in range(3):
            caller = await site.call()
            await caller.talk(TOLD)
            assert tuple([await caller.text() for _ in TEXTS]) == TEXTS
        site.application.let_go.set()


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([Frame(Opcode.TEXT, b"\xff")], 1007),
        ([MORE, Frame(Opcode.CONT, b"\xff")], 1007),
        ([Frame(Opcode.TEXT, b"." * (BIG + 1))], 1009),
        ([Frame(Opcode.TEXT, b"." * BIG, fin=False), PART], 1009),
        ([MORE, *[Frame(Opcode.CONT, b"", fin=False)] * BIG], 1009),
        ([MORE, TEXT], 1002),
        ([END], 1002),
    ],
    ids=["no UTF-8", "no UTF-8 in parts", "huge", "huge in parts", "endless", "mixed", "no begin"],
)
async def test_a_peer_that_breaks_the_rules_is_told_which(
    frames: list[Frame], code: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(socket_frames_at_once_max=2 * BIG) as site, asyncio.timeout(60):
        caller = await talking(site)
        await caller.send(*frames)
        assert await caller.close_code() == code
        assert await caller.ended()
        await site.until_running(0)
        assert (site.application.heard, caplog.messages) == ([], [])


@pytest.mark.parametrize(
    "frames",
    [[Frame(Opcode.PING, b"")], [Frame(Opcode.PONG, b"")], [TEXT], [MORE, END]],
    ids=["pings", "pongs", "messages", "parts"],
)
async def test_a_peer_that_sends_too_many_frames_is_cut_off_at_once(frames: list[Frame]) -> None:
    """What arrived with them is not parsed to its end."""
    at_once = LIMITS.socket_frames_at_once_max
    async with serving() as site, asyncio.timeout(60):
        caller = await talking(site)
        await caller.send(*frames * 500)
        assert await caller.close_code() == 1008
        assert await caller.ended()
        assert len(site.application.heard) <= at_once


async def test_a_peer_that_answers_no_ping_is_cut_off() -> None:
    async with serving(socket_ping_seconds=0.1) as site, asyncio.timeout(60):
        caller = await talking(site)
        assert await caller.close_code() == 1011
        assert await caller.ended()


@pytest.mark.parametrize(
    "header",
    [f"X-Long: {'a' * 9_000}", "Content-Length: 5", "Transfer-Encoding: chunked", "Sec-WebSocket-Version: 99"],
    ids=["a long header", "a body", "a chunked body", "versions"],
)
async def test_a_handshake_that_cannot_be_understood_is_refused(header: str) -> None:
    """Who opened such connections would keep them for ever: they are no requests any more, and not yet sockets."""
    async with serving(header_bytes_max=16_384) as site, asyncio.timeout(60):
        caller = await site.call(LISTENED.replace("Host: here", f"Host: here\r\n{header}"))
        assert (await caller.answer()).startswith(("HTTP/1.1 400 ", "HTTP/1.1 426 "))
        assert await caller.ended()
        await site.until_running(0)


async def test_sockets_and_answers_without_an_end_leave_room_for_requests() -> None:
    async with serving(staying_max=2) as site, asyncio.timeout(60):
        socket = await talking(site)
        endless = await site.call(ENDLESS)
        await site.until_running(2)
        assert (await (await site.call(ENDLESS)).answer()).endswith("no room")
        assert (await (await site.call(LISTENED)).answer()).startswith("HTTP/1.1 503 ")
        assert (await (await site.call(QUICK)).answer()).endswith("done")
        await socket.send(Frame(Opcode.CLOSE, b""))
        await site.until_running(1)
        await talking(site)
        site.application.let_go.set()
        assert (await endless.answer()).endswith("done")
        await endless.say(QUICK)
        assert (await endless.answer()).endswith("done")
        await talking(site)
