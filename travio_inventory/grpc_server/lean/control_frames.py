"""Frames that carry no request: what each does, and what it is charged, since a peer may send them for nothing."""

from typing import Final, Protocol

from h2.errors import ErrorCodes

from travio_inventory.grpc_server.lean.frame_format import (
    ACK,
    ENABLE_PUSH,
    FRAME_BYTES_LIMIT,
    FRAME_BYTES_MAX,
    GOAWAY,
    INITIAL_WINDOW_SIZE,
    MAX_FRAME_SIZE,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    STREAM_ID_BITS,
    WINDOW_LIMIT,
    WINDOW_UPDATE,
    ConnectionFault,
    frame,
    number,
    setting,
    wrong,
)
from travio_inventory.grpc_server.lean.outgoing import Outgoing
from travio_inventory.grpc_server.limits import ServerLimits
from travio_inventory.grpc_server.rates import TokenBucket

CONTROL_FRAMES_PER_CALL: Final = 4
"""What clients send along with a call: window updates, a ping to measure the line, a lone prefix."""
SETTINGS_PER_CHARGE: Final = 8
PING_BYTES: Final = 8
GOAWAY_BYTES_MIN: Final = 8
NUMBER_BYTES: Final = 4
SETTING_BYTES: Final = 6
PRIORITY_BYTES: Final = 5


class StreamsOfPeer(Protocol):
    """The streams that the peer has opened."""

    def was_used(self, stream_id: int) -> bool:
        """Whether it is over or open, so that frames on it may be late."""
        ...

    def reset_stream(self, stream_id: int, code: ErrorCodes) -> None:
        """End a stream for what the peer has sent."""
        ...

    def forget_stream(self, stream_id: int) -> None:
        """The peer has reset it."""
        ...

    def peer_leaves(self) -> None: ...


class ControlFrames:
    """Those of one connection. Raises ConnectionFault for what ends it."""

    def __init__(self, limits: ServerLimits, outgoing: Outgoing, streams: StreamsOfPeer) -> None:
        self.calls_to_credit = 0
        """Calls that have come and were not yet counted in what the peer may send besides."""
        self._outgoing = outgoing
        self._streams = streams
        self._resets = TokenBucket(limits.resets_per_second_max)
        self._control = TokenBucket(
            limits.control_frames_per_second_max,
            credit_max=CONTROL_FRAMES_PER_CALL * limits.streams_concurrent_max,
        )

    def charge(self, frames: int = 1) -> None:
        """For frames that no call has paid for."""
        earned = self.calls_to_credit * CONTROL_FRAMES_PER_CALL + self._outgoing.credit
        if earned:
            self._control.credit(earned)
            self.calls_to_credit = self._outgoing.credit = 0
        for _ in range(frames):
            if not self._control.take():
                raise ConnectionFault(ErrorCodes.ENHANCE_YOUR_CALM, "too many control frames")

    def charge_resets(self, resets: int) -> None:
        """For calls that were cancelled, or cost as much."""
        for _ in range(resets):
            if not self._resets.take():
                raise ConnectionFault(ErrorCodes.ENHANCE_YOUR_CALM, "too many resets")

    def receive(self, kind: int, flags: int, stream_id: int, body: bytes) -> None:
        """Do as the frame says."""
        if kind == RST_STREAM:
            self._reset(stream_id, body)
            return
        if kind == PUSH_PROMISE:
            raise wrong("PUSH_PROMISE from a client")
        self.charge()
        if kind == WINDOW_UPDATE:
            self._window_update(stream_id, body)
        elif kind == PRIORITY:
            self._priority(stream_id, body)
        elif kind in (SETTINGS, PING, GOAWAY):
            if stream_id:
                raise wrong("a frame of the connection on a stream")
            if kind == SETTINGS:
                self._settings(flags, body)
            elif kind == PING:
                self._ping(flags, body)
            else:
                _sized(len(body) >= GOAWAY_BYTES_MIN)
                self._streams.peer_leaves()

    def _reset(self, stream_id: int, body: bytes) -> None:
        """One that comes after our answer costs the peer no more than what it may send besides a call."""
        if stream_id in self._outgoing.streams:
            self.charge_resets(1)
        else:
            self.charge()
        _sized(len(body) == NUMBER_BYTES)
        if not self._streams.was_used(stream_id):
            raise wrong("RST_STREAM on a stream that is not open")
        self._streams.forget_stream(stream_id)

    def _window_update(self, stream_id: int, body: bytes) -> None:
        _sized(len(body) == NUMBER_BYTES)
        size = number.unpack(body)[0] & STREAM_ID_BITS
        if not stream_id:
            if not size:
                raise wrong("a window update of nothing")
            self._outgoing.window_opened(size)
            return
        stream = self._outgoing.streams.get(stream_id)
        if stream is None:
            if not self._streams.was_used(stream_id):
                raise wrong("WINDOW_UPDATE on a stream that is not open")
        elif not size:
            self._streams.reset_stream(stream_id, ErrorCodes.PROTOCOL_ERROR)
        elif stream.send_window + size > WINDOW_LIMIT:
            self._streams.reset_stream(stream_id, ErrorCodes.FLOW_CONTROL_ERROR)
        else:
            self._outgoing.stream_window_opened(stream, size)

    def _priority(self, stream_id: int, body: bytes) -> None:
        """Of no use to us, nor to RFC 9113; but it must make sense, unless its stream is over."""
        if not stream_id:
            raise wrong("PRIORITY of no stream")
        was_used = self._streams.was_used(stream_id)
        if len(body) != PRIORITY_BYTES:
            _sized(was_used)
            self._streams.reset_stream(stream_id, ErrorCodes.FRAME_SIZE_ERROR)
        elif number.unpack_from(body)[0] & STREAM_ID_BITS == stream_id:
            if not was_used:
                raise wrong("a stream that depends on itself")
            if stream_id in self._outgoing.streams:
                self._streams.reset_stream(stream_id, ErrorCodes.PROTOCOL_ERROR)

    def _settings(self, flags: int, body: bytes) -> None:
        if flags & ACK:
            _sized(not body)
            return
        _sized(not len(body) % SETTING_BYTES)
        self.charge(len(body) // SETTING_BYTES // SETTINGS_PER_CHARGE)
        window = self._outgoing.stream_window
        for name, value in setting.iter_unpack(body):
            if name == INITIAL_WINDOW_SIZE:
                if value > WINDOW_LIMIT:
                    raise ConnectionFault(ErrorCodes.FLOW_CONTROL_ERROR, "a window beyond the largest")
                window = value
            elif name == MAX_FRAME_SIZE:
                if not FRAME_BYTES_MAX <= value <= FRAME_BYTES_LIMIT:
                    raise wrong("a frame size that HTTP/2 does not allow")
                self._outgoing.frame_bytes_max = value
            elif name == ENABLE_PUSH and value > 1:
                raise wrong("ENABLE_PUSH that is neither 0 nor 1")
        self._outgoing.add(frame(SETTINGS, ACK, 0))
        if window != self._outgoing.stream_window:
            self._outgoing.stream_windows_changed(window)

    def _ping(self, flags: int, body: bytes) -> None:
        _sized(len(body) == PING_BYTES)
        if not flags & ACK:
            self._outgoing.add(frame(PING, ACK, 0, body))


def _sized(is_right: bool) -> None:
    if not is_right:
        raise ConnectionFault(ErrorCodes.FRAME_SIZE_ERROR, "a frame of a wrong size")
