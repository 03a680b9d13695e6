"""What one connection sends: frames in order, DATA as far as the peer's windows let it, all as bytes for one write."""

from collections.abc import Callable
from typing import Final

from h2.errors import ErrorCodes

from travio_inventory.grpc_server.framing import PREFIX_BYTES, SMALL_FRAME_BYTES
from travio_inventory.grpc_server.lean.frame_format import (
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_BYTES_MAX,
    GOAWAY,
    HEAD_BYTES,
    HEADERS,
    RST_STREAM,
    WINDOW_LIMIT,
    WINDOW_START,
    ConnectionFault,
    data_head,
    frame,
    frame_head,
    header_frames,
    number,
    window_update,
)
from travio_inventory.grpc_server.lean.lately_reset import LatelyReset
from travio_inventory.grpc_server.lean.reply_blocks import RejectedReply
from travio_inventory.grpc_server.lean.stream_state import StreamState

CONNECTION_WINDOW_BYTES: Final = 1 << 20
"""What a peer may have in flight on all its calls; each call has HTTP/2's own 64 KiB."""
CONTROL_FRAMES_PER_BODY_FRAME: Final = 2
"""What clients answer to a full DATA frame: window updates of the call and of the connection."""
REJECTED_MAX: Final = 32
"""Requests of one connection that are no calls, and not over; beyond that the oldest is reset."""
WRITE_BYTES_MAX: Final = 65_536
"""Gathered in one turn of the loop before they are written."""


