"""What one server on the way might read otherwise than another is refused; what is allowed is read (RFC 9112)."""

import asyncio

import pytest

from tests.http_server.serving import QUICK, SLOW, SOCKET, serving

GET = "GET /quick HTTP/1.1\r\n"
POST = "POST /body HTTP/1.1\r\nHost: here\r\n"
CHUNKED = POST + "Transfer-Encoding: chunked\r\n"
H2C = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"

REFUSED = {
    "no host": (GET, 400),
    "two hosts": (f"{GET}Host: here\r\nHost: there\r\n", 400),
    "a host twice": (f"{GET}Host: here\r\nHost: here\r\n", 400),
    "two hosts in 1.0": ("GET /quick HTTP/1.0\r\nHost: here\r\nHost: there\r\n", 400),
    "a host with a path": (f"{GET}Host: here/there\r\n", 400),
    "a host with a user": (f"{GET}Host: me@here\r\n", 400),
    "a host that is a list": (f"{GET}Host: here, there\r\n", 400),
    "a port that is none": (f"{GET}Host: here:http\r\n", 400),
    "a socket without host": (SOCKET.replace("Host: here\r\n", "")[:-2], 400),
    "a fragment": ("GET /quick#part HTTP/1.1\r\nHost: here\r\n", 400),
    "a length and chunks": (f"{CHUNKED}Content-Length: 5\r\n", 400),
    "two lengths": (f"{POST}Content-Length: 5\r\nContent-Length: 5\r\n", 400),
    "a list of lengths": (f"{POST}Content-Length: 5, 5\r\n", 400),
    "a length with a sign": (f"{POST}Content-Length: +5\r\n", 400),
    "chunks twice": (f"{POST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n", 400),
    "chunks named twice": (f"{CHUNKED}Transfer-Encoding: chunked\r\n", 400),
    "chunks that are not last": (f"{POST}Transfer-Encoding: chunked, gzip\r\n", 400),
    "another coding": (f"{POST}Transfer-Encoding: gzip, chunked\r\n", 501),
    "chunks in 1.0": (CHUNKED.replace("1.1", "1.0"), 400),
    "a space before the colon": (f"{POST}Content-Length : 5\r\n", 400),
    "a folded line": (f"{GET}Host: here\r\nOne: a\r\n b\r\n", 400),
    "a folded first line": (f"{GET} Host: here\r\n", 400),
    "NUL": (f"{GET}Host: here\r\nOne: a\0b\r\n", 400),
    "a bare CR": (f"{GET}Host: here\r\nOne: a\rb\r\n", 400),
    "bare LF": ("GET /quick HTTP/1.1\nHost: here\n", 400),
    "no name": (f"{GET}Host: here\r\n: a\r\n", 400),
    "no colon": (f"{GET}Host: here\r\nOne\r\n", 400),
    "a target without a slash": ("GET quick HTTP/1.1\r\nHost: here\r\n", 400),
    "an authority": ("GET here:80 HTTP/1.1\r\nHost: here\r\n", 400),
    "0.9": ("GET /quick\r\n", 505),
    "2.0": ("GET /quick HTTP/2.0\r\nHost: here\r\n", 505),
    "1.2": ("GET /quick HTTP/1.2\r\nHost: here\r\n", 400),
    "the preface of HTTP/2": ("PRI * HTTP/2.0\r\n\r\nSM\r\n", 400),
}


@pytest.mark.parametrize(("head", "status"), REFUSED.values(), ids=REFUSED)
async def test_a_head_that_can_be_read_in_two_ways_is_refused(head: str, status: int) -> None:
    async with serving() as site, asyncio.timeout(60):
        caller = await site.call(head + "\r\n")
        assert (await caller.answer()).startswith(f"HTTP/1.1 {status} ")
        assert await caller.ended()
        assert site.application.began == 0


@pytest.mark.parametrize(
    "head",
    [
        f"{GET}Host: [::1]:8083\r\n",
        f"{GET}Host: a-b.example:80\r\n",
        f"{GET}Host:\r\n",
        "GET /quick HTTP/1.0\r\n",
        "GET http://there/quick HTTP/1.1\r\nHost: here\r\n",
    ],
)
async def test_a_head_that_is_one_is_read(head: str) -> None:
    async with serving() as site, asyncio.timeout(60):
        assert (await (await site.call(head + "\r\n")).answer()).endswith("done")


@pytest.mark.parametrize(
    "said",
    [
        f"{POST}{H2C}Content-Length: 5\r\n\r\nhello",
        f"{CHUNKED}{H2C}\r\n5\r\nhello\r\n0\r\n\r\n",
        f"{CHUNKED}\r\n5;one=more\r\nhello\r\n0\r\nOne: more\r\n\r\n",
    ],
    ids=["h2c with a length", "h2c in chunks", "trailers"],
)
async def test_a_body_is_read_whole_and_what_follows_it_is_the_next_request(said: str) -> None:
    async with serving() as site, asyncio.timeout(60):
        whole, parts = await site.call(said + QUICK), await site.call()
        for each in said + QUICK:
            await parts.say(each)
            await asyncio.sleep(0)
        for caller in (whole, parts):
            assert (await caller.answer()).endswith("5 bytes")
            assert (await caller.answer()).endswith("done")


async def test_who_asks_for_another_protocol_is_answered_in_this_one() -> None:
    async with serving() as site, asyncio.timeout(60):
        caller = await site.call(f"{GET}Host: here\r\n{H2C}\r\n" * 2 + SOCKET.replace("1.1", "1.0"))
        for _ in range(2):
            assert (await caller.answer()).endswith("done")
        assert (await caller.head()).startswith("HTTP/1.1 200 ")


async def test_fields_after_a_body_are_no_headers() -> None:
    """A proxy that has judged the headers has not seen them."""
    async with serving() as site, asyncio.timeout(60):
        caller = await site.call(f"{CHUNKED}\r\n5\r\nhello\r\n0\r\nX-User-Id: another\r\n\r\n")
        assert (await caller.answer()).endswith("5 bytes")
        assert site.application.names == ["host", "transfer-encoding"]
        many = await site.call(f"{CHUNKED}\r\n0\r\n" + "One: more\r\n" * 100 + "\r\n")
        assert (await many.answer()).startswith("HTTP/1.1 431 ")


async def test_who_speaks_1_0_is_not_told_to_continue() -> None:
    async with serving() as site, asyncio.timeout(60):
        caller = await site.call(POST.replace("1.1", "1.0") + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
        assert (await caller.answer()).endswith("5 bytes")


@pytest.mark.parametrize(
    "wrong", ["\xf0\xff", f"{GET}\r\n", f"{CHUNKED}\r\nno size\r\n"], ids=["noise", "head", "body"]
)
async def test_what_was_asked_for_before_something_wrong_is_answered(wrong: str) -> None:
    async with serving() as site, asyncio.timeout(60):
        caller = await site.call(SLOW + QUICK + wrong + QUICK)
        await site.until_running(1)
        await caller.say(QUICK)
        site.application.let_go.set()
        assert [(await caller.answer())[-4:] for _ in range(2)] == ["done"] * 2
        assert await caller.ended()
        while site.server.connections or site.server.body_bytes:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        assert site.application.began == 2
