"""What all calls of one server share: its methods, limits and codecs, and its own refusals."""

import logging
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

from grpclib.const import Handler, Status
from grpclib.encoding.base import StatusDetailsCodecBase
from grpclib.exceptions import GRPCError
from grpclib.protocol import Peer

from travio_inventory.grpc_server.codec import PassThroughCodec
from travio_inventory.grpc_server.framing import CONTENT_TYPE
from travio_inventory.grpc_server.grpclib_internals import ProtoMessage, ReceivedMetadata, ServerEvents
from travio_inventory.grpc_server.lean.deadlines import Deadlines
from travio_inventory.grpc_server.lean.task_at_need import TaskAtNeed
from travio_inventory.grpc_server.limits import ServerLimits
from travio_inventory.grpc_server.start_queue import StartQueue

log = logging.getLogger("travio_inventory.rpc")

CallEnded: TypeAlias = Callable[[str, int, int], None]
"""Told of each call that ends: the path of its method, "" where none such is served; the status, CANCELLED where nobody
could be answered; and how long it took from its headers on, in nanoseconds. It must be quick and raise nothing.
"""

AtOnce: TypeAlias = Callable[[Peer, ReceivedMetadata, bytes], GRPCError | None]
"""What may answer a call with one whole message before its handler is started: a refusal, or None where the handler is
to say. It must be quick, wait for nothing and raise nothing.
"""

READ_BYTES_MAX: Final = 4_096
"""Of one connection per turn of the loop, so that a peer that sends much does not delay others."""


class Method(NamedTuple):
    """What is known of a method before it is called."""

    name: str
    handler: Handler
    message_bytes_max: int
    has_deadline: bool
    at_once: AtOnce | None = None


class ServerRefusals(NamedTuple):
    """The server's own refusals; the details are for the server's codec."""

    crowded: Callable[[], GRPCError]
    """Beyond its share, or where unfinished requests have no room."""
    stopping: Callable[[], GRPCError]
    """New calls during a drain."""
    too_large: Callable[[str], GRPCError]
    """A message, or metadata, that is too large, with the text for the caller."""


class ServerContext:
    """What all calls of one server share."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        limits: ServerLimits,
        codec: PassThroughCodec,
        status_details_codec: StatusDetailsCodecBase | None,
        events: ServerEvents,
        refusals: ServerRefusals,
        ended: CallEnded,
    ) -> None:
        self.methods = methods
        self.limits = limits
        self.codec = codec
        self.status_details_codec = status_details_codec
        self.events = events
        self.refusals = refusals
        self.ended = ended
        self.content_type = f"{CONTENT_TYPE}+{codec.__content_subtype__}"
        self.unread_bytes_left = limits.unread_bytes_max
        self.starts = StartQueue()
        self.tasks = TaskAtNeed()
        self.deadlines = Deadlines()
        self.read_buffer = memoryview(bytearray(READ_BYTES_MAX))
        """Shared by all connections: each takes its data out before the next one reads."""

    def refused_at_once(
        self, method: Method, peer: Peer, metadata: ReceivedMetadata, message: bytes
    ) -> GRPCError | None:
        """The refusal of a call, if it is known before its handler is started. Who listens to calls hears of all."""
        if method.at_once is None or self.events.is_listened_to:
            return None
        try:
            return method.at_once(peer, metadata, message)
        except Exception:
            log.exception("unexpected error in what answers %s at once", method.name)
            return None

    async def read_in_turns(self, data: bytes, message_type: type[ProtoMessage]) -> ProtoMessage:
        """The request that is too large for one turn. Until it is read its bytes count as those of an incomplete one.
        Raises GRPCError.
        """
        self.unread_bytes_left -= len(data)
        try:
            if self.unread_bytes_left < 0:
                raise self.refusals.crowded()
            return await self.codec.decode_in_turns(data, message_type)
        except GRPCError:
            raise
        except Exception as error:
            raise no_message(message_type) from error
        finally:
            self.unread_bytes_left += len(data)

    def packed(self, status: Status, message: str | None, details: object) -> bytes | None:
        """The details of an answer as a google.rpc.Status, None if there are none or no codec packs them."""
        codec = self.status_details_codec
        return None if codec is None or details is None else codec.encode(status, message, details)


def no_message(message_type: type[ProtoMessage]) -> GRPCError:
    """Of bytes that are no such message."""
    return GRPCError(Status.INVALID_ARGUMENT, f"not a {message_type.__name__}")
