"""The lean server's reader of frames, without sockets: what it makes of bytes does not depend on how they come."""

from itertools import pairwise
from typing import Any

import pytest
from h2.errors import ErrorCodes
from hypothesis import given
from hypothesis import strategies as st

from tests.grpc_server.probe import CHAT, ECHO, LIMITS, SEVEN, Probe
from travio_inventory.grpc_server.admission import Admission
from travio_inventory.grpc_server.lean.connection import LeanConnection
from travio_inventory.grpc_server.lean.frame_format import ConnectionFault
from travio_inventory.grpc_server.lean.heads import RequestHead
from travio_inventory.grpc_server.lean.incoming import Incoming
from travio_inventory.grpc_server.lean.known_heads import KnownHeads
from travio_inventory.grpc_server.lean.outgoing import Outgoing
from travio_inventory.grpc_server.lean.stream_state import StreamState
from travio_inventory.grpc_server.server import GuardedServer
from verification.kit.frames import DATA, END_STREAM, PREFACE, asked, frame, opened, reset, settings_frame

Noted = tuple[Any, ...]


class Notes:
    """What a connection would be told, and its streams."""

    def __init__(self) -> None:
        server = GuardedServer([Probe()], limits=LIMITS, connection=LeanConnection)
        context = server._context
        self.noted: list[Noted] = []
        self.outgoing = Outgoing(b"", lambda stream: self.noted.append(("sent", stream.id)))
        self.incoming = Incoming(LIMITS, self.outgoing, KnownHeads(context, Admission(context)), self)

    def whole_request(self, stream_id: int, head: RequestHead, message: bytes) -> None:
        self.request_begins(stream_id, head, is_whole=False)
        stream = self.outgoing.streams[stream_id]
        self.data_arrives(stream, b"\0" + len(message).to_bytes(4) + message, 0)
        stream.remote_ended = True
        self.request_ends(stream)

    def request_begins(self, stream_id: int, head: RequestHead, *, is_whole: bool) -> None:
        self.noted.append(("begins", stream_id, head.rejection))
        stream = self.outgoing.open(stream_id, content_bytes=head.content_bytes, is_whole=is_whole)
        if is_whole:
            self.request_ends(stream)

    def data_arrives(self, stream: StreamState, data: bytes, flow_bytes: int) -> None:
        self.noted.append(("data", stream.id, data))

    def request_ends(self, stream: StreamState) -> None:
        self.noted.append(("ends", stream.id))

    def stream_is_reset(self, stream_id: int) -> None:
        self.noted.append(("is reset", stream_id))

    def peer_leaves(self) -> None:
        self.noted.append(("leaves",))

    def of(self, parts: list[bytes]) -> list[Noted]:
        """What comes of these bytes, read one after the other; the fault that ended it included."""
        try:
            for part in parts:
                self.incoming.receive(part)
        except ConnectionFault as fault:
            self.noted.append(("ended", fault.code))
        return self.noted


START = PREFACE + settings_frame([])
FRAMES = [
    asked(1, ECHO, SEVEN),
    opened(3, CHAT, ("content-length", "30")) + frame(DATA, 0, 3, bytes(20)) + frame(DATA, END_STREAM, 3, bytes(10)),
    frame(DATA, 0x8, 5, b"\x03abc" + bytes(3)),
    opened(5, CHAT),
    reset(5),
    opened(7, ECHO)[:20],
    frame(1, 0x4 | 0x20 | 0x8, 9, b"\x02" + bytes(5) + opened(1, ECHO)[9:] + bytes(2)),
    frame(1, 0, 11, opened(1, ECHO)[9:15]) + frame(9, 0x4, 11, opened(1, ECHO)[15:]),
    frame(6, 0, 0, bytes(8)),
    frame(7, 0, 0, bytes(8)),
    frame(8, 0, 0, b"\0\0\1\0"),
    frame(0xAA, 0xFF, 3, b"unknown"),
    bytes(12),
]


@given(
    st.lists(st.sampled_from(FRAMES) | st.binary(max_size=30), max_size=12),
    st.lists(st.integers(0, 600), max_size=8),
)
def test_what_frames_mean_does_not_depend_on_where_they_are_cut(frames: list[bytes], cuts: list[int]) -> None:
    data = START + b"".join(frames)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    parts = [data[start:end] for start, end in pairwise(places)]
    assert Notes().of(parts) == Notes().of([data])


