"""One call on the lean server: its handler's stream, its request, its one answer."""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError
from grpclib.exceptions import ProtocolError as MisuseError
from grpclib.metadata import Deadline, encode_metadata
from grpclib.protocol import Peer
from h2.errors import ErrorCodes
from multidict import MultiDict

from travio_inventory.grpc_server.call import Metadata
from travio_inventory.grpc_server.codec import LargeMessage
from travio_inventory.grpc_server.context import ServerContext, no_message
from travio_inventory.grpc_server.framing import Headers
from travio_inventory.grpc_server.grpclib_internals import BareStream, ReceivedMetadata, deadline_at
from travio_inventory.grpc_server.lean import reply_blocks
from travio_inventory.grpc_server.lean.deadlines import Due
from travio_inventory.grpc_server.lean.heads import RequestHead
from travio_inventory.grpc_server.lean.stream_state import StreamState
from travio_inventory.grpc_server.request_body import RequestBody

if TYPE_CHECKING:
    from travio_inventory.grpc_server.lean.connection import LeanConnection

log = logging.getLogger("travio_inventory.rpc")

OK_TRAILERS = reply_blocks.end(Status.OK, None, None)
CODES = {status: status.value for status in Status}


class LeanCall(BareStream):
    """A call, and what its handler gets as its stream. It is answered exactly once: the first answer wins (the handler,
    its deadline, the caller's reset, a drain); the handler is then cancelled and later answers are dropped.

    The reply of a method with one reply is kept until the handler ends, and leaves in one write with the end of the
    call. `message` is the request where it came whole, `body` where it comes in parts.
    """

    def __init__(
        self, connection: "LeanConnection", stream_id: int, head: RequestHead, message: bytes | None = None
    ) -> None:
        # Not grpclib's: all that it sets up is set here, or told by a property.
        self.context: ServerContext = connection.context
        self.stream_id = stream_id
        self.head = head
        self.stream: StreamState | None = None
        """What HTTP/2 knows of it; None while it is answered as soon as it is read."""
        self.body: RequestBody | None = None
        self.has_ended = False
        self.is_answered = False
        """Whether its handler has answered it; the answer may still wait for the peer's window."""
        self.ends_at = time.monotonic() + head.timeout_seconds
        self._began_ns = time.perf_counter_ns()
        self.timer: Due | None = None
        self.task: asyncio.Task[None] | None = None
        self.is_starting = False
        self._metadata: Any = None
        """What listeners have made of it."""
        self.user_agent = head.user_agent
        self.peer: Peer = connection.peer
        self._connection = connection
        self._message = message
        self._reply: bytes | None = None
        self._replies_sent = 0
        self._headers_sent = False
        self._initial: Headers | None = None

    # What handlers read.

    @property
    def metadata(self) -> ReceivedMetadata:
        return self.head.metadata if self._metadata is None else self._metadata

    @metadata.setter
    def metadata(self, value: ReceivedMetadata) -> None:
        self._metadata = value

    @property
    def deadline(self) -> Deadline | None:
        return deadline_at(self.ends_at) if self.head.method.has_deadline else None

    @deadline.setter
    def deadline(self, _value: Deadline | None) -> None:
        raise AttributeError("the deadline of a call is its caller's")

    @property
    def is_over(self) -> bool:
        """Whether it is answered, or ended without an answer."""
        return self.has_ended or self.is_answered

    # What handlers do.

    async def recv_message(self) -> object:
        """Receive the next message, None if there are no more; raises GRPCError if it cannot be decoded."""
        data = self._message
        if data is not None:
            self._message = None
        elif self.body is None:
            return None
        else:
            data = await self.body.next_message()
            if data is None:
                return None
        expected = self.head.method.handler.request_type
        try:
            message = self.context.codec.decode(data, expected)
        except LargeMessage:
            message = await self.context.read_in_turns(data, expected)
        except Exception as error:
            raise no_message(expected) from error
        if self.context.events.is_listened_to:
            (message,) = await self.context.events.recv_message(message)
        return message

    async def send_initial_metadata(self, *, metadata: Metadata | None = None) -> None:
        """Send headers; raises StreamTerminatedError if the call is over."""
        self._check_open()
        if self._headers_sent or self._initial is not None:
            raise MisuseError("initial metadata was sent already")
        (sent,) = await self.context.events.send_initial_metadata(MultiDict(metadata or ()))
        self._initial = list(encode_metadata(sent))
        self._send_headers()

    async def send_message(self, message: object) -> None:
        """Send a reply, or `bytes` that are one; raises StreamTerminatedError if the call is over."""
        method = self.head.method.handler
        is_only_one = not method.cardinality.server_streaming
        if is_only_one and self._replies_sent:
            raise MisuseError("the reply was sent already")
        if self.context.events.is_listened_to:
            (message,) = await self.context.events.send_message(message)
        body = self.context.codec.encode(message, method.reply_type)
        self._check_open()
        self._replies_sent += 1
        if is_only_one:
            self._reply = body
            return
        if not self._headers_sent:
            if self.context.events.is_listened_to:
                await self.send_initial_metadata()
            else:
                self._send_headers()
        await self._connection.send_message(self, body)
        self._check_open()

    def send_now(self, reply: bytes) -> bool:
        """Send one of many replies, after the first, past its handler, which waits for nothing of ours: all of it, or
        nothing where the caller would have to wait for it. Returns whether it was sent.
        """
        stream = self.stream
        if stream is None or self.is_over or not self._headers_sent or self.context.events.is_listened_to:
            return False
        return self._connection.send_now(stream, reply)

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
        if status is Status.OK and not self._replies_sent and not self.head.method.handler.cardinality.server_streaming:
            raise MisuseError("OK without a reply")
        if self.context.events.is_listened_to:
            (metadata,) = await self.context.events.send_trailing_metadata(
                MultiDict(metadata or ()), status=status, status_message=status_message, status_details=status_details
            )
        if status is Status.OK and status_message is None and status_details is None and not metadata:
            self._finish(OK_TRAILERS)
            return
        details = self.context.packed(status, status_message, status_details)
        trailers = reply_blocks.end(status, status_message, details, list(encode_metadata(metadata or ())))
        self._finish(trailers) if status is Status.OK else self._end(status, trailers)

    async def cancel(self) -> None:
        """Reset the call instead of answering it."""
        self._check_open()
        self._close(Status.CANCELLED)
        self._connection.reset(self.stream_id, ErrorCodes.CANCEL)

    # What the connection does.

    def start(self) -> bool:
        """Run the handler; False if the call has ended before it could start."""
        if self.has_ended:
            return False
        if self.head.method.at_once is not None and self._is_refused_at_once():
            return True
        self.is_starting = True
        task = self.task = self.context.tasks.start(self._handle())
        self.is_starting = False
        if task is not None:
            self._connection.keep(self)
        return True

    def feed(self, data: bytes, flow_bytes: int) -> None:
        """Take DATA; `flow_bytes` is its size in the flow-control window."""
        if self.body is None:
            return
        try:
            self.body.feed(data, flow_bytes)
        except GRPCError as refusal:
            self.reject(refusal)

    def finish_request(self) -> None:
        """The caller has sent all; the handler of a method that takes one message starts now."""
        if self.body is None:
            return
        try:
            self.body.finish()
        except GRPCError as refusal:
            self.reject(refusal)
        if self.body.takes_one and not self.has_ended:
            self.context.starts.submit(self._connection, self.start)

    def abandon(self) -> None:
        """End the call without an answer: nobody can read it."""
        if not self.has_ended:
            self._close(Status.CANCELLED)
        self._stop()

    def reject(self, refusal: GRPCError) -> None:
        """Answer a request that no handler will see."""
        self._end(refusal.status, self._refusal_trailers(refusal))

    def end_as_stopping(self) -> None:
        """Answer that the server stops, unless the call has been answered, and stop the handler."""
        self._end_plainly(Status.UNAVAILABLE, "the server is stopping")

    def on_timer(self) -> None:
        """Its time is up, or that of its request."""
        seconds_left = self.ends_at - time.monotonic()
        if self.body is not None and self.body.is_late:
            self._end_plainly(Status.DEADLINE_EXCEEDED, "the request did not arrive in time")
        elif seconds_left <= 0:
            self._end_plainly(Status.DEADLINE_EXCEEDED, "deadline exceeded")
        elif self.ends_at < math.inf:
            self.timer = self.context.deadlines.add(self.ends_at, self)

    def was_sent(self) -> None:
        """The peer's windows have taken the last of the answer."""
        self._close(Status.OK)
        if self.task is None:
            self._connection.forget(self)

    # How it runs and ends.

    def _is_refused_at_once(self) -> bool:
        """Whether the call is answered before its handler is started: it has waited for its turn until now."""
        if self._message is None or self.stream is None:
            return False
        refusal = self.context.refused_at_once(self.head.method, self.peer, self.head.metadata, self._message)
        if refusal is None:
            return False
        self.reject(refusal)
        return True

    async def _handle(self) -> None:
        """Run the handler; the call is answered in any case."""
        try:
            if self.context.events.is_listened_to:
                await (await self._listened())(self)
            else:
                await self.head.method.handler.func(self)
            if not self.is_over:
                await self.send_trailing_metadata()
        except GRPCError as refusal:
            await self._refuse(refusal)
        except asyncio.CancelledError as error:
            if self.is_over:
                return
            if _is_cancelled():
                self.end_as_stopping()
                raise
            self._fail(error)  # something the handler waited for was cancelled, not the handler
        except Exception as error:  # noqa: BLE001    # it is logged
            self._fail(error)
        finally:
            self.task = None  # the reference cycle would stay until garbage is collected
            if self.has_ended:
                self._connection.forget(self)

    async def _listened(self) -> Callable[[Any], Any]:
        """The handler, as those who listen to calls want it. Raises what they raise."""
        metadata = ReceivedMetadata(MultiDict(self.metadata or ()))
        method = self.head.method
        self.metadata, func = await self.context.events.recv_request(
            metadata,
            method.handler.func,
            method_name=method.name,
            deadline=self.deadline,
            content_type=self.head.content_type,
            user_agent=self.user_agent,
            peer=self.peer,
        )
        return func  # type: ignore[no-any-return]

    async def _refuse(self, refusal: GRPCError) -> None:
        if self.is_over:
            return
        if not self.context.events.is_listened_to and refusal.status is not Status.OK:
            self._end(refusal.status, self._refusal_trailers(refusal))
            return
        try:
            await self.send_trailing_metadata(
                status=refusal.status, status_message=refusal.message, status_details=refusal.details
            )
        except Exception as error:  # noqa: BLE001    # it is logged
            self._fail(error)

    def _refusal_trailers(self, refusal: GRPCError) -> bytes:
        details = self.context.packed(refusal.status, refusal.message, refusal.details)
        return reply_blocks.end(refusal.status, refusal.message, details)

    def _fail(self, error: BaseException) -> None:
        """Log an exception that no handler should raise; the caller learns only that there was one."""
        if not self.is_over:
            log.error("unexpected error in %s", self.head.method.name, exc_info=error)
            self._end_plainly(Status.INTERNAL, "internal error")

    def _check_open(self) -> None:
        if self.has_ended or self.is_answered:
            raise StreamTerminatedError("the call is over")

    def _send_headers(self) -> None:
        self._headers_sent = True
        self._connection.send_headers(self, self._initial)

    def _finish(self, trailers: bytes) -> None:
        """Answer OK: with the reply, where there is one."""
        reply, self._reply = self._reply, None
        self.is_answered = True
        if self._connection.answer(self, reply, trailers, headers_sent=self._headers_sent):
            self._close(Status.OK)
            self._stop()

    def _end(self, status: Status, trailers: bytes) -> None:
        """Answer with that status, unless the call has been answered, and stop the handler."""
        if not self.has_ended:
            self._close(status)
            self._reply = None
            self._connection.end(self, trailers, headers_sent=self._headers_sent)
        self._stop()

    def _end_plainly(self, status: Status, said: str) -> None:
        self._end(status, reply_blocks.end(status, said, None))

    def _close(self, status: Status) -> None:
        if self.has_ended:
            return
        self.has_ended = True
        self.context.ended(self.head.method.name, CODES[status], time.perf_counter_ns() - self._began_ns)
        if self.timer is not None:
            self.timer.discard(self)
        if self.body is not None:
            self.body.close()

    def _stop(self) -> None:
        if self.is_starting:
            return
        if self.task is None:
            self._connection.forget(self)
        elif self.task is not _current_task():
            self.task.cancel()


def _current_task() -> "asyncio.Task[Any] | None":
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _is_cancelled() -> bool:
    task = _current_task()
    return task is not None and task.cancelling() > 0
