"""The header blocks of answers. They refer to no table, so that each is the same bytes whoever is answered."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from grpclib.const import Status
from grpclib.metadata import encode_bin_value, encode_grpc_message

from travio_inventory.grpc_server.answers import Rejection

_CONTENT_TYPE: Final = 31
_STATUS: Final = 8
_TEXT: Final = "text/plain; charset=utf-8"
_STATUS_OK: Final = b"\x88"
_SIZE_IN_ONE_BYTE: Final = 0x7F
_ENDS_REMEMBERED_MAX: Final = 512
_END_CHARS_MAX: Final = 2_048


def text(value: bytes) -> bytes:
    """A text without Huffman codes: in Python they cost more than the bytes that they save."""
    size = len(value)
    if size < _SIZE_IN_ONE_BYTE:
        return bytes((size,)) + value
    written = bytearray((_SIZE_IN_ONE_BYTE,))
    size -= _SIZE_IN_ONE_BYTE
    while size > 0x7F:
        written.append(size & 0x7F | 0x80)
        size >>= 7
    written.append(size)
    return bytes(written) + value


def field(name: str, value: str) -> bytes:
    """A field for no table."""
    return b"\0" + text(name.encode("latin-1")) + text(value.encode("latin-1"))


def begin(content_type: str, *, http_status: int = 200, metadata: Sequence[tuple[str, str]] = ()) -> bytes:
    """The headers with which an answer begins."""
    status = _STATUS_OK if http_status == 200 else bytes((_STATUS,)) + text(b"%d" % http_status)
    named = b"\x0f" + bytes((_CONTENT_TYPE - 15,)) + text(content_type.encode("ascii"))
    return status + named + b"".join([field(*one) for one in metadata])


def end(status: Status, message: str | None, details: bytes | None, metadata: Sequence[tuple[str, str]] = ()) -> bytes:
    """The trailers that end an answer, or follow `begin` where it has no message."""
    if metadata:
        return _end(status, message, details) + b"".join([field(*one) for one in metadata])
    if len(message or "") + len(details or b"") > _END_CHARS_MAX:
        return _end(status, message, details)
    return _remembered_end(status, message, details)


class RejectedReply(NamedTuple):
    """The answer to headers that make no call: its text is for people, and most have none."""

    begin: bytes
    text: bytes
    end: bytes


def rejected(rejection: Rejection, content_type: str) -> RejectedReply:
    """What is said of headers that make no call."""
    begins = begin(_TEXT if rejection.text else content_type, http_status=rejection.http_status)
    ends = _end(rejection.status, rejection.message, rejection.details)
    return RejectedReply(begins, rejection.text.encode(), ends)


def _end(status: Status, message: str | None, details: bytes | None) -> bytes:
    block = field("grpc-status", str(status.value))
    if message is not None:
        block += field("grpc-message", encode_grpc_message(message))
    if details is not None:
        block += field("grpc-status-details-bin", encode_bin_value(details).decode("ascii"))
    return block


_remembered_end = lru_cache(_ENDS_REMEMBERED_MAX)(_end)
"""In a rush on a seat all are refused in the same words."""
