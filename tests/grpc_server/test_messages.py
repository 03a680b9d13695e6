"""Messages in both directions: read as they arrive, limited, put together, answered through small windows."""

import asyncio
import gzip
import tracemalloc
import zlib

import pytest
from grpclib.const import Status
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from tests.grpc_server.probe import (
    CHAT,
    ECHO,
    LARGE,
    LARGE_REPLY,
    SEVEN,
    WAIT,
    Served,
    goes_on,
    is_seven,
    serving,
    until,
)
from travio_inventory.grpc_server.codec import PassThroughCodec
from travio_inventory.wire.inventory.v1 import CheckAvailabilityRequest, CheckAvailabilityResponse
from verification.kit.frames import framed
from verification.kit.raw_caller import RawCaller

pytestmark = pytest.mark.usefixtures("engine")


async def test_a_call_is_answered(caller: RawCaller) -> None:
    assert is_seven(await caller.ask(ECHO, SEVEN))


async def test_a_message_in_many_frames_is_put_together(caller: RawCaller) -> None:
    stream_id = caller.open(ECHO)
    for byte in SEVEN:
        caller.send(stream_id, bytes([byte]))
        await asyncio.sleep(0)
    caller.send(stream_id, b"", end=True)
    assert is_seven(await caller.answer(stream_id))


async def test_a_message_of_four_gigabytes_is_refused_when_its_prefix_is_read(
    served: Served, caller: RawCaller
) -> None:
    stream_id = caller.open(ECHO)
    caller.send(stream_id, framed(b"", declared_bytes=0xFFFF_FFFF))
    answer = await caller.answer(stream_id)
    assert answer.status is Status.RESOURCE_EXHAUSTED
    await until(lambda: answer.reset is ErrorCodes.NO_ERROR)
    assert served.server.calls_open == 0
    assert await goes_on(caller)


async def test_each_method_has_its_own_largest_message(caller: RawCaller) -> None:
    large = framed(bytes(CheckAvailabilityRequest(trip_id="t" * 30_000, passengers=7)))
    assert (await caller.ask(ECHO, framed(bytes(1_001)))).status is Status.RESOURCE_EXHAUSTED
    larger = framed(bytes(10), declared_bytes=200_001)
    assert (await caller.ask(CHAT, larger)).status is Status.RESOURCE_EXHAUSTED
    stream_id = caller.open(CHAT)
    for start in range(0, len(large), 10_000):
        caller.send(stream_id, large[start : start + 10_000])
    caller.send(stream_id, b"", end=True)
    assert is_seven(await caller.answer(stream_id))


async def test_messages_that_never_end_cannot_pile_up(served: Served, caller: RawCaller) -> None:
    """Six of 9 KB are more than the 50 KB that all callers together may leave unfinished."""
    streams = [caller.open(CHAT) for _ in range(6)]
    for stream_id in streams:
        caller.send(stream_id, framed(bytes(9_000), declared_bytes=100_000))
    assert (await caller.answer(streams[-1])).status is Status.RESOURCE_EXHAUSTED
    for stream_id in streams[:-1]:
        caller.reset(stream_id)
    await until(lambda: served.server.calls_open == 0)
    stream_id = caller.open(CHAT)
    caller.send(stream_id, framed(bytes(9_000), declared_bytes=9_001))
    caller.send(stream_id, b"\0", end=True)
    assert (await caller.answer(stream_id)).status is Status.INVALID_ARGUMENT  # read, not decoded


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (framed(b"\x0a\x01t", flag=1), Status.UNIMPLEMENTED),
        (framed(b"\x0a\x01t", flag=2), Status.INVALID_ARGUMENT),
        (framed(b"\x0a\x01t", declared_bytes=9), Status.INVALID_ARGUMENT),
        (b"\0\0", Status.INVALID_ARGUMENT),
        (b"", Status.INVALID_ARGUMENT),
        (SEVEN + SEVEN, Status.INVALID_ARGUMENT),
        (SEVEN + b"\0", Status.INVALID_ARGUMENT),
        (framed(b"\x0a\xff"), Status.INVALID_ARGUMENT),
        (framed(b"\xff" * 20), Status.INVALID_ARGUMENT),
        (framed(b"\x0a\x02\xff\xfe"), Status.INVALID_ARGUMENT),
    ],
    ids=[
        "compressed", "strange flag", "truncated", "half a prefix", "no message", "two messages",
        "message and more", "field cut off", "no protobuf", "no utf-8",
    ],
)  # fmt: skip
async def test_a_request_that_is_no_message_is_refused(caller: RawCaller, body: bytes, status: Status) -> None:
    assert (await caller.ask(ECHO, body)).status is status
    assert await goes_on(caller)


