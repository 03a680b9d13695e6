"""Floods end their own connection, while others are served; what normal clients send is no flood."""

import asyncio
import struct

import pytest
from h2.errors import ErrorCodes
from hpack import Encoder

from tests.grpc_server.probe import (
    ECHO,
    HEADERS,
    LIMITS,
    SEVEN,
    WAIT,
    Served,
    goes_on,
    is_seven,
    serving,
    streams_known,
    until,
)
from verification.kit.frames import frame, framed, reset
from verification.kit.raw_caller import RawCaller

pytestmark = pytest.mark.usefixtures("engine")


def reset_flood(pairs: int) -> bytes:
    """HEADERS and RST_STREAM, again and again, each on a new stream."""
    encoder = Encoder()
    flood = bytearray()
    for number in range(pairs):
        stream_id = 2 * number + 1
        flood += frame(1, 4, stream_id, encoder.encode(HEADERS)) + reset(stream_id)
    return bytes(flood)


FLOOD_SECONDS_MAX = 60
"""On a busy machine."""
FLOODS = {
    "resets of what is over": reset(1) * 30_000,
    "pings": frame(6, 0, 0, bytes(8)) * 30_000,
    "settings": frame(4, 0, 0, struct.pack(">HI", 3, 7)) * 30_000,
    "empty settings": frame(4, 0, 0, b"") * 30_000,
    "priorities": frame(2, 0, 1, struct.pack(">IB", 3, 1)) * 30_000,
    "window updates": frame(8, 0, 0, struct.pack(">I", 1)) * 30_000,
    "unknown frames": frame(0xBE, 0, 0, b"") * 30_000,
}


@pytest.mark.once
@pytest.mark.parametrize("name", ["resets", *FLOODS])
async def test_a_flood_ends_its_own_connection_while_others_are_served(served: Served, name: str) -> None:
    flood = FLOODS[name] if name in FLOODS else reset_flood(30_000)
    loop = asyncio.get_running_loop()
    async with served.caller() as flooder, served.caller() as other:
        await asyncio.sleep(0.05)
        if name == "resets of what is over":
            flooder.reset(flooder.open(WAIT))
        flooder.send_bytes(flood)
        begun = loop.time()
        while not flooder.closed.is_set():
            assert is_seven(await other.ask(ECHO, SEVEN))
        assert loop.time() - begun < FLOOD_SECONDS_MAX
        assert flooder.goaways == [ErrorCodes.ENHANCE_YOUR_CALM]
    await until(lambda: served.server.calls_open == 0 and not served.server.connections)
    assert served.probe.running == 0


async def test_a_flood_is_not_read_to_its_end() -> None:
    """After the GOAWAY nothing is read, until the peer has had time to read it."""
    async with serving(linger_seconds_max=5) as served, served.caller() as flooder:
        flooder.send_bytes(FLOODS["pings"])
        flooder.send_bytes(bytes(30_000_000))
        await until(lambda: bool(flooder.goaways))
        unsent_bytes = -1
        while unsent_bytes != (unsent_bytes := flooder.unsent_bytes):  # noqa: ASYNC110 - a transport tells nobody
            await asyncio.sleep(0.2)
        assert unsent_bytes > 0
        await flooder.ends()


async def test_calls_beyond_the_streams_are_a_flood(served: Served, caller: RawCaller) -> None:
    """Each is refused alone, and counts as a reset that the caller caused."""
    assert await goes_on(caller)
    encoder = Encoder()
    caller.send_bytes(b"".join(frame(1, 4, stream_id, encoder.encode(HEADERS)) for stream_id in range(3, 203, 2)))
    await caller.ends()
    assert caller.goaways == [ErrorCodes.ENHANCE_YOUR_CALM]
    assert served.server.calls_open == 0


async def test_streams_that_are_closed_are_forgotten(served: Served, caller: RawCaller) -> None:
    for _ in range(50):
        assert is_seven(await caller.ask(ECHO, SEVEN))
    (connection,) = served.server.connections
    assert streams_known(connection) <= LIMITS.streams_concurrent_max


async def test_tiny_data_frames_are_a_flood(caller: RawCaller) -> None:
    stream_id = caller.open(ECHO)
    caller.send(stream_id, framed(b"", declared_bytes=900))
    caller.send_bytes(frame(0, 0, stream_id, b"") * 100)
    await caller.ends()
    assert caller.goaways == [ErrorCodes.ENHANCE_YOUR_CALM]


async def test_a_reset_before_the_handler_began_frees_the_call(served: Served, caller: RawCaller) -> None:
    caller.send_bytes(reset_flood(8))
    await until(lambda: bool(served.server.connections))
    await asyncio.sleep(0.1)
    await until(lambda: (served.server.calls_open, served.probe.running) == (0, 0))


async def test_a_few_resets_free_their_calls_and_harm_nobody(served: Served, caller: RawCaller) -> None:
    for _ in range(10):
        caller.reset(caller.call(WAIT, SEVEN))
    assert await goes_on(caller)
    await until(lambda: served.server.calls_open == 0)
    assert served.probe.running == 0


async def test_calls_pay_for_the_pings_that_come_with_them(caller: RawCaller) -> None:
    for _ in range(60):
        caller.h2.ping(bytes(8))
        assert is_seven(await caller.ask(ECHO, SEVEN))
    assert caller.pongs == 60


async def test_calls_that_begin_together_pay_for_their_window_updates(caller: RawCaller) -> None:
    """As grpc's own clients do: all headers, then a window update or two for each, then the messages."""
    streams = [caller.open(ECHO) for _ in range(10)]
    for stream_id in streams * 4:
        caller.send_bytes(frame(8, 0, stream_id, struct.pack(">I", 5)))
    for stream_id in streams:
        caller.send(stream_id, SEVEN, end=True)
    assert all([is_seven(await caller.answer(stream_id)) for stream_id in streams])
