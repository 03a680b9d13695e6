"""What a peer sends on a stream that is over: ignored while it may have been under way, refused where it cannot."""

from functools import partial

import pytest
from h2.errors import ErrorCodes

from tests.grpc_server.probe import CHAT, ECHO, MISSING, SEVEN, WAIT, Served, goes_on, is_seven, serving, until
from tests.grpc_server.test_lean_frames import START, Notes
from travio_inventory.grpc_server import start_queue
from travio_inventory.grpc_server.lean.lately_reset import STREAMS_MAX, LatelyReset
from verification.kit.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PRIORITY,
    RST_STREAM,
    WINDOW_UPDATE,
    asked,
    frame,
    framed,
    header_block,
    opened,
    reset,
)
from verification.kit.raw_caller import RawCaller

lean = pytest.mark.usefixtures("lean_engine")
FULL = frame(DATA, 0, 1, bytes(16_000))
TRAILERS = b"\x00\x01x\x01y"
SELF = (1).to_bytes(4) + b"\x03"


def resets(notes: Notes) -> list[tuple[int, int]]:
    """The streams that were reset, and why."""
    found, data = [], notes.outgoing.take()
    while data:
        length = int.from_bytes(data[:3])
        if data[3] == RST_STREAM:
            found.append((int.from_bytes(data[5:9]), int.from_bytes(data[9:13])))
        data = data[9 + length :]
    return found


def reset_by_us() -> Notes:
    """A connection whose stream 1 we have reset, while the peer still sends on it."""
    notes = Notes()
    notes.of([START + opened(1, CHAT)])
    notes.outgoing.reset(1, ErrorCodes.NO_ERROR)
    notes.outgoing.take()
    return notes


@pytest.mark.parametrize(
    "late",
    [
        FULL * 4,
        FULL * 3 + frame(DATA, END_STREAM, 1, b"x"),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, TRAILERS),
        frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\1"),
        frame(WINDOW_UPDATE, 0, 1, b"\x7f\xff\xff\xff") * 3,
        frame(PRIORITY, 0, 1, SELF),
        reset(1),
    ],
)
def test_what_was_under_way_when_we_reset_a_stream_is_ignored(late: bytes) -> None:
    notes = reset_by_us()
    noted = notes.of([late, asked(3, ECHO, SEVEN)])
    assert resets(notes) == []
    assert noted[-1] == ("ends", 3)


@pytest.mark.parametrize(
    ("late", "code"),
    [
        (FULL * 5, ErrorCodes.STREAM_CLOSED),
        (frame(DATA, END_STREAM, 1, b"") + FULL, ErrorCodes.STREAM_CLOSED),
        (reset(1) + FULL, ErrorCodes.STREAM_CLOSED),
    ],
)
def test_what_cannot_have_been_under_way_is_refused(late: bytes, code: ErrorCodes) -> None:
    notes = reset_by_us()
    notes.of([late, asked(3, ECHO, SEVEN)])
    assert resets(notes) == [(1, code)]


def test_headers_after_the_end_that_the_peer_set_end_the_connection() -> None:
    notes = reset_by_us()
    trailers = frame(HEADERS, END_HEADERS | END_STREAM, 1, TRAILERS)
    assert notes.of([trailers, trailers])[-1] == ("ended", ErrorCodes.STREAM_CLOSED)


def test_late_data_is_given_back_to_the_window_of_the_connection() -> None:
    """Otherwise each call that is answered before its request is whole takes 64 KiB from all later ones."""
    notes = Notes()
    for stream_id in range(1, 121, 2):
        notes.of([(START if stream_id == 1 else b"") + opened(stream_id, CHAT)])
        notes.outgoing.reset(stream_id, ErrorCodes.NO_ERROR)
        noted = notes.of([frame(DATA, 0, stream_id, bytes(16_000)) * 4])
    assert noted[-1] == ("begins", 119, None)


def test_late_resets_cost_less_than_those_that_cancel() -> None:
    """Each call pays for its own; a flood of them is one all the same."""
    notes = Notes()
    notes.of([START])
    for stream_id in range(1, 401, 2):
        noted = notes.of([asked(stream_id, ECHO, SEVEN)])
        notes.outgoing.forget(stream_id)
        noted = notes.of([reset(stream_id)])
    assert noted[-1] == ("is reset", 399)
    assert notes.of([reset(399) * 1_000])[-1] == ("ended", ErrorCodes.ENHANCE_YOUR_CALM)


