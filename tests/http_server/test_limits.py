"""Each bound of the HTTP server holds, and falls on whoever reaches it alone."""

import asyncio
from dataclasses import fields, replace

import pytest

from tests.http_server.serving import HUGE, LIMITS, QUICK, SLOW, SOCKET, serving

LONG_BODY = "POST /%s HTTP/1.1\r\nHost: here\r\nContent-Length: 20000\r\n\r\n"
CHUNKED = "POST /body HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
BOUNDS = [field.name for field in fields(LIMITS)]


@pytest.mark.parametrize("bound", BOUNDS)
def test_a_bound_lets_something_through(bound: str) -> None:
    with pytest.raises(ValueError, match=f"{bound} must be positive"):
        replace(LIMITS, **{bound: 0})


async def test_requests_follow_each_other_on_a_connection() -> None:
    async with serving() as site:
        caller = await site.call(QUICK + QUICK)
        assert (await caller.answer()).endswith("done")
        assert (await caller.answer()).endswith("done")
        await caller.say(QUICK)
        assert "date: " in await caller.answer()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GARBAGE\r\n\r\n", 400),
        ("CONNECT here:443 HTTP/1.1\r\nHost: here\r\n\r\n", 400),
        ("GET /quick HTTP/1.1\r\nHost: here\r\nContent-Length: many\r\n\r\n", 400),
        ("GET /\xff HTTP/1.1\r\nHost: here\r\n\r\n", 400),
        (CHUNKED + "-5\r\nhello\r\n0\r\n\r\n", 400),
        (CHUNKED + "0x5\r\nhello\r\n0\r\n\r\n", 400),
        (CHUNKED + "3\r\nhello\r\n0\r\n\r\n", 400),
        (CHUNKED.replace("chunked", "xchunked") + "0\r\n\r\n", 501),
        (f"GET /quick?{'a' * 1_024} HTTP/1.1\r\n", 431),
        (f"GET /quick HTTP/1.1\r\nLong: {'a' * 1_024}\r\n\r\n", 431),
        ("GET /quick HTTP/1.1\r\n" + "One: more\r\n" * 11 + "\r\n", 431),
    ],
)
async def test_a_request_that_cannot_be_understood_is_answered_and_ends_its_connection(head: str, status: int) -> None:
    async with serving() as site:
        caller = await site.call(head)
        assert (await caller.answer()).startswith(f"HTTP/1.1 {status} ")
        assert await caller.ended()
        assert (await (await site.call(QUICK)).answer()).endswith("done")


async def test_one_connection_more_takes_the_place_of_the_longest_idle() -> None:
    """A request that is not whole yet keeps no place: to send half of it costs nothing."""
    async with serving(connections_max=3) as site:
        busy = await site.call(SLOW)
        await site.until_running(1)
        half = await site.call("GET /quick HTTP/1.1\r\n")
        kept = await site.call(QUICK)
        assert await kept.answer()
        assert (await (await site.call(QUICK)).answer()).endswith("done")
        assert await half.ended()
        site.application.let_go.set()
        assert (await busy.answer()).endswith("done")
        await kept.say(QUICK)
        assert (await kept.answer()).endswith("done")


async def test_connections_that_never_said_anything_make_room_first() -> None:
    """A flood of them takes no place from callers that come back."""
    async with serving(connections_max=3) as site:
        kept = await site.call(QUICK)
        assert await kept.answer()
        silent = [await site.call() for _ in range(6)]
        assert await silent[0].ended()
        await kept.say(QUICK)
        assert (await kept.answer()).endswith("done")


async def test_where_all_connections_have_a_request_one_more_is_refused() -> None:
    async with serving(connections_max=2) as site:
        busy = [await site.call(SLOW), await site.call(SLOW)]
        await site.until_running(2)
        assert (await (await site.call(QUICK)).answer()).startswith("HTTP/1.1 503 ")
        site.application.let_go.set()
        assert [(await each.answer())[-4:] for each in busy] == ["done", "done"]


async def test_too_many_requests_at_once_on_a_connection_end_it() -> None:
    async with serving(pipelined_max=2) as site:
        caller = await site.call(SLOW * 4 + QUICK)
        await site.until_running(1)
        site.application.let_go.set()
        assert [(await caller.answer())[-4:] for _ in range(3)] == ["done"] * 3
        assert await caller.ended()


@pytest.mark.once
@pytest.mark.parametrize(
    ("changed", "text", "answer"),
    [
        ({"idle_connection_seconds_max": 1}, "", ""),
        ({"request_read_seconds_max": 0.2}, "GET /quick HTTP/1.1\r\n", "HTTP/1.1 408 "),
        ({"request_read_seconds_max": 0.2}, f"{LONG_BODY % 'slow'}{'.' * 10_000}", ""),
        (
            {"request_read_seconds_max": 0.2},
            "POST /slow HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n",
            "HTTP/1.1 408 ",
        ),
        ({"linger_seconds_max": 0.2}, f"{LONG_BODY % 'quick'}{'.' * 10_000}", "HTTP/1.1 200 "),
    ],
)
async def test_a_peer_that_lets_us_wait_is_cut_off(changed: dict[str, float], text: str, answer: str) -> None:
    async with serving(**changed) as site, asyncio.timeout(60):
        caller = await site.call(text)
        assert (await caller.answer()).startswith(answer)
        assert await caller.ended()


@pytest.mark.parametrize("text", [HUGE, SOCKET], ids=["request", "socket"])
async def test_a_peer_that_reads_nothing_is_cut_off(text: str) -> None:
    async with serving(write_stalled_seconds_max=0.2) as site, asyncio.timeout(60):
        await site.call(text, limit=1)
        await site.until_left()
        await site.until_running(0)


async def test_a_stop_waits_for_running_requests_and_takes_no_new_ones() -> None:
    async with serving() as site:
        idle, busy = await site.call(QUICK), await site.call(SLOW)
        assert await idle.answer()
        await site.until_running(1)
        stop = asyncio.ensure_future(site.server.drain())
        assert await idle.ended()
        with pytest.raises(ConnectionRefusedError):
            await site.call(QUICK)
        assert not stop.done()
        site.application.let_go.set()
        assert (await busy.answer()).endswith("done")
        await stop


async def test_a_stop_ends_what_takes_too_long_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(drain_seconds_max=0.1) as site:
        busy = await site.call(SLOW)
        await site.until_running(1)
        await site.server.drain()
        assert (await busy.answer()).startswith("HTTP/1.1 503 ")
        assert (site.application.running, site.server.connections) == (0, 0)
        assert caplog.messages == []
