"""Streams that we reset while the peer could still send on them: what it had under way is ignored (RFC 9113, 5.4.2)."""

from typing import Final

STREAMS_MAX: Final = 256
"""Of one connection: the oldest is forgotten first."""


class LatelyReset:
    """Those of one connection, each with the bytes that the peer may have had under way."""

    __slots__ = ("_windows",)

    def __init__(self) -> None:
        self._windows: dict[int, int] = {}

    def add(self, stream_id: int, window: int) -> None:
        """We reset it; the peer could send so many bytes more."""
        if len(self._windows) >= STREAMS_MAX:
            del self._windows[next(iter(self._windows))]
        self._windows[stream_id] = window

    def forget(self, stream_id: int) -> None:
        """The peer has said that nothing more comes."""
        self._windows.pop(stream_id, None)

    def expects(self, stream_id: int, flow_bytes: int, *, ends: bool) -> bool:
        """Whether a frame may have been under way when we reset its stream; `ends` if it is the last one."""
        left = self._windows.get(stream_id, -1) - flow_bytes
        if left < 0 or ends:
            self._windows.pop(stream_id, None)
        else:
            self._windows[stream_id] = left
        return left >= 0
