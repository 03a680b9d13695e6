"""HTTP/2 frames as bytes: the numbers in them, their heads, and what ends a connection or a stream."""

from struct import Struct
from typing import Final

from h2.errors import ErrorCodes

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, ACK, PADDED, HAS_PRIORITY = 0x1, 0x4, 0x1, 0x8, 0x20
ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = 2, 3, 4, 5, 6

HEAD_BYTES: Final = 9
FRAME_BYTES_MAX: Final = 16_384
"""Of a frame that we are sent; also what every peer takes."""
FRAME_BYTES_LIMIT: Final = 2**24 - 1
WINDOW_START: Final = 65_535
WINDOW_LIMIT: Final = 2**31 - 1
STREAM_ID_BITS: Final = 2**31 - 1
"""The highest bit of a stream's id means nothing."""

frame_head: Final = Struct(">HBBBI")
"""Length in two parts, kind, flags, stream."""
data_head: Final = Struct(">HBBBIBI")
"""The same of DATA that begins with a message: its flag and its length."""
number: Final = Struct(">I")
setting: Final = Struct(">HI")


class ConnectionFault(Exception):
    """The peer broke a rule so that nothing it sends can be understood any more, or sends to keep us busy."""

    def __init__(self, code: ErrorCodes, said: str) -> None:
        super().__init__(said)
        self.code = code


def wrong(said: str) -> ConnectionFault:
    """What no peer that speaks HTTP/2 does."""
    return ConnectionFault(ErrorCodes.PROTOCOL_ERROR, said)


def frame(kind: int, flags: int, stream_id: int, body: bytes = b"") -> bytes:
    """One frame."""
    size = len(body)
    return frame_head.pack(size >> 8, size & 0xFF, kind, flags, stream_id) + body


def header_frames(stream_id: int, block: bytes, *, end_stream: bool) -> bytes:
    """HEADERS, and CONTINUATION where one frame is too small."""
    flags = END_STREAM if end_stream else 0
    if len(block) <= FRAME_BYTES_MAX:
        return frame(HEADERS, flags | END_HEADERS, stream_id, block)
    parts = [block[start : start + FRAME_BYTES_MAX] for start in range(0, len(block), FRAME_BYTES_MAX)]
    frames = [frame(HEADERS, flags, stream_id, parts[0])]
    frames.extend(frame(CONTINUATION, 0, stream_id, part) for part in parts[1:-1])
    frames.append(frame(CONTINUATION, END_HEADERS, stream_id, parts[-1]))
    return b"".join(frames)


def settings_frame(settings: dict[int, int]) -> bytes:
    """SETTINGS with these values."""
    return frame(SETTINGS, 0, 0, b"".join([setting.pack(*one) for one in settings.items()]))


def window_update(stream_id: int, size: int) -> bytes:
    """Lets the peer send so many bytes more; 0 is the connection."""
    return frame(WINDOW_UPDATE, 0, stream_id, number.pack(size))
