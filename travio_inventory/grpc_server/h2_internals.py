"""What we use of h2 that it does not promise: the only place; its test fails when that changes."""

from collections.abc import Mapping
from typing import Any, Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import Event
from h2.exceptions import DenialOfServiceError, FrameTooLargeError, ProtocolError
from h2.frame_buffer import FrameBuffer
from h2.settings import SettingCodes, Settings
from hpack import Decoder, Encoder
from hyperframe.frame import Frame

FRAME_HEADER_BYTES: Final = 9
ENTRY_BYTES: Final = 32
"""What HTTP/2 counts for each header on top of its text."""
WINDOW_UPDATE_BYTES: Final = 13
_WINDOW_UPDATE: Final = b"\0\0\x04\x08"
"""Its length and type, with which a frame begins."""
_WINDOW_BYTES_MAX: Final = (2**31 - 1).to_bytes(4)

_CONFIG: Final = H2Configuration(
    client_side=False,
    header_encoding="latin-1",  # never fails; ascii would end the connection at a caller's odd byte
    validate_inbound_headers=False,  # we check the few we use, and answer; h2 would end the connection
    validate_outbound_headers=False,
    normalize_inbound_headers=False,
    normalize_outbound_headers=False,
)


def _name(frame: Frame) -> str:
    return type(frame).__name__


Frame.__repr__ = _name  # type: ignore[method-assign]  # h2 writes out each frame that it receives, for a log that is off


class HookedH2(H2Connection):
    """The HTTP/2 state of one connection, with hooks where h2 has none. A hook that raises a ProtocolError ends the
    connection, as `receive_data` does by itself; the GOAWAY is then ready to send.
    """

    MAX_CLOSED_STREAMS = 1_024  # h2 remembers 65,536, some 7 MB for each connection

    def __init__(self, settings: Mapping[SettingCodes, int], *, header_block_bytes_max: int) -> None:
        super().__init__(_CONFIG)
        self.local_settings = Settings(client=False, initial_values=dict(settings))
        self.encoder = PlainEncoder()
        self.decoder = self._decoder = MeasuringDecoder(header_block_bytes_max)
        self._backlog = self.incoming_buffer = BoundedFrameBuffer(header_block_bytes_max)

    def on_frame(self, frame: Frame) -> list[Event]:
        """Hook: a frame has arrived whole. What h2 does with it comes of `pass_on`."""
        return self.pass_on(frame)

    def on_new_stream(self) -> None:
        """Hook: a stream is about to be opened by the peer."""

    def pass_on(self, frame: Frame) -> list[Event]:
        return super()._receive_frame(frame)

    def receive_data(self, data: bytes) -> list[Event]:  # type: ignore[override]    # we get bytes only
        events = super().receive_data(data)
        try:
            self._backlog.check()
        except ProtocolError as error:
            self._terminate_connection(error.error_code)
            raise
        return events

    @property
    def header_list_bytes(self) -> int:
        """The size, as HTTP/2 counts it, of the headers that came last."""
        return self._decoder.list_bytes

    def has_stream(self, stream_id: int) -> bool:
        """Whether the stream is open, or closed and not forgotten."""
        return stream_id in self.streams

    def is_open(self, stream_id: int) -> bool:
        stream = self.streams.get(stream_id)
        return stream is not None and not stream.closed

    def streams_known(self) -> int:
        """How many streams are open, or closed and not forgotten."""
        return len(self.streams)

    def forget_closed_streams(self) -> int:
        """Forget them; the number of those that the peer has open."""
        return super().open_inbound_streams

    @property
    def open_inbound_streams(self) -> int:
        """Always 0: h2 asks at each new stream, and ends the connection of a caller that opens one too many."""
        self.on_new_stream()
        return 0

    def let_go(self) -> None:
        """Be gone with the last reference: h2's table of its own methods would wait for a collection of garbage."""
        self._frame_dispatch_table.clear()

    def _receive_frame(self, frame: Frame) -> list[Event]:
        return self.on_frame(frame)


class BoundedFrameBuffer(FrameBuffer):
    """What has arrived and makes no whole frame, or no whole header block, yet."""

    def __init__(self, block_bytes_max: int) -> None:
        super().__init__(server=True)
        self._block_bytes_max = block_bytes_max

    def __next__(self) -> Frame:
        start = self._data[:WINDOW_UPDATE_BYTES]
        if start[:4] == _WINDOW_UPDATE and len(start) == WINDOW_UPDATE_BYTES and not any(start[9:]) and any(start[5:9]):
            # An increment of nothing. It ends a stream alone, as one beyond the largest window does, which h2 knows.
            self._data[9:WINDOW_UPDATE_BYTES] = _WINDOW_BYTES_MAX
        return super().__next__()

    def check(self) -> None:
        """Raise if that is more than a frame or a header block may have: h2 looks only when it is whole."""
        if len(self._data) > self.max_frame_size + FRAME_HEADER_BYTES:
            raise FrameTooLargeError("a frame beyond SETTINGS_MAX_FRAME_SIZE")
        if sum(len(part.data) for part in self._headers_buffer) > self._block_bytes_max:
            raise DenialOfServiceError("a header block beyond its limit")


class MeasuringDecoder(Decoder):
    """HPACK that tells how large the last list was. A content-length is passed over: each message has its own, and h2
    would end the connection of a caller who counts wrongly.
    """

    list_bytes = 0

    def decode(self, data: bytes, raw: bool = False) -> Any:  # noqa: ANN401 - hpack's signature
        headers = super().decode(data, raw=raw)
        self.list_bytes = sum([len(name) + len(value) + ENTRY_BYTES for name, value in headers])
        return [header for header in headers if header[0] != b"content-length"]


class PlainEncoder(Encoder):
    """HPACK without Huffman codes: in pure Python they cost more (65 us for the details of a refusal) than the bytes
    they save.
    """

    def encode(self, headers: Any, huffman: bool = False) -> bytes:  # noqa: ANN401 - hpack's signature
        return super().encode(headers, huffman=huffman)
