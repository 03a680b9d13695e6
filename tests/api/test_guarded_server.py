"""The gRPC server answers and bounds everyone: over a real socket, with frames no library would send."""

import asyncio
import gc
import logging
import socket
import struct
import tracemalloc
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.const import Cardinality, Handler, Status
from grpclib.events import RecvRequest, listen
from grpclib.exceptions import GRPCError
from grpclib.server import Stream
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hpack import Encoder

from travio_inventory.grpc_server.codec import PassThroughCodec
from travio_inventory.grpc_server.guarded import GuardedServer
from travio_inventory.grpc_server.limits import ServerLimits
from travio_inventory.wire.inventory.v1 import CheckAvailabilityRequest, CheckAvailabilityResponse
from verification.kit.raw_caller import Answer, RawCaller, frame, framed, raw_caller

ECHO, WAIT, STUBBORN, FAIL, LARGE, CHAT, WATCH = (
    f"/test.Probe/{name}" for name in ("Echo", "Wait", "Stubborn", "Fail", "Large", "Chat", "Watch")
)
MISSING = "/test.Probe/Missing"
LIMITS = ServerLimits(
    message_bytes_default_max=1_000,
    message_bytes_max_by_method={CHAT: 200_000},
    unread_bytes_max=50_000,
    streams_concurrent_max=10,
    calls_max=10_000,
    connections_max=10,
    resets_per_second_max=20,
    control_frames_per_second_max=20,
    header_bytes_max=8_192,
    header_block_bytes_max=32_768,
    idle_connection_seconds_max=30,
    message_read_seconds_max=30,
    write_stalled_seconds_max=30,
    deadline_default_seconds=30,
    deadline_max_seconds=60,
    methods_without_deadline=frozenset({WATCH}),
    drain_seconds_max=5,
    linger_seconds_max=0.5,
)
HEADERS = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", WAIT),
    (":authority", "test"),
    ("content-type", "application/grpc"),
]
SEVEN = framed(bytes(CheckAvailabilityRequest(trip_id="t", passengers=7)))
LARGE_REPLY = bytes(80_000)
CANCEL = struct.pack(">I", ErrorCodes.CANCEL)

ProbeStream = Stream[CheckAvailabilityRequest, Any]


@dataclass
class Probe:
    """A service that does what a test needs to see."""

    started: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    running: int = 0
    cancelled: int = 0
    seconds_left: list[float] = field(default_factory=list)

    async def echo(self, stream: ProbeStream) -> None:
        request = await stream.recv_message()
        assert request is not None
        assert stream.deadline is not None
        self.seconds_left.append(stream.deadline.time_remaining())
        await stream.send_message(CheckAvailabilityResponse(available_seats=request.passengers))

    async def wait(self, stream: ProbeStream) -> None:
        self.running += 1
        self.started.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        await self.echo(stream)

    async def stubborn(self, stream: ProbeStream) -> None:
        try:
            await self.wait(stream)
        except asyncio.CancelledError:
            await self.go_on.wait()

    async def fail(self, stream: ProbeStream) -> None:
        raise RuntimeError("the password is 1234")

    async def large(self, stream: ProbeStream) -> None:
        await stream.send_message(LARGE_REPLY)

    async def chat(self, stream: ProbeStream) -> None:
        async for request in stream:
            await stream.send_message(CheckAvailabilityResponse(available_seats=request.passengers))

    async def watch(self, stream: ProbeStream) -> None:
        assert stream.deadline is None
        self.started.set()
        await asyncio.Event().wait()

    def __mapping__(self) -> dict[str, Handler]:
        types = CheckAvailabilityRequest, CheckAvailabilityResponse
        unary, chat, watch = Cardinality.UNARY_UNARY, Cardinality.STREAM_STREAM, Cardinality.UNARY_STREAM
        return {
            ECHO: Handler(self.echo, unary, *types),
            WAIT: Handler(self.wait, unary, *types),
            STUBBORN: Handler(self.stubborn, unary, *types),
            FAIL: Handler(self.fail, unary, *types),
            LARGE: Handler(self.large, unary, *types),
            CHAT: Handler(self.chat, chat, *types),
            WATCH: Handler(self.watch, watch, *types),
        }


