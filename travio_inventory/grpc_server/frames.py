"""HTTP/2 frames of one connection: what each is charged, and which end the connection."""

from dataclasses import dataclass
from typing import Final

from h2.events import ConnectionTerminated, Event, RequestReceived
from h2.exceptions import DenialOfServiceError
from h2.settings import SettingCodes
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, PriorityFrame, RstStreamFrame

from travio_inventory.grpc_server.framing import PREFIX_BYTES, SMALL_FRAME_BYTES
from travio_inventory.grpc_server.h2_internals import HookedH2
from travio_inventory.grpc_server.limits import ServerLimits
from travio_inventory.grpc_server.rates import TokenBucket

CONNECTION_WINDOW_BYTES: Final = 1 << 20
"""What a peer may have in flight on all its calls; each call has HTTP/2's own 64 KiB."""
CONTROL_FRAMES_PER_CALL: Final = 4
"""What clients send along with a call: window updates, a ping to measure the line, a lone prefix."""


@dataclass(kw_only=True)
class HeadersTooLarge(Event):
    """A call has too many headers. They are decoded, since the next ones depend on them."""

    stream_id: int
    header_bytes: int
    request_ended: bool


class GuardedFrames(HookedH2):
    """HTTP/2 state of one connection that counts frames which cost time and belong to no served call.

    `receive_data` raises h2's ProtocolError when the connection must end; the GOAWAY is then ready to send.
    """

    def __init__(self, limits: ServerLimits) -> None:
        settings = {
            SettingCodes.MAX_CONCURRENT_STREAMS: limits.streams_concurrent_max,
            SettingCodes.MAX_HEADER_LIST_SIZE: limits.header_bytes_max,
        }
        super().__init__(settings, header_block_bytes_max=limits.header_block_bytes_max)
        self._header_bytes_max = limits.header_bytes_max
        self._streams_max = limits.streams_concurrent_max
        self._resets = TokenBucket(limits.resets_per_second_max)
        self._control = TokenBucket(
            limits.control_frames_per_second_max,
            credit_max=CONTROL_FRAMES_PER_CALL * limits.streams_concurrent_max,
        )

    def open(self) -> None:
        self.initiate_connection()
        self.increment_flow_control_window(CONNECTION_WINDOW_BYTES - self.local_settings.initial_window_size)

    def credit_control_frames(self, frames: int) -> None:
        """Allow the peer so many more control frames, which the server caused."""
        self._control.credit(frames)

    def on_new_stream(self) -> None:
        """Charge for a stream beyond the limit, instead of ending the connection: only that call is refused.

        h2 relies on calls that make it forget closed streams; it walks through all of them each time, this only when
        there are many.
        """
        if self.streams_known() >= self._streams_max and self.forget_closed_streams() >= self._streams_max:
            self._charge(self._resets)

    def on_frame(self, frame: Frame) -> list[Event]:
        if isinstance(frame, DataFrame):
            if self._is_waste(frame):
                self._charge(self._control)
        elif isinstance(frame, RstStreamFrame):
            self._charge(self._resets)
        elif isinstance(frame, GoAwayFrame):
            return [ConnectionTerminated()]  # h2 would forbid us to answer the calls that still run
        elif isinstance(frame, HeadersFrame):
            return self._on_headers(frame)
        elif isinstance(frame, PriorityFrame):
            self._charge(self._control)
            return []  # deprecated (RFC 9113, 5.3); h2 would end the connection at one that makes no sense
        else:
            self._charge(self._control)
        return self.pass_on(frame)

    def _on_headers(self, frame: HeadersFrame) -> list[Event]:
        self._control.credit(CONTROL_FRAMES_PER_CALL)
        frame.flags.discard("PRIORITY")
        if self.has_stream(frame.stream_id):
            frame.flags.add("END_STREAM")  # a call begins once, so these are trailers
        events = self.pass_on(frame)
        header_bytes = self.header_list_bytes
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
        """Whether DATA comes too late, or contains neither an end nor a whole message nor much of one."""
        if not self.is_open(frame.stream_id):
            return True
        data = frame.data
        if "END_STREAM" in frame.flags or len(data) >= SMALL_FRAME_BYTES:
            return False
        return len(data) < PREFIX_BYTES or len(data) != PREFIX_BYTES + int.from_bytes(data[1:PREFIX_BYTES])

    def _charge(self, bucket: TokenBucket) -> None:
        if not bucket.take():
            raise DenialOfServiceError("too many resets or control frames")  # ENHANCE_YOUR_CALM