GZIP = [("grpc-encoding", "gzip")]


async def test_a_compressed_request_is_served(caller: RawCaller) -> None:
    """Alone, in pieces, and among others of a stream."""
    packed = framed(gzip.compress(SEVEN[5:]), flag=1)
    assert is_seven(await caller.ask(ECHO, packed, replacing=GZIP))
    stream_id = caller.open(ECHO, replacing=GZIP)
    caller.send(stream_id, packed[:9])
    caller.send(stream_id, packed[9:], end=True)
    assert is_seven(await caller.answer(stream_id))
    answer = await caller.ask(CHAT, packed + SEVEN + packed, replacing=GZIP)
    assert (answer.status, len(answer.body)) == (Status.OK, 3 * 7)


@pytest.mark.parametrize(
    ("packed", "encoding", "status"),
    [
        (gzip.compress(bytes(1_001)), "gzip", Status.RESOURCE_EXHAUSTED),
        (gzip.compress(bytes(800_000)), "gzip", Status.RESOURCE_EXHAUSTED),
        (gzip.compress(SEVEN[5:])[:-3], "gzip", Status.INVALID_ARGUMENT),
        (gzip.compress(SEVEN[5:]) + b"x", "gzip", Status.INVALID_ARGUMENT),
        (b"no gzip at all", "gzip", Status.INVALID_ARGUMENT),
        (zlib.compress(SEVEN[5:]), "deflate", Status.UNIMPLEMENTED),
    ],
    ids=["one too many", "a bomb", "cut off", "and more", "no gzip", "deflate"],
)
async def test_a_compressed_message_has_the_limit_of_its_method(packed: bytes, encoding: str, status: Status) -> None:
    async with serving(message_bytes_max_by_method={}) as served, served.caller() as caller:
        for path in (ECHO, CHAT):
            answer = await caller.ask(path, framed(packed, flag=1), replacing=[("grpc-encoding", encoding)])
            assert answer.status is status
        assert await goes_on(caller)


async def test_a_streaming_caller_is_answered_message_by_message(caller: RawCaller) -> None:
    stream_id = caller.open(CHAT)
    for _ in range(100):
        caller.send(stream_id, SEVEN)
    caller.send(stream_id, b"", end=True)
    answer = await caller.answer(stream_id)
    assert answer.status is Status.OK
    assert len(answer.body) == 100 * len(framed(bytes(CheckAvailabilityResponse(available_seats=7))))


async def test_a_streaming_caller_that_stops_within_a_message_is_refused(caller: RawCaller) -> None:
    assert (await caller.ask(CHAT, SEVEN + SEVEN[:4])).status is Status.INVALID_ARGUMENT


async def test_a_reply_of_bytes_goes_out_as_it_is_in_the_largest_frames(caller: RawCaller) -> None:
    ours: dict[SettingCodes | int, int]
    ours = {SettingCodes.INITIAL_WINDOW_SIZE: 200_000, SettingCodes.MAX_FRAME_SIZE: 60_000}
    caller.h2.update_settings(ours)
    caller.h2.increment_flow_control_window(200_000)
    caller.flush()
    await caller.ask(ECHO, SEVEN)
    answer = await caller.ask(LARGE, SEVEN)
    assert answer.reply == LARGE_REPLY
    assert answer.frame_sizes == [60_000, 20_005]