@dataclass
class Served:
    """A server that listens, and the service behind it."""

    server: GuardedServer
    probe: Probe

    def caller(self) -> AbstractAsyncContextManager[RawCaller]:
        return raw_caller(self.server.port)


@asynccontextmanager
async def serving(**changes: Any) -> AsyncIterator[Served]:  # noqa: ANN401    # one per limit, of its type
    probe = Probe()
    server = GuardedServer([probe], limits=replace(LIMITS, **changes))
    async with server:
        await server.start("127.0.0.1", 0)
        yield Served(server, probe)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


@pytest.fixture
async def caller(served: Served) -> AsyncIterator[RawCaller]:
    async with served.caller() as caller:
        yield caller


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110    # the server has no events for tests
            await asyncio.sleep(0.005)


def is_seven(answer: Answer) -> bool:
    reply = CheckAvailabilityResponse.parse(answer.reply)
    return answer.status is Status.OK and reply.available_seats == 7


async def goes_on(caller: RawCaller) -> bool:
    """Whether the connection still serves."""
    return is_seven(await caller.ask(ECHO, SEVEN)) and not caller.goaways


# Messages


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
    assert (await caller.answer(stream_id)).status is Status.INVALID_ARGUMENT  # taken, not decoded


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


async def test_one_that_sends_much_does_not_keep_the_others_waiting(served: Served) -> None:
    """Of its 75 KB only so much is read in one turn of the loop; another call is done before the last of them."""
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


# Headers


@pytest.mark.parametrize(
    ("header", "value", "http_status", "status"),
    [
        (":method", None, "400", Status.INVALID_ARGUMENT),
        (":method", "GET", "405", Status.INVALID_ARGUMENT),
        (":path", None, "400", Status.INVALID_ARGUMENT),
        (":path", "/test.Probe/Nothing", "200", Status.UNIMPLEMENTED),
        (":path", "*", "200", Status.UNIMPLEMENTED),
        ("content-type", None, "415", Status.INVALID_ARGUMENT),
        ("content-type", "application/json", "415", Status.INVALID_ARGUMENT),
        ("content-type", "application/grpc+json", "415", Status.INVALID_ARGUMENT),
        ("grpc-timeout", "soon", "200", Status.INVALID_ARGUMENT),
        ("grpc-timeout", "1" * 400 + "H", "200", Status.INVALID_ARGUMENT),
        ("grpc-timeout", "-1S", "200", Status.INVALID_ARGUMENT),
        ("grpc-timeout", "0S", "200", Status.DEADLINE_EXCEEDED),
        ("token-bin", "abcde", "200", Status.INVALID_ARGUMENT),
        ("token-bin", "\u00e9", "200", Status.INVALID_ARGUMENT),
    ],
)
@pytest.mark.parametrize("whole", [True, False], ids=["with a body", "headers only"])
async def test_headers_that_make_no_call_are_answered(
    caller: RawCaller, header: str, value: str | None, http_status: str, status: Status, whole: bool
) -> None:
    stream_id = caller.open(ECHO, replacing=[(header, value)])
    if whole:
        caller.send(stream_id, SEVEN, end=True)
    answer = await caller.answer(stream_id)
    assert (answer.headers[":status"], answer.status) == (http_status, status)
    await until(lambda: whole or answer.reset is ErrorCodes.NO_ERROR)
    assert await goes_on(caller)


async def test_an_odd_byte_in_a_header_harms_nobody(caller: RawCaller) -> None:
    assert is_seven(await caller.ask(ECHO, SEVEN, replacing=[("x-name", "Z\u00fcrich")]))


@pytest.mark.parametrize("size", [8_200, 16_500, 31_000])
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "headers only"])
async def test_a_call_with_more_headers_than_one_may_have_is_refused_alone(
    served: Served, caller: RawCaller, size: int, whole: bool
) -> None:
    """The table of headers is kept in step: what a refused call has added to it, the next one names."""
    waiting = caller.call(WAIT, SEVEN)
    long = [("x-long", "x" * size), ("x-name", "named again"), ("x-other", "too")]
    refused = caller.call(ECHO, SEVEN, replacing=long) if whole else caller.open(ECHO, replacing=long)
    answer = await caller.answer(refused)
    assert answer.status is Status.RESOURCE_EXHAUSTED
    assert f"{LIMITS.header_bytes_max} are taken at most" in answer.message
    assert is_seven(await caller.ask(ECHO, SEVEN, replacing=long[1:]))
    served.probe.go_on.set()
    assert is_seven(await caller.answer(waiting))
    assert caller.goaways == []


