"""Compressed messages, within the limit of their method: gzip, as every client of gRPC can."""

import zlib
from collections.abc import Callable
from typing import Final

from grpclib.const import Status
from grpclib.exceptions import GRPCError

GZIP: Final = "gzip"
_GZIP_BITS: Final = zlib.MAX_WBITS | 16


def inflated(data: bytes, encoding: str, *, bytes_max: int, too_large: Callable[[str], GRPCError]) -> bytes:
    """The message; never more than the limit of it is in memory. Raises GRPCError."""
    if encoding != GZIP:
        raise GRPCError(
            Status.UNIMPLEMENTED, f"compressed messages are accepted with grpc-encoding gzip, not {encoding}"
        )
    reader = zlib.decompressobj(_GZIP_BITS)
    try:
        message = reader.decompress(data, bytes_max + 1)
    except zlib.error:
        raise GRPCError(Status.INVALID_ARGUMENT, "a compressed message that is not gzip") from None
    if len(message) > bytes_max:
        raise too_large(f"a message of more than {bytes_max} bytes when it is inflated; at most that are accepted")
    if not reader.eof or reader.unused_data:
        raise GRPCError(Status.INVALID_ARGUMENT, "a compressed message that is cut off, or longer than its gzip")
    return message
