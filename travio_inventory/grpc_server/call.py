"""One call from its headers to its end: its request as it arrives, its handler's run, its one answer."""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from time import perf_counter_ns
from typing import Any

from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError
from grpclib.metadata import encode_metadata
from grpclib.protocol import Peer
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

from travio_inventory.grpc_server.admission import AdmittedCall
from travio_inventory.grpc_server.answers import answer_headers
from travio_inventory.grpc_server.context import ServerContext
from travio_inventory.grpc_server.framing import Headers
from travio_inventory.grpc_server.request_body import RequestBody
from travio_inventory.grpc_server.writes import FrameWriter

log = logging.getLogger("travio_inventory.rpc")

Metadata = Mapping[str, str | bytes] | Collection[tuple[str, str | bytes]]


class ServedCall:
    """A call is answered exactly once. The first answer wins: the handler, its deadline, the caller's reset, a drain;
    the handler is then cancelled and later answers are dropped. The handler of a method that takes one message starts
    when the message is complete. `on_end` is called when nothing of the call runs any more.
    """

    def __init__(
        self,
        context: ServerContext,
        writer: FrameWriter,
        stream_id: int,
        admitted: AdmittedCall,
        peer: Peer,
        *,
        handle: Callable[["ServedCall"], Coroutine[Any, Any, None]],
        on_end: Callable[[int], None],
    ) -> None:
        self.context = context
        self.admitted = admitted
        self.peer = peer
        self.has_ended = False
        self._began_ns = perf_counter_ns()
        self.body = RequestBody(context, writer, stream_id, admitted.method, encoding=admitted.encoding)
        self._writer = writer
        self._stream_id = stream_id
        self._handle = handle
        self._on_end = on_end
        self.headers_sent = False
        self._task: asyncio.Task[None] | None = None
        loop = asyncio.get_running_loop()
        arrives_within = min(context.limits.message_read_seconds_max, self._seconds_left())
        self._timer = loop.call_later(arrives_within, self._on_timer)
        if not self.body.takes_one:
            context.starts.submit(writer, self._start)

    # Called by the connection.

    def feed(self, data: bytes, flow_bytes: int) -> None:
        """Take DATA; `flow_bytes` is its size in the flow-control window."""
        try:
            self.body.feed(data, flow_bytes)
        except GRPCError as refusal:
            self._reject(refusal)

    def finish_request(self) -> None:
        """Note that the caller has sent all; the handler of a method that takes one message starts now."""
        try:
            self.body.finish()
        except GRPCError as refusal:
            self._reject(refusal)
        if self.body.takes_one and not self.has_ended:
            self.context.starts.submit(self._writer, self._start)

    def abandon(self) -> None:
        """End the call without an answer: nobody can read it."""
        if not self.has_ended:
            self._close(Status.CANCELLED)
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
        if not self.has_ended:
            content_type = None if self.headers_sent else self.context.content_type
            headers = answer_headers(status, message, content_type=content_type, details=details)
            headers.extend(encode_metadata(metadata))
            self._close(status)
            with suppress(ProtocolError):  # the caller has left
                self._writer.send_headers(self._stream_id, headers, end_stream=True)
                if not self.body.is_whole:
                    self._writer.reset(self._stream_id, ErrorCodes.NO_ERROR)
        self._stop()

    def end_as_stopping(self) -> None:
        """Answer that the server stops, unless the call has been answered, and stop the handler."""
        self.end(Status.UNAVAILABLE, "the server is stopping")

    # Called by the handler.

    def check_open(self) -> None:
        """Raise StreamTerminatedError if the call is over."""
        if self.has_ended:
            raise StreamTerminatedError("the call is over")

    def send_headers(self, metadata: Metadata) -> None:
        """Begin the answer."""
        headers: Headers = [(":status", "200"), ("content-type", self.context.content_type)]
        self._writer.send_headers(self._stream_id, [*headers, *encode_metadata(metadata)])
        self.headers_sent = True

    def send_message(self, body: bytes) -> Coroutine[Any, Any, None]:
        """Sends it when awaited, as soon as the caller's windows let it."""
        return self._writer.send_message(self._stream_id, body)

    def send_now(self, body: bytes) -> bool:
        """Sends it if the caller's windows take all of it now."""
        return self._writer.send_now(self._stream_id, body)

    def reset(self) -> None:
        """Reset the call instead of answering it."""
        self._close(Status.CANCELLED)
        self._writer.reset(self._stream_id, ErrorCodes.CANCEL)

    def fail(self, error: BaseException) -> None:
        """Log an exception that no handler should raise; the caller learns only that there was one."""
        if not self.has_ended:
            log.error("unexpected error in %s", self.admitted.method.name, exc_info=error)
            self.end(Status.INTERNAL, "internal error")

    # How it begins and ends.

    def _reject(self, refusal: GRPCError) -> None:
        """Answer a request that no handler will see."""
        details = self.context.packed(refusal.status, refusal.message, refusal.details)
        self.end(refusal.status, refusal.message, details=details)

    def _start(self) -> bool:
        """Run the handler; False if the call has ended before it could start."""
        if self.has_ended:
            return False
        self._task = asyncio.get_running_loop().create_task(self._handle(self))
        self._task.add_done_callback(self._forget_task)
        return True

    def _on_timer(self) -> None:
        seconds_left = self._seconds_left()
        if self.body.is_late:
            self.end(Status.DEADLINE_EXCEEDED, "the request did not arrive in time")
        elif seconds_left <= 0:
            self.end(Status.DEADLINE_EXCEEDED, "deadline exceeded")
        elif self.admitted.deadline is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds_left, self._on_timer)

    def _seconds_left(self) -> float:
        deadline = self.admitted.deadline
        return float("inf") if deadline is None else deadline.time_remaining()

    def _close(self, status: Status) -> None:
        self.has_ended = True
        self.context.ended(self.admitted.method.name, status.value, perf_counter_ns() - self._began_ns)
        self._timer.cancel()
        self.body.close()

    def _stop(self) -> None:
        if self._task is None:
            self._on_end(self._stream_id)
        elif self._task is not asyncio.current_task():
            self._task.cancel()

    def _forget_task(self, _task: asyncio.Task[None]) -> None:
        self._task = None  # the reference cycle would stay until garbage is collected
        self._on_end(self._stream_id)
