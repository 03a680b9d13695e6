"""A caller who does not read costs a piece of its answer, and all of them together no more than is allowed."""

import asyncio
import socket
import tracemalloc

import pytest
from websockets.frames import Opcode

from tests.http_server.serving import HUGE, HUGE_BYTES, HUGE_TEXT, LONG, QUICK, SOCKET, TEXTS, TOLD, Caller, serving
from travio_inventory.http_server.unsent import PIECE_BYTES, Unsent, by_the_piece


async def test_a_large_answer_arrives_whole_and_the_next_after_it() -> None:
    async with serving() as site, asyncio.timeout(60):
        caller = await site.call(HUGE + QUICK)
        assert (await caller.answer()).partition("\r\n\r\n")[2] == "." * HUGE_BYTES
        assert (await caller.answer()).endswith("done")


@pytest.mark.parametrize("more", [False, True])
async def test_an_answer_is_handed_over_by_the_piece(more: bool) -> None:
    """Its last piece ends it, if it is the last part of an answer."""
    sent: list[tuple[bytes, bool]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append((bytes(message["body"]), bool(message["more_body"])))  # type: ignore[call-overload]

    body = bytes(range(256)) * 300
    await by_the_piece(send, Unsent(1))({"type": "http.response.body", "body": body, "more_body": more})
    assert b"".join(piece for piece, _ in sent) == body
    assert [len(piece) for piece, _ in sent] == [PIECE_BYTES, PIECE_BYTES, len(body) - 2 * PIECE_BYTES]
    assert [more_body for _, more_body in sent] == [True, True, more]


async def test_many_who_do_not_read_keep_one_answer_between_them() -> None:
    """Each has asked for 32 MiB."""
    async with serving(connections_max=40) as site, asyncio.timeout(60):
        tracemalloc.start()
        try:
            for _ in range(20):
                await site.call(HUGE, limit=1)
            await site.until_stalled(20)
            kept_bytes, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert kept_bytes < HUGE_BYTES / 2


async def test_where_too_much_is_unread_who_has_read_nothing_for_longest_is_cut_off() -> None:
    async with serving(unsent_bytes_max=4 * PIECE_BYTES) as site, asyncio.timeout(60):
        first, *_, last = [await site.call(HUGE, limit=1_024) for _ in range(6)]
        while site.server.connections > 3:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await first.whole()
        assert await last.whole() == HUGE_BYTES


async def test_who_stays_and_reads_nothing_has_little_waiting_for_it() -> None:
    """What waits is told when it is old: a megabyte are minutes of a live map."""
    async with serving() as site, asyncio.timeout(60):
        peer = socket.socket()
        with peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
            peer.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(peer, ("127.0.0.1", site.server.port))
            await loop.sock_sendall(peer, b"GET /news HTTP/1.1\r\nHost: here\r\n\r\n")
            await site.application.let_go.wait()
            assert 0 < site.application.told_bytes < 500_000, site.application.told_bytes


async def test_a_long_message_arrives_in_parts() -> None:
    async with serving() as site, asyncio.timeout(60):
        caller = await site.call()
        await caller.talk(TOLD)
        assert tuple([await caller.text() for _ in TEXTS]) == TEXTS
        heads, text = await _message(caller)
        assert text == LONG
        assert heads == [Opcode.TEXT, *[Opcode.CONT] * (len(heads) - 2), 0x80 | Opcode.CONT]


async def test_a_message_whose_sender_waits_no_more_is_whole_before_the_next() -> None:
    """A watcher who unsubscribes while a snapshot is under way hears no half of it."""
    async with serving() as site, asyncio.timeout(60):
        caller = await site.call()
        await caller.talk(SOCKET.replace("/socket", "/changed"))
        await site.application.let_go.wait()
        _, text = await _message(caller)
        assert text == HUGE_TEXT
        assert await caller.text() == "next"


async def _message(caller: Caller) -> tuple[list[int], str]:
    """The first bytes of its frames, and its text."""
    heads, texts = list[int](), list[str]()
    while not heads or not heads[-1] & 0x80:
        head, text = await caller.part()
        heads.append(head)
        texts.append(text)
    return heads, "".join(texts)