async def test_headers_beyond_all_bounds_end_the_connection(caller: RawCaller) -> None:
    caller.open(ECHO, replacing=[("x-long", "x" * 33_000)])
    await caller.ends()
    assert caller.goaways == [ErrorCodes.ENHANCE_YOUR_CALM]


@pytest.mark.parametrize("where", ["calls", "trailers"])
async def test_a_flood_of_too_many_headers_ends_the_connection(where: str) -> None:
    """Each counts as so many resets as it has times the headers that one call may have: as three of the four here."""
    long = [("x-long", "x" * 30_000)]
    async with serving(resets_per_second_max=4) as served, served.caller() as caller:
        for _ in range(LIMITS.streams_concurrent_max - 1):
            if where == "calls":
                caller.open(ECHO, replacing=long)
            else:
                stream_id = caller.open(ECHO)
                caller.h2.send_headers(stream_id, long, end_stream=True)
                caller.flush()
        await caller.ends()
        assert caller.goaways == [ErrorCodes.ENHANCE_YOUR_CALM]


async def test_header_blocks_that_never_end_are_not_kept(caller: RawCaller) -> None:
    caller.send_bytes(frame(1, 0, 1, b"\x00\x01x\x7f" + bytes(5_000)))
    for _ in range(6):
        caller.send_bytes(frame(9, 0, 1, bytes(5_000)))
    await caller.ends()
    assert caller.goaways == [ErrorCodes.ENHANCE_YOUR_CALM]


async def test_a_frame_of_sixteen_megabytes_is_not_waited_for(caller: RawCaller) -> None:
    stream_id = caller.open(ECHO)
    caller.send_bytes((0xFF_FFFF).to_bytes(3) + bytes([0, 0]) + stream_id.to_bytes(4) + bytes(20_000))
    await caller.ends()
    assert caller.goaways == [ErrorCodes.FRAME_SIZE_ERROR]


def wrong_headers(caller: RawCaller, *headers: tuple[str, str], flags: int = 4, before: bytes = b"") -> int:
    """Begin a call with what h2 would not send as headers; the stream's id."""
    stream_id = caller.open(ECHO)
    caller.send_bytes(frame(1, flags, stream_id, before + caller.h2.encoder.encode(headers)))
    return stream_id