def test_a_stream_that_depends_on_itself_is_reset_and_its_call_does_not_begin() -> None:
    notes = Notes()
    headers = frame(HEADERS, END_HEADERS | END_STREAM | 0x20, 1, SELF + header_block(CHAT))
    noted = notes.of([START + headers, asked(3, ECHO, SEVEN)])
    assert resets(notes) == [(1, ErrorCodes.PROTOCOL_ERROR)]
    assert [told[:2] for told in noted] == [("begins", 3), ("data", 3), ("ends", 3)]


def test_what_comes_on_a_stream_that_was_passed_over_ends_no_connection() -> None:
    """It is closed, not idle (RFC 9113, 5.1.1): a call that was given up before its headers were sent."""
    notes = Notes()
    late = reset(1) + frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\1") + frame(DATA, END_STREAM, 1, b"x")
    noted = notes.of([START + opened(3, CHAT) + late + asked(5, ECHO, SEVEN)])
    assert noted[-1] == ("ends", 5)
    assert notes.of([opened(1, CHAT)])[-1] == ("ended", ErrorCodes.PROTOCOL_ERROR)


def test_trailers_that_none_may_send_reset_the_stream() -> None:
    for block in (b"\x00\x01X\x01y", b"\x00\x0aconnection\x05close", b"\x82"):
        notes = Notes()
        notes.of([START + opened(1, CHAT) + frame(HEADERS, END_HEADERS | END_STREAM, 1, block)])
        assert resets(notes) == [(1, ErrorCodes.PROTOCOL_ERROR)], block


def test_only_a_limited_number_of_streams_is_remembered() -> None:
    lately = LatelyReset()
    for stream_id in range(STREAMS_MAX + 1):
        lately.add(stream_id, 10)
    assert not lately.expects(0, 0, ends=False)
    assert lately.expects(1, 10, ends=False)
    assert not lately.expects(1, 1, ends=False)
    assert not lately.expects(1, 0, ends=False)


@lean
async def test_a_request_that_was_rejected_may_go_on_to_its_end(served: Served, caller: RawCaller) -> None:
    """Many, each with four full frames that come after the answer; then one more is served."""
    for _ in range(40):
        stream_id = caller.open(MISSING)
        await caller.answer(stream_id)
        for _ in range(4):
            caller.send(stream_id, bytes(16_000))
        caller.send(stream_id, b"x", end=True)
    assert await goes_on(caller)
    (connection,) = served.server.connections
    await until(lambda: not connection._outgoing.streams)  # type: ignore[attr-defined]


@lean
async def test_a_request_that_was_rejected_and_never_ends_is_reset_after_a_while() -> None:
    async with serving(idle_connection_seconds_max=2.0) as served, served.caller() as caller:
        waiting = caller.call(WAIT, SEVEN)
        answer = await caller.answer(stream_id := caller.open(MISSING))
        assert answer.reset is None
        (connection,) = served.server.connections
        await until(partial(answer_is_reset, connection, stream_id))
        served.probe.go_on.set()
        assert is_seven(await caller.answer(waiting))


def answer_is_reset(connection: object, stream_id: int) -> bool:
    return stream_id not in connection._outgoing.streams  # type: ignore[attr-defined]


@lean
async def test_a_call_that_is_reset_before_its_turn_never_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many more calls in a read than start in a turn of the loop: only the first have run when all are reset."""
    monkeypatch.setattr(start_queue, "CALLS_PER_TURN", 3)
    monkeypatch.setattr(start_queue, "SECONDS_PER_TURN", 60.0)
    async with serving(streams_concurrent_max=100, resets_per_second_max=100) as served, served.caller() as caller:
        assert await goes_on(caller)
        for stream_id in [caller.call(WAIT, SEVEN) for _ in range(60)]:
            caller.reset(stream_id)
        await until(lambda: served.server.calls_open == 0 and len(served.ended) == 61)
        assert await goes_on(caller)
        assert served.probe.running == 0
        assert 3 <= served.probe.cancelled < 30


@lean
async def test_the_rules_hold_for_what_follows_a_rejection(caller: RawCaller) -> None:
    lengths = [("content-length", "10")]
    stream_id = caller.open(MISSING, replacing=lengths)
    await caller.answer(stream_id)
    caller.send_bytes(frame(DATA, END_STREAM, stream_id, framed(b"")))
    await until(lambda: caller._answers[stream_id].reset is ErrorCodes.PROTOCOL_ERROR)
    assert await goes_on(caller)