class Outgoing:
    """Frames to be sent, and the windows of the peer. `on_sent` is told the streams that have sent all."""

    def __init__(self, begin_block: bytes, on_sent: Callable[[StreamState], None]) -> None:
        self.frames: list[bytes] = []
        self.size = 0
        self.streams: dict[int, StreamState] = {}
        """Those that are open, apart from those that are answered as soon as they are read."""
        self.lately_reset = LatelyReset()
        self._rejected: dict[int, bool] = {}
        """Streams of what is no call; and whether they are open for a while."""
        self.stream_window = WINDOW_START
        """What a stream begins with: the peer's SETTINGS."""
        self.connection_window = WINDOW_START
        self.frame_bytes_max = FRAME_BYTES_MAX
        self.is_stalled = False
        """The peer does not read: no more DATA for now."""
        self.credit = 0
        """Control frames that the peer owes us for DATA that it was sent."""
        self._on_sent = on_sent
        self._waiting: dict[int, StreamState] = {}
        """Those with DATA that the windows hold back, the next one first."""
        self._unacknowledged = 0
        self.receive_window = CONNECTION_WINDOW_BYTES
        """What the peer may still send before it is told more."""
        size = len(begin_block)
        self.begin_block = begin_block
        self._begin_start = bytes((size >> 16, size >> 8 & 0xFF, size & 0xFF, HEADERS, END_HEADERS))

    def open(self, stream_id: int, *, content_bytes: int | None, is_whole: bool) -> StreamState:
        """Keep a stream; `content_bytes` is what its content-length says, `is_whole` whether the peer has ended it."""
        stream = self.streams[stream_id] = StreamState(stream_id, self.stream_window)
        stream.content_bytes_left = content_bytes
        stream.remote_ended = is_whole
        return stream

    def take(self) -> bytes:
        """All that is to be written now."""
        data = b"".join(self.frames)
        self.frames.clear()
        self.size = 0
        return data

    def add(self, data: bytes) -> None:
        self.frames.append(data)
        self.size += len(data)

    def let_go(self) -> None:
        """Tell nobody anything more."""
        self._on_sent = _nobody

    # Answers.

    def answer_at_once(self, stream_id: int, kept: StreamState | None, message: bytes, trailers: bytes) -> bool:
        """Begin, message and end in one, if the windows let it. `kept` is the stream if it is open."""
        size = len(message) + PREFIX_BYTES
        stream_window = self.stream_window if kept is None else kept.send_window
        if size > self.connection_window or size > stream_window or size > FRAME_BYTES_MAX or self.is_stalled:
            return False
        if kept is not None:
            if not kept.remote_ended:
                return False
            del self.streams[stream_id]
        self.connection_window -= size
        stream = stream_id.to_bytes(4)
        ended = len(trailers)
        self.add(
            b"".join(
                (
                    self._begin_start, stream, self.begin_block,
                    data_head.pack(size >> 8, size & 0xFF, DATA, 0, stream_id, 0, size - PREFIX_BYTES), message,
                    frame_head.pack(ended >> 8, ended & 0xFF, HEADERS, END_HEADERS | END_STREAM, stream_id), trailers,
                )
            )
        )  # fmt: skip
        if size >= SMALL_FRAME_BYTES:
            self.credit += CONTROL_FRAMES_PER_BODY_FRAME
        return True

    def headers(self, stream_id: int, block: bytes, *, end_stream: bool = False) -> None:
        self.add(header_frames(stream_id, block, end_stream=end_stream))

    def begin(self, stream_id: int) -> None:
        """The usual headers of an answer."""
        self.headers(stream_id, self.begin_block)

    def refuse(self, stream_id: int, trailers: bytes) -> None:
        """The headers and the end of an answer without a message."""
        self.headers(stream_id, self.begin_block + trailers, end_stream=True)

    def reject(self, stream_id: int, reply: RejectedReply, *, content_bytes: int | None, is_whole: bool) -> None:
        """Answer what is no call. Its stream is open until the text is sent and the request has ended, or for a while:
        what is still to come is held to the rules, and of no use.
        """
        if not reply.text:
            self.headers(stream_id, reply.begin + reply.end, end_stream=True)
            if is_whole:
                return
        stream = self.open(stream_id, content_bytes=content_bytes, is_whole=is_whole)
        self._rejected[stream_id] = False
        if reply.text:
            self.headers(stream_id, reply.begin)
            stream.trailers = reply.end
            stream.message, stream.sent = reply.text, PREFIX_BYTES  # it has no prefix
            self._send(stream)
        if len(self._rejected) > REJECTED_MAX:
            self.reset(next(iter(self._rejected)), ErrorCodes.NO_ERROR)

    def end_rejected(self) -> None:
        """Ask for no more of those that were there the last time."""
        for stream_id in [stream_id for stream_id, is_old in self._rejected.items() if is_old]:
            self.reset(stream_id, ErrorCodes.NO_ERROR)
        self._rejected = dict.fromkeys(self._rejected, True)

    def message(self, stream: StreamState, message: bytes) -> bool:
        """Send a message; whether it is sent already, or waits for a window."""
        stream.message = message
        stream.sent = 0
        return self._send(stream)

    def message_now(self, stream: StreamState, message: bytes) -> bool:
        """Send a message in one frame, if the windows let it and no other of the stream waits."""
        size = len(message) + PREFIX_BYTES
        if size > stream.send_window or size > self.connection_window or size > self.frame_bytes_max:
            return False
        if self.is_stalled or stream.message is not None:
            return False
        stream.send_window -= size
        self.connection_window -= size
        self.frames += (data_head.pack(size >> 8, size & 0xFF, DATA, 0, stream.id, 0, len(message)), message)
        self.size += HEAD_BYTES + size
        if size >= SMALL_FRAME_BYTES:
            self.credit += CONTROL_FRAMES_PER_BODY_FRAME
        return True

    def end(self, stream: StreamState, trailers: bytes) -> None:
        """End the answer, when its message is sent."""
        stream.trailers = trailers
        if stream.message is None:
            self._end(stream)

    def end_now(self, stream: StreamState, block: bytes) -> None:
        """End the answer with this block; of a message that is not sent the rest is forgotten."""
        self._drop(stream)
        stream.trailers = block
        self._end(stream)

    def reset(self, stream_id: int, code: ErrorCodes) -> None:
        """End the stream; what the peer had under way is ignored."""
        self.add(frame(RST_STREAM, 0, stream_id, number.pack(code)))
        stream = self.streams.pop(stream_id, None)
        self._rejected.pop(stream_id, None)
        if stream is not None:
            self._drop(stream)
            if not stream.remote_ended:
                self.lately_reset.add(stream_id, stream.receive_window)

    def reset_unopened(self, stream_id: int, code: ErrorCodes, *, is_whole: bool) -> None:
        """Reset a stream that was never kept; `is_whole` if the peer has ended it."""
        self.add(frame(RST_STREAM, 0, stream_id, number.pack(code)))
        if not is_whole:
            self.lately_reset.add(stream_id, WINDOW_START)

    def forget(self, stream_id: int) -> None:
        """The stream is over, whatever was to be sent, and nothing more comes on it."""
        self.lately_reset.forget(stream_id)
        self._rejected.pop(stream_id, None)
        stream = self.streams.pop(stream_id, None)
        if stream is not None:
            self._drop(stream)

    def go_away(self, last_stream_id: int, code: ErrorCodes) -> None:
        self.add(frame(GOAWAY, 0, 0, number.pack(last_stream_id) + number.pack(code)))

    # Windows.

    def acknowledge(self, stream: StreamState | None, size: int) -> None:
        """Let the peer send so much again: told when it is half a window."""
        self._unacknowledged += size
        if self._unacknowledged >= CONNECTION_WINDOW_BYTES // 2:
            self.add(window_update(0, self._unacknowledged))
            self.receive_window += self._unacknowledged
            self._unacknowledged = 0
        if stream is None or stream.remote_ended:
            return
        stream.unacknowledged += size
        if stream.unacknowledged >= WINDOW_START // 2:
            self.add(window_update(stream.id, stream.unacknowledged))
            stream.receive_window += stream.unacknowledged
            stream.unacknowledged = 0

    def window_opened(self, size: int) -> None:
        """The peer takes more on the connection. Raises ConnectionFault."""
        self.connection_window += size
        if self.connection_window > WINDOW_LIMIT:
            raise ConnectionFault(ErrorCodes.FLOW_CONTROL_ERROR, "a window beyond the largest")
        self.send_waiting()

    def stream_window_opened(self, stream: StreamState, size: int) -> None:
        """The peer takes more on the stream. A window beyond the largest resets it."""
        stream.send_window += size
        if stream.send_window > WINDOW_LIMIT:
            self.reset(stream.id, ErrorCodes.FLOW_CONTROL_ERROR)
        elif stream.message is not None:
            self._send(stream)

    def stream_windows_changed(self, size: int) -> None:
        """The peer's SETTINGS say with how much a stream begins. Raises ConnectionFault."""
        more = size - self.stream_window
        self.stream_window = size
        for stream in self.streams.values():
            stream.send_window += more
            if stream.send_window > WINDOW_LIMIT:
                raise ConnectionFault(ErrorCodes.FLOW_CONTROL_ERROR, "a window beyond the largest")
        self.send_waiting()

    def send_waiting(self) -> None:
        """As much as the windows let, each stream in its turn."""
        for stream in list(self._waiting.values()):
            if self.connection_window <= 0 or self.is_stalled or self.size > WRITE_BYTES_MAX:
                return
            if stream.send_window > 0:
                self._send(stream)

    def _send(self, stream: StreamState) -> bool:
        message = stream.message
        if message is None:
            return True
        size = len(message) + PREFIX_BYTES
        while stream.sent < size:
            count = min(stream.send_window, self.connection_window, self.frame_bytes_max, size - stream.sent)
            if count <= 0 or self.is_stalled or self.size > WRITE_BYTES_MAX:
                self._waiting.pop(stream.id, None)  # to the end of the line
                self._waiting[stream.id] = stream
                return False
            self._send_piece(stream, message, count)
        self._sent(stream)
        return True

    def _send_piece(self, stream: StreamState, message: bytes, count: int) -> None:
        start, end = stream.sent - PREFIX_BYTES, stream.sent + count - PREFIX_BYTES
        if start >= 0:
            piece = message[start:end]
        else:
            prefix = b"\0" + number.pack(len(message))
            piece = (prefix[stream.sent :] + message[: max(0, end)])[:count]
        stream.sent += count
        stream.send_window -= count
        self.connection_window -= count
        self.add(frame(DATA, 0, stream.id, piece))
        if count >= SMALL_FRAME_BYTES:
            self.credit += CONTROL_FRAMES_PER_BODY_FRAME

    def _sent(self, stream: StreamState) -> None:
        self._drop(stream)
        if stream.trailers is not None:
            self._end(stream)
            self._on_sent(stream)

    def _end(self, stream: StreamState) -> None:
        """The peer is told not to send the rest of a call that is answered."""
        self.headers(stream.id, stream.trailers or b"", end_stream=True)
        if stream.remote_ended:
            self.forget(stream.id)
        elif stream.id not in self._rejected:
            self.reset(stream.id, ErrorCodes.NO_ERROR)

    def _drop(self, stream: StreamState) -> None:
        """Keep nothing of its message; wake who waits for it."""
        stream.message = None
        self._waiting.pop(stream.id, None)
        if stream.drained is not None and not stream.drained.done():
            stream.drained.set_result(None)


def _nobody(_stream: StreamState) -> None:
    """Who is told when the connection is over."""