FAULTS: dict[str, Callable[[RawCaller], object]] = {
    "another length": lambda caller: caller.call(ECHO, SEVEN, replacing=[("content-length", "3")]),
    "no length": lambda caller: caller.call(ECHO, SEVEN, replacing=[("content-length", "abc")]),
    "a window of nothing": lambda caller: caller.send_bytes(frame(8, 0, caller.open(ECHO), bytes(4))),
    "too large a window": lambda caller: caller.send_bytes(frame(8, 0, caller.open(ECHO), b"\x7f\xff\xff\xff")),
    "headers again": lambda caller: wrong_headers(caller, (":path", ECHO), ("x-name", "x")),
    "headers again that depend on themselves": lambda caller: wrong_headers(
        caller, ("x-name", "x"), flags=0x25, before=struct.pack(">IB", caller.h2.highest_outbound_stream_id, 3)
    ),
    "a priority that depends on itself": lambda caller: caller.send_bytes(
        frame(2, 0, stream_id := caller.open(ECHO), struct.pack(">IB", stream_id, 3))
    ),
    "data after the end": lambda caller: caller.send_bytes(frame(0, 0, caller.call(WAIT, SEVEN), SEVEN)),
    "headers after the end": lambda caller: caller.send_bytes(
        frame(1, 5, caller.call(WAIT, SEVEN), caller.h2.encoder.encode([("x-name", "x")]))
    ),
    "no such method": lambda caller: caller.call(MISSING, SEVEN),
    "another content type": lambda caller: caller.call(ECHO, SEVEN, replacing=[("content-type", "text/html")]),
    "compressed": lambda caller: caller.call(ECHO, framed(SEVEN, flag=1), replacing=[("grpc-encoding", "gzip")]),
    "too large": lambda caller: caller.call(ECHO, framed(bytes(2_000))),
    "odd headers": lambda caller: caller.open(
        ECHO, replacing=[("X-Upper", "1"), ("connection", "close"), ("x-nul", "a\0b\r\n"), ("x-bin", "!")]
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_of_one_call_harms_no_other_call_of_its_connection(
    served: Served, caller: RawCaller, fault: str
) -> None:
    waiting = caller.call(WAIT, SEVEN)
    await served.probe.started.wait()
    FAULTS[fault](caller)
    assert is_seven(await caller.ask(ECHO, SEVEN, replacing=[("x-name", "x")]))
    served.probe.go_on.set()
    assert is_seven(await caller.answer(waiting))
    assert caller.goaways == []


async def test_a_right_content_length_is_as_good_as_none(caller: RawCaller) -> None:
    assert is_seven(await caller.ask(ECHO, SEVEN, replacing=[("content-length", str(len(SEVEN)))]))


async def test_unknown_frames_are_ignored(caller: RawCaller) -> None:
    stream_id = caller.open(ECHO)
    caller.send_bytes(frame(0xBE, 0x55, 0, b"what") + frame(0xEF, 0, stream_id, b"ever"))
    caller.send(stream_id, SEVEN, end=True)
    assert is_seven(await caller.answer(stream_id))
    assert await goes_on(caller)


async def test_a_listener_may_refuse_a_call(served: Served, caller: RawCaller) -> None:
    async def refuse(event: RecvRequest) -> None:
        raise GRPCError(Status.UNAUTHENTICATED, f"no token for {event.method_name}")

    listen(served.server, RecvRequest, refuse)
    answer = await caller.ask(ECHO, SEVEN)
    assert (answer.status, answer.message) == (Status.UNAUTHENTICATED, f"no token for {ECHO}")


# Floods


def reset_flood(pairs: int) -> bytes:
    """HEADERS and RST_STREAM, again and again, each on a new stream."""
    encoder = Encoder()
    flood = bytearray()
    for number in range(pairs):
        stream_id = 2 * number + 1
        flood += frame(1, 4, stream_id, encoder.encode(HEADERS)) + frame(3, 0, stream_id, CANCEL)
    return bytes(flood)


FLOODS = {
    "resets of what is over": frame(3, 0, 1, CANCEL) * 30_000,
    "pings": frame(6, 0, 0, bytes(8)) * 30_000,
    "settings": frame(4, 0, 0, struct.pack(">HI", 3, 7)) * 30_000,
    "empty settings": frame(4, 0, 0, b"") * 30_000,
    "priorities": frame(2, 0, 1, struct.pack(">IB", 3, 1)) * 30_000,
    "window updates": frame(8, 0, 0, struct.pack(">I", 1)) * 30_000,
    "unknown frames": frame(0xBE, 0, 0, b"") * 30_000,
}


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
        assert loop.time() - begun < 3
        assert flooder.goaways == [ErrorCodes.ENHANCE_YOUR_CALM]
    await until(lambda: served.server.calls_open == 0 and not served.server.connections)
    assert served.probe.running == 0


async def test_a_flood_is_not_read_to_its_end(caller: RawCaller) -> None:
    caller.send_bytes(FLOODS["pings"])
    caller.send_bytes(bytes(30_000_000))
    await until(lambda: bool(caller.goaways))
    await asyncio.sleep(0.2)
    assert caller.unsent_bytes > 0


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
    assert (served.server.calls_open, served.probe.running) == (0, 0)


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


async def test_a_call_beyond_the_streams_is_refused_alone(served: Served, caller: RawCaller) -> None:
    streams = [caller.call(WAIT, SEVEN) for _ in range(10)]
    await until(lambda: served.probe.running == 10)
    caller.h2.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 1_000
    caller.h2.remote_settings.acknowledge()
    refused = await caller.answer(caller.call(ECHO, SEVEN))
    assert refused.reset is ErrorCodes.REFUSED_STREAM
    served.probe.go_on.set()
    assert all([is_seven(await caller.answer(stream_id)) for stream_id in streams])
    assert await goes_on(caller)


async def test_cancelled_calls_that_do_not_end_are_not_without_number() -> None:
    async with serving(resets_per_second_max=100) as served, served.caller() as caller:
        for _ in range(20):
            stream_id = caller.call(STUBBORN, SEVEN)
            await until(lambda: served.probe.running == 1)
            caller.reset(stream_id)
            await until(lambda: served.probe.running == 0)
        assert (await caller.answer(caller.call(ECHO, SEVEN))).reset is ErrorCodes.REFUSED_STREAM
        served.probe.go_on.set()
        await until(lambda: served.server.calls_open == 0)
        assert await goes_on(caller)


async def test_a_connection_beyond_their_number_is_closed_where_all_have_a_call() -> None:
    async with serving(connections_max=1) as served, served.caller() as first:
        first.call(WAIT, SEVEN)
        await until(lambda: served.server.calls_open == 1)
        async with served.caller() as second:
            await second.ends()
        assert is_seven(await first.ask(ECHO, SEVEN))
        served.probe.go_on.set()
    async with serving(connections_max=1) as served:
        for _ in range(3):
            async with served.caller() as one_after_the_other:
                assert await goes_on(one_after_the_other)
            await until(lambda: not served.server.connections)


async def test_a_new_connection_takes_the_place_of_one_that_made_no_call_and_then_of_the_longest_idle() -> None:
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(serving(connections_max=4))
        long_idle, idle, busy, silent = [await stack.enter_async_context(served.caller()) for _ in range(4)]
        await long_idle.ask(ECHO, SEVEN)
        await idle.ask(ECHO, SEVEN)
        streams = {busy: busy.call(WAIT, SEVEN)}
        await until(lambda: served.server.calls_open == 1)
        for displaced in (silent, long_idle, idle):
            newcomer = await stack.enter_async_context(served.caller())
            streams[newcomer] = newcomer.call(WAIT, SEVEN)
            await displaced.ends()
        served.probe.go_on.set()
        assert all([is_seven(await caller.answer(stream_id)) for caller, stream_id in streams.items()])


async def test_there_is_always_room_for_a_connection_that_asks_little() -> None:
    """One may have a sixteenth of what is left: of 64 calls, four."""
    async with serving(calls_max=64) as served, served.caller() as greedy, served.caller() as other:
        open_calls = [greedy.call(WAIT, SEVEN) for _ in range(9)]
        await until(lambda: served.server.calls_open == 4)
        assert (await greedy.answer(open_calls[-1])).status is Status.RESOURCE_EXHAUSTED
        assert is_seven(await other.ask(ECHO, SEVEN))
        served.probe.go_on.set()
        assert is_seven(await greedy.answer(open_calls[0]))
        assert is_seven(await greedy.ask(ECHO, SEVEN))


async def test_a_call_that_is_reset_before_its_turn_never_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("travio_inventory.grpc_server.fair_starts.CALLS_PER_TURN", 2)
    async with serving() as served, served.caller() as caller:
        calls = [caller.call(WAIT, SEVEN) for _ in range(8)]
        caller.reset(calls[-1])
        await until(lambda: served.probe.running == 7)
        assert await goes_on(caller)
        assert (served.probe.running, served.probe.cancelled) == (7, 0)


async def test_an_idle_connection_is_left_and_a_busy_one_is_not() -> None:
    limits = {"idle_connection_seconds_max": 0.2}
    async with serving(**limits) as served, served.caller() as busy, served.caller() as idle:
        stream_id = busy.call(WAIT, SEVEN)
        await idle.ends()
        assert idle.goaways == [ErrorCodes.NO_ERROR]
        served.probe.go_on.set()
        assert is_seven(await busy.answer(stream_id))


async def test_a_connection_that_is_over_leaves_nothing_behind(served: Served) -> None:
    """Not even until the next collection of garbage: many may come and go before that."""
    gc.collect()
    gc.disable()
    try:
        async with served.caller() as caller:
            assert is_seven(await caller.ask(ECHO, SEVEN))
            caller.reset(caller.call(WAIT, SEVEN))
            assert await goes_on(caller)
            gone = [weakref.ref(connection) for connection in served.server.connections]
            tables = [weakref.ref(connection._frames) for connection in served.server.connections]
        await until(lambda: [one() for one in gone + tables] == [None, None])
    finally:
        gc.enable()


@asynccontextmanager
async def caller_that_never_reads(served: Served) -> AsyncIterator[RawCaller]:
    """It has asked for 12 MB, more than its socket and ours hold."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.connect(("127.0.0.1", served.server.port))
    reader, writer = await asyncio.open_connection(sock=connection, limit=1)
    caller = RawCaller(reader, writer)
    caller.h2.initiate_connection()
    caller.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 2**31 - 1})
    caller.h2.increment_flow_control_window(2**30)
    for _ in range(150):
        caller.call(LARGE, SEVEN)
    await until(lambda: served.server.calls_open > 0)
    yield caller
    writer.transport.abort()


async def test_a_caller_that_never_reads_is_dropped() -> None:
    limits = {"write_stalled_seconds_max": 0.3, "streams_concurrent_max": 200}
    async with serving(**limits) as served, caller_that_never_reads(served):
        await until(lambda: not served.server.connections and not served.server.calls_open)


async def test_a_caller_that_never_reads_is_not_read_either() -> None:
    async with serving(streams_concurrent_max=200) as served, caller_that_never_reads(served) as caller:
        await asyncio.sleep(0.2)
        caller.call(ECHO, SEVEN)
        await asyncio.sleep(0.2)
        assert served.probe.seconds_left == []


# Deadlines


async def test_a_call_without_a_deadline_gets_one_and_a_long_one_is_cut(served: Served, caller: RawCaller) -> None:
    await caller.ask(ECHO, SEVEN)
    await caller.ask(ECHO, SEVEN, replacing=[("grpc-timeout", "9H")])
    await caller.ask(ECHO, SEVEN, replacing=[("grpc-timeout", "5S")])
    assert [round(seconds) for seconds in served.probe.seconds_left] == [30, 60, 5]


async def test_a_call_ends_by_its_deadline(served: Served, caller: RawCaller, caplog: pytest.LogCaptureFixture) -> None:
    answer = await caller.ask(WAIT, SEVEN, replacing=[("grpc-timeout", "50m")])
    assert answer.status is Status.DEADLINE_EXCEEDED
    await until(lambda: served.probe.cancelled == 1)
    assert not caplog.records


async def test_a_request_that_does_not_arrive_is_answered_all_the_same() -> None:
    async with serving(message_read_seconds_max=0.05) as served, served.caller() as caller:
        stream_id = caller.open(ECHO)
        caller.send(stream_id, SEVEN[:7])
        assert (await caller.answer(stream_id)).status is Status.DEADLINE_EXCEEDED
        assert await goes_on(caller)


async def test_a_handler_outlives_the_time_its_request_had_to_arrive() -> None:
    async with serving(message_read_seconds_max=0.05) as served, served.caller() as caller:
        stream_id = caller.call(WAIT, SEVEN)
        late = await caller.ask(WAIT, SEVEN, replacing=[("grpc-timeout", "150m")])
        assert (late.status, late.message) == (Status.DEADLINE_EXCEEDED, "deadline exceeded")
        served.probe.go_on.set()
        assert is_seven(await caller.answer(stream_id))


# Handlers that fail


async def test_a_fault_of_ours_is_logged_once_and_not_told(caller: RawCaller, caplog: pytest.LogCaptureFixture) -> None:
    answer = await caller.ask(FAIL, SEVEN)
    assert (answer.status, answer.message) == (Status.INTERNAL, "internal error")
    assert [(it.name, it.levelno) for it in caplog.records] == [("travio_inventory.rpc", logging.ERROR)]
    assert "the password is 1234" in caplog.text
    assert await goes_on(caller)


async def test_a_call_its_caller_gives_up_is_cancelled_quietly(
    served: Served, caller: RawCaller, caplog: pytest.LogCaptureFixture
) -> None:
    stream_id = caller.call(WAIT, SEVEN)
    await until(lambda: served.probe.running == 1)
    caller.reset(stream_id)
    await until(lambda: served.probe.cancelled == 1)
    assert await goes_on(caller)
    assert not caplog.records


async def test_calls_of_a_lost_connection_are_cancelled_quietly(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    async with served.caller() as caller:
        caller.call(WAIT, SEVEN)
        await until(lambda: served.probe.running == 1)
    await until(lambda: served.probe.cancelled == 1)
    assert served.server.calls_open == 0
    assert not caplog.records


async def test_calls_go_on_after_their_caller_has_said_goodbye(served: Served, caller: RawCaller) -> None:
    stream_id = caller.call(WAIT, SEVEN)
    await until(lambda: served.probe.running == 1)
    caller.send_bytes(frame(7, 0, 0, bytes(8)))
    await asyncio.sleep(0.05)
    served.probe.go_on.set()
    assert is_seven(await caller.answer(stream_id))
    await caller.ends()


async def test_a_peer_that_says_goodbye_and_is_gone_is_no_error(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
    await reader.read(1_000)  # to hang up with bytes unread would be a reset, which the server sees first
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(7, 0, 0, bytes(8)))
    writer.close()
    await until(lambda: not served.server.connections)
    assert not caplog.records


# Stopping


def echo_method(channel: Channel, path: str) -> UnaryUnaryMethod[Any, Any]:
    return UnaryUnaryMethod(channel, path, CheckAvailabilityRequest, CheckAvailabilityResponse)


async def test_a_drain_loses_no_call(served: Served) -> None:
    """With grpclib's own client, which drops the calls it waits for at any GOAWAY."""
    async with Channel("127.0.0.1", served.server.port) as channel:
        wait = echo_method(channel, WAIT)
        request = CheckAvailabilityRequest(trip_id="t", passengers=7)
        calls = [asyncio.create_task(wait(request)) for _ in range(8)]
        await until(lambda: served.probe.running == 8)
        drain = asyncio.create_task(served.server.drain())
        await asyncio.sleep(0.05)
        with pytest.raises(GRPCError) as refused:
            await echo_method(channel, ECHO)(request)
        assert refused.value.status is Status.UNAVAILABLE
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", served.server.port)
        assert not drain.done()
        served.probe.go_on.set()
        replies = await asyncio.gather(*calls)
        assert [reply.available_seats for reply in replies] == [7] * 8
        await drain


async def test_a_drain_ends_with_goaway_after_the_answers(served: Served, caller: RawCaller) -> None:
    stream_id = caller.call(WAIT, SEVEN)
    await until(lambda: served.probe.running == 1)
    drain = asyncio.create_task(served.server.drain())
    await asyncio.sleep(0.1)
    assert not caller.goaways
    served.probe.go_on.set()
    assert is_seven(await caller.answer(stream_id))
    await caller.ends()
    assert caller.goaways == [ErrorCodes.NO_ERROR]
    await drain


async def test_a_drain_waits_only_so_long() -> None:
    async with serving(drain_seconds_max=0.1) as served, served.caller() as caller:
        stream_id = caller.call(WAIT, SEVEN)
        await until(lambda: served.probe.running == 1)
        await served.server.drain()
        assert (await caller.answer(stream_id)).status is Status.UNAVAILABLE
        assert served.probe.cancelled == 1


async def test_a_drain_does_not_wait_for_endless_calls(served: Served, caller: RawCaller) -> None:
    stream_id = caller.call(WATCH, SEVEN)
    await served.probe.started.wait()
    async with asyncio.timeout(2):
        await served.server.drain()
    assert (await caller.answer(stream_id)).status is Status.UNAVAILABLE


# Limits


def test_a_limit_that_lets_nothing_through_is_refused() -> None:
    with pytest.raises(ValueError, match="connections_max"):
        replace(LIMITS, connections_max=0)
    with pytest.raises(ValueError, match="message_bytes_max_by_method"):
        replace(LIMITS, message_bytes_max_by_method={ECHO: 0})


async def test_a_limit_for_a_method_that_is_not_served_is_refused() -> None:
    with pytest.raises(ValueError, match=MISSING):
        GuardedServer([Probe()], limits=replace(LIMITS, methods_without_deadline=frozenset({MISSING})))