@pytest.mark.parametrize("short", ["of the call", "of the connection"])
async def test_a_large_reply_waits_for_the_callers_window(caller: RawCaller, short: str) -> None:
    if short == "of the call":
        caller.h2.increment_flow_control_window(200_000)
    else:
        caller.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 200_000})
    await caller.ask(ECHO, SEVEN)
    answer = await caller.ask(LARGE, SEVEN)
    assert answer.status is Status.OK
    assert answer.reply == LARGE_REPLY


@pytest.mark.parametrize("window", [1, 2, 4, 5, 6])
async def test_a_reply_arrives_whole_through_the_smallest_windows(caller: RawCaller, window: int) -> None:
    caller.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
    caller.flush()
    stream_id = caller.call(ECHO, SEVEN)
    for _ in range(8):
        caller.h2.increment_flow_control_window(window, stream_id)
        caller.flush()
    answer = await caller.answer(stream_id)
    assert answer.body == framed(bytes(CheckAvailabilityResponse(available_seats=7)))


async def test_replies_that_wait_for_a_window_are_not_copied() -> None:
    async with serving(streams_concurrent_max=200) as served, served.caller() as caller:
        caller.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
        caller.flush()
        tracemalloc.start()
        try:
            for _ in range(200):
                caller.call(LARGE, SEVEN)
            await until(lambda: served.server.calls_open == 200)
            await asyncio.sleep(0.2)
            grown_bytes, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert grown_bytes < 200 * len(LARGE_REPLY) / 2


async def test_a_caller_that_sends_much_does_not_keep_the_others_waiting(served: Served) -> None:
    """Only part of its 75 KB is read in one turn of the loop; another call is done before the last part."""
    async with served.caller() as greedy, served.caller() as other:
        assert await goes_on(greedy)
        assert await goes_on(other)
        for number in range(10):
            greedy.open(WAIT, replacing=[("x-long", str(number) * 7_500)])
        assert await goes_on(other)
        assert served.server.calls_open < 10
        await until(lambda: served.server.calls_open == 10)


def test_a_reply_of_another_type_is_not_encoded() -> None:
    codec = PassThroughCodec()
    with pytest.raises(TypeError, match="CheckAvailabilityResponse"):
        codec.encode(CheckAvailabilityRequest(), CheckAvailabilityResponse)


class InTurns:
    """Reads what is large when it is told to."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.reading = 0

    async def __call__(self, data: bytes, form: type[CheckAvailabilityRequest]) -> CheckAvailabilityRequest:
        self.reading += 1
        await self.go_on.wait()
        return form.FromString(data)


LARGE_SEVEN = framed(bytes(CheckAvailabilityRequest(trip_id="t" * 800, passengers=7)))


async def test_others_are_answered_while_a_large_message_is_read() -> None:
    in_turns = InTurns()
    async with serving(PassThroughCodec(500, in_turns)) as served, served.caller() as caller:
        large = caller.call(ECHO, LARGE_SEVEN)
        await until(lambda: in_turns.reading == 1)
        assert await goes_on(caller)
        in_turns.go_on.set()
        assert is_seven(await caller.answer(large))


async def test_large_messages_that_are_read_have_no_more_room_than_unfinished_ones() -> None:
    in_turns = InTurns()
    codec = PassThroughCodec(500, in_turns)
    async with serving(codec, unread_bytes_max=2_000) as served, served.caller() as caller:
        read = [caller.call(ECHO, LARGE_SEVEN) for _ in range(2)]
        await until(lambda: in_turns.reading == 2)
        assert (await caller.ask(ECHO, LARGE_SEVEN)).status is Status.RESOURCE_EXHAUSTED
        in_turns.go_on.set()
        assert all([is_seven(await caller.answer(stream_id)) for stream_id in read])
        assert is_seven(await caller.ask(ECHO, LARGE_SEVEN))


async def test_what_is_large_and_no_message_is_refused() -> None:
    async with serving(PassThroughCodec(500)) as served, served.caller() as caller:
        assert (await caller.ask(ECHO, framed(b"\xff" * 800))).status is Status.INVALID_ARGUMENT
        assert is_seven(await caller.ask(ECHO, LARGE_SEVEN))
