"""Messages to bytes and back; a reply that is bytes already goes out as it is."""

import math
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from grpclib.encoding.base import CodecBase

from travio_inventory.grpc_server.grpclib_internals import ProtoMessage

ReadInTurns: TypeAlias = Callable[[bytes, type[Any]], Awaitable[ProtoMessage]]
"""Reads a large message, while others have their turn. Raises GRPCError for one that has too much in it; whatever else
it raises means that the bytes are no such message.
"""


class LargeMessage(Exception):
    """A request takes too long for one turn of the event loop."""


async def _read_at_once(data: bytes, message_type: type[ProtoMessage]) -> ProtoMessage:
    return message_type.FromString(data)


class PassThroughCodec(CodecBase):
    """For betterproto2 messages, and for google.protobuf ones (health, reflection).

    `bytes` as a reply are taken for the serialized reply: a cached seat map is never encoded again. A request of more
    than `at_once_bytes` is read by `decode_in_turns`.
    """

    __content_subtype__ = "proto"

    def __init__(self, at_once_bytes: float = math.inf, decode_in_turns: ReadInTurns = _read_at_once) -> None:
        self._at_once_bytes = at_once_bytes
        self.decode_in_turns = decode_in_turns

    def encode(self, message: object, message_type: type[ProtoMessage]) -> bytes:
        """Serialize a reply; raises TypeError if it is neither bytes nor of the method's reply type."""
        if isinstance(message, bytes):
            return message
        if not isinstance(message, message_type):
            raise TypeError(f"a reply must be bytes or {message_type.__name__}, not {type(message).__name__}")
        return message.SerializeToString()

    def decode(self, data: bytes, message_type: type[ProtoMessage]) -> ProtoMessage:
        """Parse a request; whatever the parser raises means that the bytes are no such message. Raises LargeMessage."""
        if len(data) > self._at_once_bytes:
            raise LargeMessage
        return message_type.FromString(data)
