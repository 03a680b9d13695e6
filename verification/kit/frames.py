"""HTTP/2 frames and gRPC messages as bytes, right or wrong, for callers that send more than a client would."""

from collections.abc import Iterable
from functools import cache
from typing import Final

from h2.errors import ErrorCodes
from hpack import Encoder, NeverIndexedHeaderTuple

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, ACK, PADDED = 0x1, 0x4, 0x1, 0x8
INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = 4, 5
FRAME_BYTES: Final = 16_384


def framed(message: bytes, *, flag: int = 0, declared_bytes: int | None = None) -> bytes:
    """A message with its prefix, which may be wrong."""
    size = len(message) if declared_bytes is None else declared_bytes
    return bytes([flag]) + size.to_bytes(4) + message


def frame(kind: int, flags: int, stream_id: int, body: bytes) -> bytes:
    """One frame, right or wrong."""
    return len(body).to_bytes(3) + bytes([kind, flags]) + stream_id.to_bytes(4) + body


def settings_frame(settings: Iterable[tuple[int, int]]) -> bytes:
    """A SETTINGS frame with these values."""
    body = b"".join(name.to_bytes(2) + value.to_bytes(4) for name, value in settings)
    return frame(SETTINGS, 0, 0, body)


@cache
def header_block(path: str, *more: tuple[str, str]) -> bytes:
    """The headers of a call, encoded so that the header block does not depend on earlier ones; later headers replace
    earlier ones.
    """
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": "attack",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    headers.update(more)
    encoded: bytes = Encoder().encode([NeverIndexedHeaderTuple(*header) for header in headers.items()])
    return encoded


def opened(stream_id: int, path: str, *more: tuple[str, str]) -> bytes:
    """The HEADERS that begin a call."""
    return frame(HEADERS, END_HEADERS, stream_id, header_block(path, *more))


def asked(stream_id: int, path: str, message: bytes, *more: tuple[str, str]) -> bytes:
    """A whole call, in the necessary number of frames."""
    return opened(stream_id, path, *more) + in_frames(stream_id, framed(message))


def in_frames(stream_id: int, body: bytes) -> bytes:
    """DATA to the end of the request."""
    starts = range(0, max(1, len(body)), FRAME_BYTES)
    return b"".join(
        frame(DATA, END_STREAM if start == starts[-1] else 0, stream_id, body[start : start + FRAME_BYTES])
        for start in starts
    )


def reset(stream_id: int) -> bytes:
    """The RST_STREAM that cancels the call."""
    return frame(RST_STREAM, 0, stream_id, ErrorCodes.CANCEL.to_bytes(4))
