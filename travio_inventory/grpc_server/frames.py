"""HTTP/2 frames of one connection: what a peer may send at which rate, and the one write per loop turn."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, Event, RequestReceived
from h2.exceptions import DenialOfServiceError, FrameTooLargeError, ProtocolError, StreamClosedError
from h2.frame_buffer import FrameBuffer
from h2.settings import SettingCodes, Settings
from hpack import Decoder, Encoder
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, PriorityFrame, RstStreamFrame

from travio_inventory.grpc_server.limits import ServerLimits

Headers = list[tuple[str, str]]

PREFIX_BYTES: Final = 5
"""Of each message: a flag for compression, and four for the length."""
CONNECTION_WINDOW_BYTES: Final = 1 << 20
"""What a peer may have under way on all its calls; each call has HTTP/2's own 64 KiB."""
SMALL_FRAME_BYTES: Final = 1_024
"""DATA below this, in the middle of a message, costs as much as a control frame and is counted as one."""
CONTROL_FRAMES_PER_CALL: Final = 4
"""What clients send along with a call: window updates, a ping to measure the line, a lone prefix."""
CONTROL_FRAMES_PER_BODY_FRAME: Final = 2
"""What clients answer to a full DATA frame: window updates of the call and of the connection."""
UNFLUSHED_BYTES_MAX: Final = 65_536
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


