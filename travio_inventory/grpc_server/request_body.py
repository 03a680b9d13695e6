"""The request of one call as it arrives: its messages, and the bytes kept of them."""

import asyncio
from typing import Protocol

from grpclib.exceptions import StreamTerminatedError

from travio_inventory.grpc_server.context import Method, ServerContext
from travio_inventory.grpc_server.inbox import Inbox


class WindowGiver(Protocol):
    """Lets the caller send more."""

    def acknowledge(self, stream_id: int, size: int) -> None:
        """Let the peer send `size` bytes more."""
        ...

    def flush_soon(self) -> None: ...


class RequestBody:
    """Messages that wait for the handler. The window is given back when more may come: at once where one message is
    all, else when the handler has taken what is there.
    """

    __slots__ = (
        "_arrival", "_context", "_inbox", "_is_closed", "_stream_id", "_unacknowledged_bytes",
        "_unread_bytes", "_writer", "is_whole", "takes_one",
    )  # fmt: skip

    def __init__(
        self, context: ServerContext, writer: WindowGiver, stream_id: int, method: Method, *, encoding: str
    ) -> None:
        self.takes_one = not method.handler.cardinality.client_streaming
        self.is_whole = False
        """Whether the caller has sent all."""
        self._context = context
        self._writer = writer
        self._stream_id = stream_id
        self._inbox = Inbox(
            method.message_bytes_max,
            1 if self.takes_one else None,
            too_large=context.refusals.too_large,
            encoding=encoding,
        )
        self._arrival: asyncio.Event | None = None
        self._is_closed = False
        self._unread_bytes = 0
        self._unacknowledged_bytes = 0

    @property
    def is_late(self) -> bool:
        """Whether something is missing that should have come by now."""
        return (self.takes_one and not self.is_whole) or bool(self._inbox.pending_bytes)

    def feed(self, data: bytes, flow_bytes: int) -> None:
        """Take DATA that took `flow_bytes` of the window; raises GRPCError as soon as it can be no request."""
        self._unacknowledged_bytes += flow_bytes
        if not self._is_closed:
            self._inbox.feed(data)
            if self._inbox.pending_bytes != self._unread_bytes:
                self._count_unread(self._inbox.pending_bytes)
        if self.takes_one or self._is_closed or not self._inbox.messages:
            self._acknowledge()
        elif self._arrival is not None:
            self._arrival.set()

    def finish(self) -> None:
        """Note that the caller has sent all; raises GRPCError if something is missing."""
        self.is_whole = True
        if self._is_closed:
            return
        self._inbox.finish()
        if self._arrival is not None:
            self._arrival.set()

    def close(self) -> None:
        """Keep nothing more: the call is over."""
        self._is_closed = True
        if self._unread_bytes:
            self._count_unread(0)
        self._acknowledge()

    async def next_message(self) -> bytes | None:
        """The next message, None if there are no more. Raises StreamTerminatedError if the call is over."""
        if not self._inbox.messages and not self.takes_one:
            await self._arrives()
        if not self._inbox.messages:
            return None
        message = self._inbox.messages.popleft()
        if self._unacknowledged_bytes and not self._inbox.messages:
            self._acknowledge()
            self._writer.flush_soon()
        return message

    async def _arrives(self) -> None:
        """Wait for a message of a streaming caller, or for its end."""
        while not self._inbox.messages and not self.is_whole:
            if self._is_closed:
                raise StreamTerminatedError("the call is over")
            self._arrival = asyncio.Event()
            await self._arrival.wait()

    def _count_unread(self, unread_bytes: int) -> None:
        """Account for what we keep of an incomplete message; raises GRPCError if it is too much in all."""
        self._context.unread_bytes_left -= unread_bytes - self._unread_bytes
        self._unread_bytes = unread_bytes
        if unread_bytes and self._context.unread_bytes_left < 0:
            raise self._context.refusals.crowded()

    def _acknowledge(self) -> None:
        size, self._unacknowledged_bytes = self._unacknowledged_bytes, 0
        if size:
            self._writer.acknowledge(self._stream_id, size)
