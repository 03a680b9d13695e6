"""Who comes without a gRPC client reads why it gets nothing: as its windows let it, and for a while."""

import pytest
from grpclib.const import Status
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from tests.grpc_server.probe import ECHO, goes_on
from travio_inventory.grpc_server.answers import Rejection
from travio_inventory.grpc_server.lean.outgoing import REJECTED_MAX, Outgoing
from travio_inventory.grpc_server.lean.reply_blocks import rejected
from verification.fuzz.judge import frames_in
from verification.kit.frames import DATA, HEADERS, RST_STREAM
from verification.kit.raw_caller import RawCaller

GET = [(":method", "GET")]
WHY = b"only POST is a call: this port is for gRPC clients\n"


@pytest.mark.usefixtures("lean_engine")
@pytest.mark.parametrize(
    ("header", "value", "said"),
    [
        (":method", "GET", WHY),
        (":method", "HEAD", b""),
        ("content-type", "text/html", b"content-type must be application/grpc+proto: this port is for gRPC clients\n"),
    ],
)
@pytest.mark.parametrize("is_whole", [True, False])
async def test_it_reads_why(caller: RawCaller, header: str, value: str, said: bytes, is_whole: bool) -> None:
    answer = await caller.answer(caller.open(ECHO, replacing=[(header, value)], end=is_whole))
    assert answer.body == said
    assert answer.headers["content-type"].startswith("text/plain" if said else "application/grpc")
    assert answer.headers["grpc-status"] == "3"
    assert await goes_on(caller)


@pytest.mark.usefixtures("lean_engine")
async def test_it_reads_as_much_as_its_window_lets_it(caller: RawCaller) -> None:
    caller.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 30})
    answer = await caller.answer(caller.open(ECHO, replacing=GET, end=True))
    assert (answer.body, answer.frame_sizes) == (WHY, [30, len(WHY) - 30])
    assert answer.headers["grpc-status"] == "3"


def without_window(pages: int = 1) -> Outgoing:
    """What is sent to a peer that takes no DATA and has asked for so many pages."""
    outgoing = Outgoing(b"", lambda _: None)
    outgoing.stream_windows_changed(0)
    for place in range(pages):
        reply = rejected(Rejection(Status.INVALID_ARGUMENT, "no call", 405, text=WHY.decode()), "application/grpc")
        outgoing.reject(2 * place + 1, reply, content_bytes=None, is_whole=True)
    return outgoing


def sent(outgoing: Outgoing) -> list[tuple[int, int, bytes]]:
    """Kind, stream and body of what was sent since the last look; no header blocks."""
    told = frames_in(outgoing.take())
    return [(kind, stream, b"" if kind == HEADERS else body) for kind, _, stream, body in told]


def test_a_text_waits_for_its_window_and_then_ends() -> None:
    outgoing = without_window()
    assert sent(outgoing) == [(HEADERS, 1, b"")]
    outgoing.stream_window_opened(outgoing.streams[1], len(WHY))
    assert sent(outgoing) == [(DATA, 1, WHY), (HEADERS, 1, b"")]
    assert not outgoing.streams


def test_a_text_that_nobody_makes_room_for_is_given_up() -> None:
    outgoing = without_window()
    sent(outgoing)
    outgoing.end_rejected()
    assert sent(outgoing) == []
    outgoing.end_rejected()
    assert sent(outgoing) == [(RST_STREAM, 1, ErrorCodes.NO_ERROR.to_bytes(4))]
    assert not outgoing.streams


def test_few_texts_wait_at_a_time() -> None:
    outgoing = without_window(REJECTED_MAX + 3)
    assert [stream for kind, stream, _ in sent(outgoing) if kind == RST_STREAM] == [1, 3, 5]
    assert len(outgoing.streams) == REJECTED_MAX
