"""Messages to bytes and back; a reply that is bytes already goes out as it is."""

from grpclib.const import Status
from grpclib.encoding.base import CodecBase
from grpclib.exceptions import GRPCError

from travio_inventory.grpc_server.grpclib_internals import ProtoMessage

EMPTY_MAX = 300_000
"""Bytes of a request that are 0. Each may be an empty message, of which a parser makes 80 bytes: of 4 MB, 165 MB."""


class PassThroughCodec(CodecBase):
    """For betterproto2 messages, and for google.protobuf ones (health, reflection).

    `bytes` as a reply are taken for the serialized reply: a cached seat map is never encoded again.
    """

    __content_subtype__ = "proto"

    def encode(self, message: object, message_type: type[ProtoMessage]) -> bytes:
        """Serialize a reply; raises TypeError if it is neither bytes nor of the method's reply type."""
        if isinstance(message, bytes):
            return message
        if not isinstance(message, message_type):
            raise TypeError(f"a reply must be bytes or {message_type.__name__}, not {type(message).__name__}")
        return message.SerializeToString()

    def decode(self, data: bytes, message_type: type[ProtoMessage]) -> ProtoMessage:
        """Parse a request; whatever the parser raises means that the bytes are no such message. Raises GRPCError for
        what would take too much memory.
        """
        if len(data) > EMPTY_MAX and data.count(0) > EMPTY_MAX:
            raise GRPCError(Status.INVALID_ARGUMENT, f"more than {EMPTY_MAX} empty values in a {message_type.__name__}")
        return message_type.FromString(data)
