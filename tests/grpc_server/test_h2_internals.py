"""The private parts of h2 that we use exist and do what we rely on; unchanged, h2 would behave differently."""

import gc
import inspect
import weakref
from collections.abc import Callable

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import Event, RequestReceived, StreamReset
from h2.exceptions import (
    DenialOfServiceError,
    FrameTooLargeError,
    InvalidBodyLengthError,
    ProtocolError,
    TooManyStreamsError,
)
from h2.frame_buffer import FrameBuffer
from h2.settings import SettingCodes
from hpack import Encoder
from hyperframe.frame import Frame, GoAwayFrame, SettingsFrame

from travio_inventory.grpc_server.h2_internals import ENTRY_BYTES, HookedH2
from verification.kit.frames import PREFACE, frame, reset

PREAMBLE = PREFACE + frame(4, 0, 0, b"")
HEADERS = [(":method", "POST"), (":scheme", "http"), (":path", "/p"), (":authority", "a")]
UNCHECKED = H2Configuration(client_side=False, validate_inbound_headers=False, normalize_inbound_headers=False)


class Hooked(HookedH2):
    """Notes what its hooks are called with."""

    def __init__(self) -> None:
        super().__init__({SettingCodes.MAX_CONCURRENT_STREAMS: 2}, header_block_bytes_max=1_000)
        self.frames: list[str] = []
        self.new_streams = 0

    def on_frame(self, frame: Frame) -> list[Event]:
        self.frames.append(type(frame).__name__)
        return super().on_frame(frame)

    def on_new_stream(self) -> None:
        self.new_streams += 1


def begun(connection: H2Connection) -> H2Connection:
    """A server's side that has seen the client's beginning."""
    connection.initiate_connection()
    connection.receive_data(PREAMBLE)
    connection.data_to_send()
    return connection


def hooked() -> Hooked:
    connection = Hooked()
    begun(connection)
    return connection


def plain() -> H2Connection:
    """Unchanged h2, with our settings."""
    connection = H2Connection(UNCHECKED)
    connection.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 2
    connection.local_settings.acknowledge()
    return begun(connection)


def request(stream_id: int, *more: tuple[str, str], flags: int = 4) -> bytes:
    return frame(1, flags, stream_id, Encoder().encode([*HEADERS, *more]))


# What exists


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (H2Connection._receive_frame, ["self", "frame"]),
        (H2Connection._terminate_connection, ["self", "error_code"]),
        (H2Connection.receive_data, ["self", "data"]),
        (FrameBuffer.__init__, ["self", "server"]),
        (FrameBuffer.__next__, ["self"]),
    ],
)
def test_what_we_call_or_replace_takes_the_same_arguments(method: Callable[..., object], parameters: list[str]) -> None:
    assert list(inspect.signature(method).parameters) == parameters


def test_what_we_read_has_the_same_type() -> None:
    connection = plain()
    assert isinstance(connection.incoming_buffer, FrameBuffer)
    assert type(connection.incoming_buffer._data) is bytearray
    assert type(connection.incoming_buffer._headers_buffer) is list
    assert isinstance(connection.incoming_buffer.max_frame_size, int)
    assert type(connection._frame_dispatch_table) is dict
    assert type(connection.streams) is dict
    assert isinstance(vars(H2Connection)["open_inbound_streams"], property)
    assert H2Connection.MAX_CLOSED_STREAMS > HookedH2.MAX_CLOSED_STREAMS


# What it does with our replacements


def test_every_frame_goes_through_the_hook() -> None:
    connection = hooked()
    connection.receive_data(request(1) + frame(6, 0, 0, bytes(8)) + frame(0, 1, 1, b"x"))
    assert connection.frames == ["SettingsFrame", "HeadersFrame", "PingFrame", "DataFrame"]


def test_a_stream_too_many_is_passed_to_the_hook_and_does_not_end_the_connection() -> None:
    four = b"".join(request(stream_id) for stream_id in (1, 3, 5, 7))
    with pytest.raises(TooManyStreamsError):
        plain().receive_data(four)
    connection = hooked()
    connection.receive_data(four)
    assert (connection.new_streams, connection.streams_known()) == (4, 4)


