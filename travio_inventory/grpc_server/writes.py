"""The sending side of one connection; everything sent in one turn of the loop leaves in one write."""

import asyncio
from contextlib import suppress
from typing import Final

from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError, StreamClosedError

from travio_inventory.grpc_server.frames import GuardedFrames
from travio_inventory.grpc_server.framing import PREFIX_BYTES, SMALL_FRAME_BYTES, Headers

CONTROL_FRAMES_PER_BODY_FRAME: Final = 2
"""What clients answer to a full DATA frame: window updates of the call and of the connection."""
UNFLUSHED_BYTES_MAX: Final = 65_536


class FrameWriter:
    """Sends the headers, messages and resets of all calls of one connection."""

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
        if not self._frames.has_stream(stream_id):
            raise StreamClosedError(stream_id)
        self._frames.send_headers(stream_id, headers, end_stream=end_stream)
        self.flush_soon()

    async def send_message(self, stream_id: int, message: bytes) -> None:
        """Send in frames as large as the peer takes, waiting for its windows; raises like `send_headers`.

        No copy waits with us: many may be waiting with the same large reply.
        """
        prefix = b"\0" + len(message).to_bytes(4)
        sent, size = 0, PREFIX_BYTES + len(message)
        while sent < size:
            if self.stalled_since is not None:
                await self._writable.wait()
            window = self._frames.local_flow_control_window(stream_id)
            if window <= 0:
                await self._window_opens(stream_id)
                continue
            count = min(window, self._frames.max_outbound_frame_size, size - sent)
            start, end = sent - PREFIX_BYTES, sent + count - PREFIX_BYTES
            self._send_piece(
                stream_id, message[start:end] if start >= 0 else (prefix[sent:] + message[: max(0, end)])[:count]
            )
            sent += count
        self.flush_soon()

    def send_now(self, stream_id: int, message: bytes) -> bool:
        """Send a message in one frame, if the peer's windows let it and no other of the stream waits. Raise like
        `send_headers`.
        """
        size = PREFIX_BYTES + len(message)
        if self.stalled_since is not None or stream_id in self._waiting_for_window:
            return False
        if size > min(self._frames.local_flow_control_window(stream_id), self._frames.max_outbound_frame_size):
            return False
        self._send_piece(stream_id, b"\0" + len(message).to_bytes(4) + message)
        self.flush_soon()
        return True

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

    def _send_piece(self, stream_id: int, piece: bytes) -> None:
        self._frames.send_data(stream_id, piece)
        if len(piece) >= SMALL_FRAME_BYTES:
            self._frames.credit_control_frames(CONTROL_FRAMES_PER_BODY_FRAME)
        self._unflushed_bytes += len(piece)
        if self._unflushed_bytes > UNFLUSHED_BYTES_MAX:
            self.flush()

    async def _window_opens(self, stream_id: int) -> None:
        event = self._waiting_for_window[stream_id] = asyncio.Event()
        try:
            self.flush()
            await event.wait()
        finally:
            del self._waiting_for_window[stream_id]
