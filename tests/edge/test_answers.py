"""Answers that come in one write, in parts, too late, or to nobody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from redis.asyncio import Connection
from redis.exceptions import BusyLoadingError, InvalidResponse, NoScriptError

from travio_inventory.edge.answers import Answers
from travio_inventory.edge.pipelined_connection import connect
from travio_inventory.edge.scripts import packed

PATIENT_S = 30.0
PINGS = [packed(["PING"]), packed(["PING"])]


class Asker:
    """An open connection, and a server that says what it is told to, after the library has introduced itself."""

    def __init__(
        self, connection: Connection, heard: asyncio.StreamReader, server: asyncio.StreamWriter, within_s: float
    ) -> None:
        self.got: list[Any] = []
        self.ended: asyncio.Queue[Exception | None] = asyncio.Queue()
        self.heard = heard
        self.server = server
        self.answers = Answers(connection, self.got.append, self.ended.put_nowait, within_s=within_s)

    async def ask(self, waited_s: float = 0.0) -> None:
        self.answers.ask(PINGS, since=asyncio.get_running_loop().time() - waited_s)

    async def end(self) -> Exception | None:
        return await asyncio.wait_for(self.ended.get(), PATIENT_S)


@asynccontextmanager
async def an_asker(within_s: float = PATIENT_S) -> AsyncIterator[Asker]:
    callers: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await callers.put((reader, writer))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        connection = Connection(host="127.0.0.1", port=port, driver_info=None, protocol=2)
        await connect(connection)
        heard, server = await callers.get()
        yield Asker(connection, heard, server, within_s)
        server.close()
        await connection.disconnect(nowait=True)


async def test_answers_are_told_in_order_however_they_are_cut() -> None:
    async with an_asker() as asker:
        await asker.ask()
        for part in (b"$3\r\non", b"e\r\n*2\r\n:1\r\n", b"$-1\r\n"):
            asker.server.write(part)
            await asker.server.drain()
            await asyncio.sleep(0.01)
        assert await asker.end() is None
        assert asker.got == [b"one", [1, None]]


async def test_a_refusal_is_an_answer_and_those_behind_it_come_too() -> None:
    async with an_asker() as asker:
        await asker.ask()
        asker.server.write(b"-NOSCRIPT No matching script.\r\n:7\r\n")
        assert await asker.end() is None
        assert isinstance(asker.got[0], NoScriptError)
        assert asker.got[1:] == [7]


@pytest.mark.parametrize(
    ("said", "why"),
    [(b"-LOADING Redis is loading\r\n", BusyLoadingError), (b"what?\r\n", InvalidResponse)],
)
async def test_what_is_no_answer_ends_all(said: bytes, why: type[Exception]) -> None:
    async with an_asker() as asker:
        await asker.ask()
        asker.server.write(said)
        assert isinstance(await asker.end(), why)
        assert asker.got == []


async def test_a_server_that_hangs_up_ends_all_at_once_and_whoever_asks_later() -> None:
    async with an_asker() as asker:
        await asker.ask()
        asker.server.write(b"+one\r\n")
        await asker.server.drain()
        asker.server.close()
        assert isinstance(await asker.end(), ConnectionError)
        assert asker.got == [b"one"]
        await asker.ask()
        assert isinstance(await asker.end(), ConnectionError)


async def test_an_answer_that_is_late_ends_all() -> None:
    async with an_asker(within_s=0.05) as asker:
        await asker.ask()
        asker.server.write(b"+one\r\n")
        assert isinstance(await asker.end(), TimeoutError)
        assert asker.got == [b"one"]


async def test_the_time_counts_from_when_somebody_waits_and_is_named_as_it_was_set() -> None:
    """It is waited once more where this loop was late itself: then asked anew."""
    async with an_asker(within_s=1_000) as asker:
        for _ in range(100):
            await asker.ask(waited_s=1_000 - 0.05)
            with suppress(TimeoutError):
                late = await asyncio.wait_for(asker.ended.get(), 1)
                break
            asker.answers.forget()
        assert (type(late), str(late)) == (TimeoutError, "no answer within 1000 s")


async def test_what_nobody_asked_for_ends_the_connection() -> None:
    async with an_asker() as asker:
        asker.server.write(b"+one\r\n")
        async with asyncio.timeout(PATIENT_S):
            assert await asker.heard.read() == b""
        await asker.ask()
        assert isinstance(await asker.end(), ConnectionError)
        assert asker.got == []