def test_streams_are_open_then_closed_then_forgotten() -> None:
    connection = hooked()
    connection.receive_data(request(1) + request(3))
    connection.receive_data(reset(1))
    assert [(connection.has_stream(at), connection.is_open(at)) for at in (1, 3, 5)] == [
        (True, False),
        (True, True),
        (False, False),
    ]
    assert connection.forget_closed_streams() == 1
    assert (connection.streams_known(), connection.has_stream(1)) == (1, False)


def test_a_limited_number_of_closed_streams_is_remembered() -> None:
    connection = hooked()
    for stream_id in range(1, 2 * (HookedH2.MAX_CLOSED_STREAMS + 100), 2):
        connection.receive_data(request(stream_id) + reset(stream_id))
    connection.forget_closed_streams()
    assert len(connection._closed_streams) == HookedH2.MAX_CLOSED_STREAMS


def test_our_settings_are_those_that_are_announced() -> None:
    connection = Hooked()
    connection.initiate_connection()
    (settings,) = frames_of(connection.data_to_send())
    assert isinstance(settings, SettingsFrame)
    assert settings.settings[SettingCodes.MAX_CONCURRENT_STREAMS] == 2


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ((0xFF_FFFF).to_bytes(3) + bytes([0, 0]) + (1).to_bytes(4) + bytes(20_000), FrameTooLargeError),
        (request(1, ("x", "y" * 2_000), flags=0), DenialOfServiceError),
    ],
    ids=["a frame", "a header block"],
)
def test_an_incomplete_frame_is_waited_for_by_h2_itself(data: bytes, error: type[ProtocolError]) -> None:
    assert plain().receive_data(data) == []
    connection = hooked()
    with pytest.raises(error):
        connection.receive_data(data)
    (goaway,) = frames_of(connection.data_to_send())
    assert isinstance(goaway, GoAwayFrame)
    assert goaway.error_code == error.error_code


def test_a_window_update_of_nothing_ends_the_stream_alone() -> None:
    nothing = request(1) + frame(8, 0, 1, bytes(4))
    with pytest.raises(ProtocolError):
        plain().receive_data(nothing)
    events = hooked().receive_data(nothing)
    assert [type(event) for event in events] == [RequestReceived, StreamReset]


def test_a_wrong_content_length_harms_nobody() -> None:
    wrong = request(1, ("content-length", "3")) + frame(0, 1, 1, b"x")
    with pytest.raises(InvalidBodyLengthError):
        plain().receive_data(wrong)
    (event, *_) = hooked().receive_data(wrong)
    assert isinstance(event, RequestReceived)
    assert b"content-length" not in dict(event.headers)


def test_the_size_of_the_last_headers_is_known() -> None:
    connection = hooked()
    connection.receive_data(request(1, ("x-name", "12345")))
    listed = [*HEADERS, ("x-name", "12345")]
    assert connection.header_list_bytes == sum(len(name) + len(value) + ENTRY_BYTES for name, value in listed)


def test_headers_are_sent_in_the_given_spelling() -> None:
    connection, by_itself = hooked(), plain()
    for each in (connection, by_itself):
        each.receive_data(request(1))
        each.data_to_send()
        each.send_headers(1, [(":status", "200"), ("x-name", "a plain value")])
    assert b"a plain value" in connection.data_to_send()
    assert b"a plain value" not in by_itself.data_to_send()


def test_a_connection_that_is_released_leaves_nothing_behind() -> None:
    """Unchanged, it waits for a garbage collection."""
    gc.collect()
    gc.disable()
    try:
        ours, by_itself = hooked(), plain()
        gone: list[weakref.ref[H2Connection]] = [weakref.ref(ours), weakref.ref(by_itself)]
        ours.let_go()
        del ours, by_itself
        assert [one() is None for one in gone] == [True, False]
    finally:
        gc.enable()


def frames_of(data: bytes) -> list[Frame]:
    """Frames that were sent."""
    found = []
    while data:
        sent, length = Frame.parse_frame_header(memoryview(data[:9]))
        sent.parse_body(memoryview(data[9 : 9 + length]))
        found.append(sent)
        data = data[9 + length :]
    return found


def test_a_frame_that_arrives_is_not_written_out_with_its_content() -> None:
    """h2 calls `repr` for each one, whether its log is on or not."""
    assert "repr(frame)" in inspect.getsource(H2Connection._receive_frame)
    assert repr(SettingsFrame(0, {1: 2})) == "SettingsFrame"
