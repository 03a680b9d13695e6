"""Headers that do not make a call are answered; headers far above the limits end the connection."""

import pytest
from grpclib.const import Status
from grpclib.events import RecvRequest, listen
from grpclib.exceptions import GRPCError
from h2.errors import ErrorCodes

from tests.grpc_server.probe import ECHO, LIMITS, SEVEN, WAIT, Served, goes_on, is_seven, serving, until
from verification.kit.frames import frame
from verification.kit.raw_caller import RawCaller

pytestmark = pytest.mark.usefixtures("engine")


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
@pytest.mark.parametrize(
    "whole", [True, pytest.param(False, marks=pytest.mark.once)], ids=["with a body", "headers only"]
)
async def test_headers_that_make_no_call_are_answered(
    caller: RawCaller, engine: str, header: str, value: str | None, http_status: str, status: Status, whole: bool
) -> None:
    """What RFC 9113 calls malformed is answered as well, and then ended as the RFC says."""
    is_malformed = engine == "lean" and http_status == "400"
    stream_id = caller.open(ECHO, replacing=[(header, value)])
    if whole:
        caller.send(stream_id, SEVEN, end=True)
    answer = await caller.answer(stream_id)
    assert (answer.headers[":status"], answer.status) == (http_status, status)
    expected = ErrorCodes.PROTOCOL_ERROR if is_malformed else ErrorCodes.NO_ERROR
    await until(lambda: whole or answer.reset is expected)
    assert await goes_on(caller)


async def test_an_odd_byte_in_a_header_harms_nobody(caller: RawCaller) -> None:
    assert is_seven(await caller.ask(ECHO, SEVEN, replacing=[("x-name", "Z\u00fcrich")]))


@pytest.mark.parametrize("size", [8_200, 16_500, 31_000])
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "headers only"])
async def test_a_call_with_more_headers_than_one_may_have_is_refused_alone(
    served: Served, caller: RawCaller, size: int, whole: bool
) -> None:
    """The header table stays in step: the next call refers to what a refused call added."""
    waiting = caller.call(WAIT, SEVEN)
    long = [("x-long", "x" * size), ("x-name", "named again"), ("x-other", "too")]
    refused = caller.call(ECHO, SEVEN, replacing=long) if whole else caller.open(ECHO, replacing=long)
    answer = await caller.answer(refused)
    assert answer.status is Status.RESOURCE_EXHAUSTED
    assert f"at most {LIMITS.header_bytes_max} are accepted" in answer.message
    assert is_seven(await caller.ask(ECHO, SEVEN, replacing=long[1:]))
    served.probe.go_on.set()
    assert is_seven(await caller.answer(waiting))
    assert caller.goaways == []


async def test_headers_beyond_all_bounds_end_the_connection(caller: RawCaller) -> None:
    caller.open(ECHO, replacing=[("x-long", "x" * 33_000)])
    await caller.ends()
    assert caller.goaways == [ErrorCodes.ENHANCE_YOUR_CALM]


@pytest.mark.once
@pytest.mark.parametrize("where", ["calls", "trailers"])
async def test_a_flood_of_too_many_headers_ends_the_connection(where: str) -> None:
    """A call counts as one reset for each time that it has the allowed number of headers: here as three of four."""
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