class Bucket:
    """Tokens that come back at `per_second`, one second's worth at most, and credit on top of them."""

    __slots__ = ("_at", "_credit", "_credit_max", "_per_second", "_tokens")

    def __init__(self, per_second: float, *, credit_max: int = 0) -> None:
        self._per_second = per_second
        self._tokens = per_second
        self._credit = 0
        self._credit_max = credit_max
        self._at = time.monotonic()

    def take(self) -> bool:
        """Take one token, from the credit if there is some; False if there was none."""
        if self._credit:
            self._credit -= 1
            return True
        now = time.monotonic()
        self._tokens = min(self._per_second, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def credit(self, tokens: int) -> None:
        self._credit = min(self._credit_max, self._credit + tokens)


@dataclass(kw_only=True)
class HeadersTooLarge(Event):
    """A call came with more headers than one may have. They are understood, as the next ones depend on them."""

    stream_id: int
    header_bytes: int
    request_ended: bool


class _Backlog(FrameBuffer):
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
        if len(self._data) > self.max_frame_size + 9:
            raise FrameTooLargeError("a frame beyond SETTINGS_MAX_FRAME_SIZE")
        if sum(len(part.data) for part in self._headers_buffer) > self._block_bytes_max:
            raise DenialOfServiceError("a header block beyond its limit")


class _Decoder(Decoder):
    """HPACK that tells how large the last list was. A content-length is passed over: each message has its own, and h2
    would end the connection of a caller who counts wrongly.
    """

    list_bytes = 0

    def decode(self, data: bytes, raw: bool = False) -> Any:  # noqa: ANN401 - hpack's signature
        headers = super().decode(data, raw=raw)
        self.list_bytes = sum([len(name) + len(value) + ENTRY_BYTES for name, value in headers])
        return [header for header in headers if header[0] != b"content-length"]


class _PlainEncoder(Encoder):
    """HPACK without Huffman codes: in pure Python they cost more (65 us for the details of a refusal) than the bytes
    they save.
    """

    def encode(self, headers: Any, huffman: bool = False) -> bytes:  # noqa: ANN401 - hpack's signature
        return super().encode(headers, huffman=huffman)


class GuardedFrames(H2Connection):
    """HTTP/2 state of one connection that counts what costs us time and belongs to no served call.

    `receive_data` raises h2's ProtocolError when the connection must end; the GOAWAY is then ready to send.
    """

    MAX_CLOSED_STREAMS = 1_024  # h2 remembers 65,536, some 7 MB for each connection

    def __init__(self, limits: ServerLimits) -> None:
        super().__init__(_CONFIG)
        self.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: limits.streams_concurrent_max,
                SettingCodes.MAX_HEADER_LIST_SIZE: limits.header_bytes_max,
            },
        )
        self.encoder = _PlainEncoder()
        self.decoder = self._decoder = _Decoder(limits.header_block_bytes_max)
        self._backlog = self.incoming_buffer = _Backlog(limits.header_block_bytes_max)
        self._header_bytes_max = limits.header_bytes_max
        self._streams_max = limits.streams_concurrent_max
        self._resets = Bucket(limits.resets_per_second_max)
        self._control = Bucket(
            limits.control_frames_per_second_max,
            credit_max=CONTROL_FRAMES_PER_CALL * limits.streams_concurrent_max,
        )

    def open(self) -> None:
        self.initiate_connection()
        self.increment_flow_control_window(CONNECTION_WINDOW_BYTES - self.local_settings.initial_window_size)

    def let_go(self) -> None:
        """Be gone with the last reference: h2's table of its own methods would wait for a collection of garbage."""
        self._frame_dispatch_table.clear()

    def credit_control_frames(self, frames: int) -> None:
        """Let the peer send so many control frames more: we have given it reason to."""
        self._control.credit(frames)

    def receive_data(self, data: bytes) -> list[Event]:  # type: ignore[override]    # we get bytes only
        events = super().receive_data(data)
        try:
            self._backlog.check()
        except ProtocolError as error:
            self._terminate_connection(error.error_code)
            raise
        return events

    @property
    def open_inbound_streams(self) -> int:
        """Always 0: h2 asks at each new stream, and ends the connection of a caller that opens one too many.

        We refuse the one call instead, and only count here. h2 also relies on being asked to forget closed
        streams; it walks through all of them each time, we only when they have become many.
        """
        if len(self.streams) >= self._streams_max and super().open_inbound_streams >= self._streams_max:
            self._charge(self._resets)
        return 0

    def _receive_frame(self, frame: Frame) -> list[Event]:
        if isinstance(frame, DataFrame):
            if self._is_waste(frame):
                self._charge(self._control)
        elif isinstance(frame, RstStreamFrame):
            self._charge(self._resets)
        elif isinstance(frame, GoAwayFrame):
            return [ConnectionTerminated()]  # h2 would forbid us to answer the calls that still run
        elif isinstance(frame, HeadersFrame):
            return self._receive_headers(frame)
        elif isinstance(frame, PriorityFrame):
            self._charge(self._control)
            return []  # deprecated (RFC 9113, 5.3); h2 would end the connection at one that makes no sense
        else:
            self._charge(self._control)
        return super()._receive_frame(frame)

    def _receive_headers(self, frame: HeadersFrame) -> list[Event]:
        self._control.credit(CONTROL_FRAMES_PER_CALL)
        frame.flags.discard("PRIORITY")
        if frame.stream_id in self.streams:
            frame.flags.add("END_STREAM")  # a call begins once, so these are trailers
        events = super()._receive_frame(frame)
        header_bytes = self._decoder.list_bytes
        if header_bytes <= self._header_bytes_max:
            return events
        for _ in range(header_bytes // self._header_bytes_max):
            self._charge(self._resets)
        return [
            HeadersTooLarge(
                stream_id=event.stream_id, header_bytes=header_bytes, request_ended=event.stream_ended is not None
            )
            if isinstance(event, RequestReceived)
            else event
            for event in events
        ]

    def _is_waste(self, frame: DataFrame) -> bool:
        """Whether DATA comes too late, or brings neither an end nor a whole message nor much of one."""
        stream = self.streams.get(frame.stream_id)
        if stream is None or stream.closed:
            return True
        data = frame.data
        if "END_STREAM" in frame.flags or len(data) >= SMALL_FRAME_BYTES:
            return False
        return len(data) < PREFIX_BYTES or len(data) != PREFIX_BYTES + int.from_bytes(data[1:PREFIX_BYTES])

    def _charge(self, bucket: Bucket) -> None:
        if not bucket.take():
            raise DenialOfServiceError("too many resets or control frames")  # ENHANCE_YOUR_CALM


class Writer:
    """The sending side of one connection; what is sent in one turn of the loop leaves in one write."""

    def __init__(self, frames: GuardedFrames, transport: asyncio.Transport) -> None:
        self.stalled_since: float | None = None
        self._frames = frames
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._flush_is_due = False
        self._unflushed_bytes = 0
        self._writable = asyncio.Event()
        self._writable.set()
        self._waiting_for_window: dict[int, asyncio.Event] = {}

    def send_headers(self, stream_id: int, headers: Headers, *, end_stream: bool = False) -> None:
        """Raise h2's ProtocolError if the stream, or the connection, is closed."""
        if stream_id not in self._frames.streams:
            raise StreamClosedError(stream_id)
        self._frames.send_headers(stream_id, headers, end_stream=end_stream)
        self.flush_soon()

    async def send_message(self, stream_id: int, message: bytes) -> None:
        """Send in frames as large as the peer takes, waiting for its windows; raises like `send_headers`.

        No copy waits with us: many may be waiting with the same large reply.
        """
        prefix = b"\0" + len(message).to_bytes(4)
        frames, sent, size = self._frames, 0, PREFIX_BYTES + len(message)
        while sent < size:
            if self.stalled_since is not None:
                await self._writable.wait()
            window = frames.local_flow_control_window(stream_id)
            if window <= 0:
                await self._window_opens(stream_id)
                continue
            count = min(window, frames.max_outbound_frame_size, size - sent)
            start, end = sent - PREFIX_BYTES, sent + count - PREFIX_BYTES
            piece = message[start:end] if start >= 0 else (prefix[sent:] + message[: max(0, end)])[:count]
            frames.send_data(stream_id, piece)
            sent += count
            if count >= SMALL_FRAME_BYTES:
                frames.credit_control_frames(CONTROL_FRAMES_PER_BODY_FRAME)
            self._unflushed_bytes += count
            if self._unflushed_bytes > UNFLUSHED_BYTES_MAX:
                self.flush()
        self.flush_soon()

    def reset(self, stream_id: int, code: ErrorCodes) -> None:
        """Reset a stream, unless it is closed already."""
        with suppress(ProtocolError):
            self._frames.reset_stream(stream_id, code)
        self.flush_soon()

    def acknowledge(self, stream_id: int, size: int) -> None:
        """Let the peer send `size` bytes more."""
        self._frames.acknowledge_received_data(size, stream_id)

    def flush_soon(self) -> None:
        if not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        self._flush_is_due = False
        self._unflushed_bytes = 0
        data = self._frames.data_to_send()
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def pause(self) -> None:
        """Take nothing more from a peer that does not read: its frames would add to what waits for it."""
        self.stalled_since = self._loop.time()
        self._writable.clear()
        self._transport.pause_reading()

    def resume(self) -> None:
        self.stalled_since = None
        self._writable.set()
        self._transport.resume_reading()

    def window_opened(self, stream_id: int) -> None:
        """Wake who waits for the window of that stream; 0 is the connection's, which all wait for."""
        waiting = self._waiting_for_window
        if not stream_id:
            for event in waiting.values():
                event.set()
        elif stream_id in waiting:
            waiting[stream_id].set()

    async def _window_opens(self, stream_id: int) -> None:
        event = self._waiting_for_window[stream_id] = asyncio.Event()
        try:
            self.flush()
            await event.wait()
        finally:
            del self._waiting_for_window[stream_id]
