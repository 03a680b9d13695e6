"""One call: its request taken as it arrives, its handler run, its one answer."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError
from grpclib.exceptions import ProtocolError as MisuseError
from grpclib.metadata import encode_metadata
from grpclib.protocol import Peer
from grpclib.server import Stream
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from multidict import MultiDict

from travio_inventory.grpc_server.admission import Request, answer_headers
from travio_inventory.grpc_server.frames import Headers, Writer
from travio_inventory.grpc_server.inbox import Inbox
from travio_inventory.grpc_server.shared import Shared

log = logging.getLogger("travio_inventory.rpc")

Metadata = Mapping[str, str | bytes] | Collection[tuple[str, str | bytes]]


class Call(Stream[Any, Any]):
    """What a handler gets: grpclib's stream, every method of which is replaced.

    A call is answered exactly once. Who answers first wins: the handler, its deadline, the caller's reset, a
    drain; the handler is then cancelled and what it still says is dropped. The handler of a method that takes
    one message starts when the message is complete.
    """

    def __init__(  # does not call grpclib's: it sets up what the replaced methods used
        self,
        shared: Shared,
        writer: Writer,
        stream_id: int,
        request: Request,
        peer: Peer,
        on_gone: Callable[[int], None],
    ) -> None:
        self.deadline = request.deadline
        self.metadata = request.metadata
        self.user_agent = request.user_agent
        self.peer = peer
        self.ended = False
        self.request_ended = False
        self._shared = shared
        self._writer = writer
        self._stream_id = stream_id
        self._request = request
        self._on_gone = on_gone
        self._handler = request.method.handler
        self._takes_one = not self._handler.cardinality.client_streaming
        messages_max = 1 if self._takes_one else None
        self._inbox = Inbox(request.method.message_bytes_max, messages_max, shared.told.too_large)
        self._arrival: asyncio.Event | None = None
        self._unread_bytes = 0
        self._unacknowledged_bytes = 0
        self._headers_sent = False
        self._messages_sent = 0
        self._task: asyncio.Task[None] | None = None
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(min(shared.limits.message_read_seconds_max, self._seconds_left()), self._on_timer)
        if not self._takes_one:
            shared.starts.ask(writer, self._start)

    # What the connection tells us.

    def feed(self, data: bytes, flow_bytes: int) -> None:
        """Take DATA; `flow_bytes` is what it took of the window, given back when more may come."""
        self._unacknowledged_bytes += flow_bytes
        if not self.ended:
            try:
                self._inbox.feed(data)
                if self._inbox.pending_bytes != self._unread_bytes:
                    self._count_unread(self._inbox.pending_bytes)
            except GRPCError as refusal:
                self._turn_away(refusal)
        if self._takes_one or self.ended or not self._inbox.messages:
            self._acknowledge()
        elif self._arrival is not None:
            self._arrival.set()

    def finish_request(self) -> None:
        """Note that the caller has sent all; the handler of a method that takes one message starts now."""
        self.request_ended = True
        if self.ended:
            return
        try:
            self._inbox.finish()
        except GRPCError as refusal:
            self._turn_away(refusal)
            return
        if self._takes_one:
            self._shared.starts.ask(self._writer, self._start)
        elif self._arrival is not None:
            self._arrival.set()

    def abandon(self) -> None:
        """End the call without an answer: nobody is there to read it."""
        if not self.ended:
            self._close()
        self._stop()

    def end(
        self,
        status: Status,
        message: str | None = None,
        *,
        details: bytes | None = None,
        metadata: Metadata = (),
    ) -> None:
        """Answer with a status, unless the call has been answered, and stop the handler."""
        if not self.ended:
            content_type = None if self._headers_sent else self._shared.content_type
            headers = answer_headers(status, message, content_type=content_type, details=details)
            headers.extend(encode_metadata(metadata))
            self._close()
            with suppress(ProtocolError):  # the caller has left
                self._writer.send_headers(self._stream_id, headers, end_stream=True)
                if not self.request_ended:
                    self._writer.reset(self._stream_id, ErrorCodes.NO_ERROR)
        self._stop()

    # What a handler may do: the interface of grpclib.server.Stream.

    async def recv_message(self) -> object:
        """Receive the next message, None if there are no more; raises GRPCError if it cannot be decoded."""
        if not self._inbox.messages and not self._takes_one:
            await self._arrives()
        if not self._inbox.messages:
            return None
        data = self._inbox.messages.popleft()
        if self._unacknowledged_bytes and not self._inbox.messages:
            self._acknowledge()
            self._writer.flush_soon()
        expected = self._handler.request_type
        try:
            message = self._shared.codec.decode(data, expected)
        except Exception as error:
            raise GRPCError(Status.INVALID_ARGUMENT, f"not a {expected.__name__}") from error
        (message,) = await self._shared.dispatch.recv_message(message)
        return message

    async def send_initial_metadata(self, *, metadata: Metadata | None = None) -> None:
        """Send headers; raises StreamTerminatedError if the call is over."""
        self._check_open()
        if self._headers_sent:
            raise MisuseError("initial metadata was sent already")
        (sent,) = await self._shared.dispatch.send_initial_metadata(MultiDict(metadata or ()))
        headers: Headers = [(":status", "200"), ("content-type", self._shared.content_type)]
        self._writer.send_headers(self._stream_id, [*headers, *encode_metadata(sent)])
        self._headers_sent = True

    async def send_message(self, message: object) -> None:
        """Send a reply, or `bytes` that are one; raises StreamTerminatedError if the call is over."""
        if self._messages_sent and not self._handler.cardinality.server_streaming:
            raise MisuseError("the reply was sent already")
        (message,) = await self._shared.dispatch.send_message(message)
        body = self._shared.codec.encode(message, self._handler.reply_type)
        if not self._headers_sent:
            await self.send_initial_metadata()
        self._check_open()
        self._messages_sent += 1
        await self._writer.send_message(self._stream_id, body)

    async def send_trailing_metadata(
        self,
        *,
        status: Status = Status.OK,
        status_message: str | None = None,
        status_details: object = None,
        metadata: Metadata | None = None,
    ) -> None:
        """Answer the call. A unary call is answered with OK only after its reply."""
        self._check_open()
        if status is Status.OK and not self._messages_sent and not self._handler.cardinality.server_streaming:
            raise MisuseError("OK without a reply")
        details = self._shared.packed(status, status_message, status_details)
        (sent,) = await self._shared.dispatch.send_trailing_metadata(
            MultiDict(metadata or ()),
            status=status,
            status_message=status_message,
            status_details=status_details,
        )
        self.end(status, status_message, details=details, metadata=sent)

    async def cancel(self) -> None:
        """Reset the call instead of answering it."""
        self._check_open()
        self._close()
        self._writer.reset(self._stream_id, ErrorCodes.CANCEL)

    # How it runs.

    def _turn_away(self, refusal: GRPCError) -> None:
        """Answer a request that no handler will see."""
        details = self._shared.packed(refusal.status, refusal.message, refusal.details)
        self.end(refusal.status, refusal.message, details=details)

    def _start(self) -> bool:
        """Run the handler; False where the call has ended before its turn came."""
        if self.ended:
            return False
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._gone)
        return True

    async def _run(self) -> None:
        try:
            await self._answer()
        except GRPCError as refusal:
            await self._refuse(refusal)
        except asyncio.CancelledError as error:
            if self.ended:
                return
            if self._task is not None and self._task.cancelling():
                self.end(Status.UNAVAILABLE, "the server is stopping")
                raise
            self._fail(error)  # something the handler waited for was cancelled, not the handler
        except Exception as error:  # noqa: BLE001    # _fail logs it
            self._fail(error)

    async def _answer(self) -> None:
        request = self._request
        self.metadata, func = await self._shared.dispatch.recv_request(
            self.metadata,
            self._handler.func,
            method_name=request.method.name,
            deadline=self.deadline,
            content_type=request.content_type,
            user_agent=self.user_agent,
            peer=self.peer,
        )
        await func(self)
        if not self.ended:
            await self.send_trailing_metadata()

    async def _refuse(self, refusal: GRPCError) -> None:
        if self.ended:
            return
        try:
            await self.send_trailing_metadata(
                status=refusal.status, status_message=refusal.message, status_details=refusal.details
            )
        except Exception as error:  # noqa: BLE001    # _fail logs it
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """Log an exception that no handler should let out; the caller learns only that there was one."""
        if not self.ended:
            log.error("unexpected error in %s", self._request.method.name, exc_info=error)
            self.end(Status.INTERNAL, "internal error")

    def _on_timer(self) -> None:
        seconds_left = self._seconds_left()
        if (self._takes_one and not self.request_ended) or self._inbox.pending_bytes:
            self.end(Status.DEADLINE_EXCEEDED, "the request did not arrive in time")
        elif seconds_left <= 0:
            self.end(Status.DEADLINE_EXCEEDED, "deadline exceeded")
        elif self.deadline is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds_left, self._on_timer)

    def _seconds_left(self) -> float:
        return float("inf") if self.deadline is None else self.deadline.time_remaining()

    async def _arrives(self) -> None:
        """Wait for a message of a streaming caller, or for its end."""
        while not self._inbox.messages and not self.request_ended:
            self._check_open()
            self._arrival = asyncio.Event()
            await self._arrival.wait()

    def _check_open(self) -> None:
        if self.ended:
            raise StreamTerminatedError("the call is over")

    def _count_unread(self, unread_bytes: int) -> None:
        """Account for what we keep of an incomplete message; raises GRPCError if it is too much in all."""
        self._shared.unread_bytes_left -= unread_bytes - self._unread_bytes
        self._unread_bytes = unread_bytes
        if unread_bytes and self._shared.unread_bytes_left < 0:
            raise self._shared.told.crowded()

    def _acknowledge(self) -> None:
        size, self._unacknowledged_bytes = self._unacknowledged_bytes, 0
        if size:
            self._writer.acknowledge(self._stream_id, size)

    def _close(self) -> None:
        self.ended = True
        self._timer.cancel()
        if self._unread_bytes:
            self._count_unread(0)
        self._acknowledge()

    def _stop(self) -> None:
        if self._task is None:
            self._on_gone(self._stream_id)
        elif self._task is not asyncio.current_task():
            self._task.cancel()

    def _gone(self, _task: asyncio.Task[None]) -> None:
        self._task = None  # what cancelled it would refer to us in turn, and both stay until garbage is collected
        self._on_gone(self._stream_id)