@pytest.mark.parametrize(
    ("what", "data", "code"),
    [
        ("no HTTP/2", b"GET / HTTP/1.1\r\n\r\n", ErrorCodes.PROTOCOL_ERROR),
        ("no settings first", PREFACE + frame(6, 0, 0, bytes(8)), ErrorCodes.PROTOCOL_ERROR),
        ("a frame too large", START + b"\x00\x40\x01" + bytes(6), ErrorCodes.FRAME_SIZE_ERROR),
        ("DATA before HEADERS", START + frame(0, 0, 1, b"x"), ErrorCodes.PROTOCOL_ERROR),
        ("DATA without a stream", START + frame(0, 0, 0, b"x"), ErrorCodes.PROTOCOL_ERROR),
        ("an even stream", START + opened(2, ECHO), ErrorCodes.PROTOCOL_ERROR),
        ("an earlier stream", START + opened(5, ECHO) + opened(3, ECHO), ErrorCodes.PROTOCOL_ERROR),
        ("a stream that is over", START + opened(1, ECHO) + reset(1) + opened(1, ECHO), ErrorCodes.STREAM_CLOSED),
        ("a reset before HEADERS", START + reset(1), ErrorCodes.PROTOCOL_ERROR),
        ("a short reset", START + opened(1, ECHO) + frame(3, 0, 1, b"x"), ErrorCodes.FRAME_SIZE_ERROR),
        ("CONTINUATION alone", START + frame(9, 4, 1, b""), ErrorCodes.PROTOCOL_ERROR),
        ("an interrupted block", START + frame(1, 0, 1, b"") + frame(6, 0, 0, bytes(8)), ErrorCodes.PROTOCOL_ERROR),
        ("PUSH_PROMISE", START + frame(5, 4, 1, bytes(4)), ErrorCodes.PROTOCOL_ERROR),
        ("padding beyond the frame", START + opened(1, ECHO) + frame(0, 8, 1, b"\x05ab"), ErrorCodes.PROTOCOL_ERROR),
        ("PRIORITY in short HEADERS", START + frame(1, 0x24, 1, b"abc"), ErrorCodes.FRAME_SIZE_ERROR),
        ("settings on a stream", START + frame(4, 0, 1, b""), ErrorCodes.PROTOCOL_ERROR),
        ("half a setting", START + frame(4, 0, 0, b"abc"), ErrorCodes.FRAME_SIZE_ERROR),
        ("an acknowledgement with settings", START + frame(4, 1, 0, bytes(6)), ErrorCodes.FRAME_SIZE_ERROR),
        ("too large a first window", START + settings_frame([(4, 2**31)]), ErrorCodes.FLOW_CONTROL_ERROR),
        ("too small a frame size", START + settings_frame([(5, 100)]), ErrorCodes.PROTOCOL_ERROR),
        ("a push that is neither", START + settings_frame([(2, 2)]), ErrorCodes.PROTOCOL_ERROR),
        ("a short ping", START + frame(6, 0, 0, b"abc"), ErrorCodes.FRAME_SIZE_ERROR),
        ("a window of nothing", START + frame(8, 0, 0, bytes(4)), ErrorCodes.PROTOCOL_ERROR),
        ("a window too large", START + frame(8, 0, 0, b"\x7f\xff\xff\xff"), ErrorCodes.FLOW_CONTROL_ERROR),
        ("a window before HEADERS", START + frame(8, 0, 1, b"\0\0\0\1"), ErrorCodes.PROTOCOL_ERROR),
        ("a block without sense", START + frame(1, 4, 1, b"\x80"), ErrorCodes.COMPRESSION_ERROR),
    ],
)
def test_what_breaks_the_rules_ends_the_connection_and_says_why(what: str, data: bytes, code: ErrorCodes) -> None:
    assert Notes().of([data])[-1] == ("ended", code), what


def test_a_peer_that_sends_more_than_its_window_is_stopped() -> None:
    """A stream's 64 KiB end the stream, and the connection's MiB the connection."""
    notes = Notes()
    noted = notes.of([START + opened(1, CHAT) + frame(DATA, 0, 1, bytes(16_384)) * 4])
    assert noted[-1] == ("is reset", 1)
    notes = Notes()
    calls = b"".join(opened(number, CHAT) + frame(DATA, 0, number, bytes(16_000)) * 4 for number in range(1, 60, 2))
    assert notes.of([START + calls])[-1] == ("ended", ErrorCodes.FLOW_CONTROL_ERROR)


def test_a_message_that_waits_for_windows_goes_out_whole_and_in_order() -> None:
    """Of two streams in turn, as the connection's window opens a byte or a few at a time."""
    outgoing = Outgoing(b"", lambda stream: done.append(stream.id))
    done: list[int] = []
    outgoing.connection_window = 0
    messages = {1: b"first", 3: b"second one", 5: b""}
    for stream_id, message in messages.items():
        stream = outgoing.open(stream_id, content_bytes=None, is_whole=True)
        assert not outgoing.message(stream, message)
        outgoing.end(stream, b"")
    for size in (1, 3, 2, 30):
        outgoing.window_opened(size)
    sent, data = dict.fromkeys(messages, b""), outgoing.take()
    while data:
        length = int.from_bytes(data[:3])
        if data[3] == DATA:
            sent[int.from_bytes(data[5:9])] += data[9 : 9 + length]
        data = data[9 + length :]
    assert sent == {number: b"\0" + len(text).to_bytes(4) + text for number, text in messages.items()}
    assert sorted(done) == [1, 3, 5]
    assert not outgoing.streams
