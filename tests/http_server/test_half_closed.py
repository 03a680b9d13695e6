"""Whoever closes its own side of a connection is answered what it asked for whole, as `nc -N` and CloseWrite expect."""

import asyncio

import pytest

from tests.http_server.serving import QUICK, SLOW, Caller, serving

WHOLE = "POST /body HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\nhello"
HALF = WHOLE[:-2]
INCOMPLETE = "400the request ended before it was whole"
BEGUN = "POST /body HTTP/1.1\r\nHost: here\r\nContent-Length: 20000\r\n\r\n" + "." * 10_000


async def _all_of(caller: Caller) -> list[str]:
    """The first lines of all answers, and that the connection has ended."""
    lines = []
    while said := await caller.answer():
        lines.append(said.partition(" ")[2][:3] + said.rpartition("\n")[2])
    return lines


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        (WHOLE, ["2005 bytes"]),
        (QUICK + WHOLE + QUICK, ["200done", "2005 bytes", "200done"]),
        (WHOLE + HALF, ["2005 bytes"]),
        (WHOLE + QUICK[:-2], ["2005 bytes"]),
        (HALF, [INCOMPLETE]),
        (QUICK[:-2], [INCOMPLETE]),
        (BEGUN, []),
        ("", []),
    ],
    ids=["one", "some", "then half a body", "then half a head", "half a body", "half a head", "begun", "none"],
)
async def test_what_was_asked_for_whole_is_answered(said: str, answers: list[str]) -> None:
    async with serving() as site, asyncio.timeout(60):
        caller = await site.call(said)
        caller.says_no_more()
        told = await _all_of(caller)
        assert told == answers or (said.startswith(WHOLE) and told == [*answers, INCOMPLETE])
        while site.server.connections or site.server.body_bytes or site.application.running:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_answers_that_take_their_time_are_waited_for() -> None:
    async with serving(request_read_seconds_max=0.2) as site, asyncio.timeout(60):
        caller = await site.call(SLOW + WHOLE + HALF)
        await site.until_running(1)
        await asyncio.sleep(1.1)  # it is inspected each half second
        caller.says_no_more()
        site.application.let_go.set()
        assert (await _all_of(caller))[:2] == ["200done", "2005 bytes"]


async def test_whoever_reads_an_answer_without_an_end_leaves_so() -> None:
    async with serving() as site, asyncio.timeout(60):
        stays = await site.call(SLOW.replace("slow", "endless"))
        await site.until_running(1)
        stays.says_no_more()
        await site.until_left()
        caller = await site.call(SLOW.replace("slow", "endless"))
        caller.says_no_more()
        assert await _all_of(caller) == []
