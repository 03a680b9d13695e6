"""The bench's own HTTP/2 client, against a server of another library, and without a server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal

from tests.bench.lying_inventory import PADDING_SEATS, LyingInventory, served
from tests.typed import Type
from travio_inventory.bench.calls import HELD, OK, Contest, method, read, write
from travio_inventory.bench.lean_channel import ConnectionLost, LeanChannel, Reply
from travio_inventory.cli.connection_options import address_of

CALLS = 200
CONTEST = Contest("bench", "trip", "a", "b", "seat-A1")


@pytest.fixture
def channel(portal: BlockingPortal) -> Callable[..., list[Reply]]:
    """Makes calls to a lying inventory, all at once; their replies."""

    async def make(requests: list[tuple[str, bytes]]) -> list[Reply]:
        async with served(LyingInventory()) as target:
            channel = await LeanChannel.connect(*address_of(target))
            try:
                return await asyncio.gather(*(channel.call(method(name), message) for name, message in requests))
            finally:
                channel.close()

    return lambda *requests: portal.call(make, list(requests))


def test_every_call_gets_its_own_answer(channel: Callable[..., list[Reply]]) -> None:
    users = [f"user-{number}" for number in range(CALLS)]
    replies = channel(*(("HoldSeats", CONTEST.hold(user)) for user in users))
    won = [user for user, reply in zip(users, replies, strict=True) if reply.status == OK]
    assert won == ["user-0"]
    assert read("HoldSeatsResponse", replies[0]).hold_id == "hold-user-0"
    assert {reply.message for reply in replies[1:]} == {"seat query contention - please retry: taken"}
    assert all(b"SEAT_CONTENDED" in reply.details for reply in replies[1:])


def test_header_blocks_stay_right_when_methods_alternate(channel: Callable[..., list[Reply]]) -> None:
    release = ("ReleaseSeats", CONTEST.by_hold("ReleaseSeatsRequest", "hold-u", "u"))
    unknown = ("NoSuchMethod", b"")
    replies = channel(*[("HoldSeats", CONTEST.hold("u")), release, unknown] * 40)
    assert [reply.status for reply in replies] == [0, 0, 12] * 40


@pytest.mark.once
def test_an_answer_of_many_frames_arrives_whole(channel: Callable[..., list[Reply]]) -> None:
    requests = [("HoldSeats", CONTEST.hold("u"))] + [("GetSeatMap", CONTEST.map())] * 20
    _, *maps = channel(*requests)
    for reply in maps:
        (row,) = read("GetSeatMapResponse", reply).rows
        assert len(row.seats) == PADDING_SEATS + 1
        assert CONTEST.status_in(reply) == HELD


def test_a_request_larger_than_the_window_waits_for_it(channel: Callable[..., list[Reply]]) -> None:
    large = write("HoldSeatsRequest", user_id="u" * 16_000)
    replies = channel(*[("HoldSeats", large)] * 30)
    assert [reply.status for reply in replies] == [0] + [10] * 29


@asynccontextmanager
async def _port(answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> AsyncIterator[int]:
    """A TCP server that treats each caller as the test says."""
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


def test_a_service_that_never_answers_is_given_up(portal: BlockingPortal) -> None:
    async def call() -> None:
        over = asyncio.Event()

        async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await over.wait()
            writer.close()

        async with _port(say_nothing) as port:
            channel = await LeanChannel.connect("127.0.0.1", port, answer_seconds_max=0.2)
            with pytest.raises(ConnectionLost, match=r"no answer in 0\.2 seconds"):
                await channel.call(method("GetHold"), b"")
            with pytest.raises(ConnectionLost):
                await channel.call(method("GetHold"), b"")
            over.set()

    portal.call(call)


def test_a_bench_whose_service_hangs_up_says_so(portal: BlockingPortal, typed: Type) -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        writer.close()

    with portal.wrap_async_context_manager(_port(hang_up)) as port:
        answer = typed("bench", "hot-seat", "--target", f"127.0.0.1:{port}", "--rounds", "1")
    assert answer.status in (3, 4)
    assert len(answer.err.splitlines()) == 1
