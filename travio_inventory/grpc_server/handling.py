"""The handler of one call: the stream that it gets, and the answer when it ends."""

import asyncio
from typing import Any

from grpclib.const import Status
from grpclib.exceptions import GRPCError
from grpclib.exceptions import ProtocolError as MisuseError
from multidict import MultiDict

from travio_inventory.grpc_server.call import Metadata, ServedCall
from travio_inventory.grpc_server.codec import LargeMessage
from travio_inventory.grpc_server.context import no_message
from travio_inventory.grpc_server.grpclib_internals import BareStream


class HandlerStream(BareStream):
    """What a handler gets: grpclib's stream, every method of which is replaced."""

    def __init__(self, call: ServedCall) -> None:
        admitted = call.admitted
        super().__init__(
            deadline=admitted.deadline, metadata=admitted.metadata, user_agent=admitted.user_agent, peer=call.peer
        )
        self._call = call
        self._context = call.context
        self._method = admitted.method.handler
        self._replies_sent = 0

    async def run(self) -> None:
        """Run the handler, and answer OK if it has not answered."""
        admitted = self._call.admitted
        self.metadata, func = await self._context.events.recv_request(
            self.metadata,
            self._method.func,
            method_name=admitted.method.name,
            deadline=self.deadline,
            content_type=admitted.content_type,
            user_agent=self.user_agent,
            peer=self.peer,
        )
        await func(self)
        if not self._call.has_ended:
            await self.send_trailing_metadata()

    async def recv_message(self) -> object:
        """Receive the next message, None if there are no more; raises GRPCError if it cannot be decoded."""
        data = await self._call.body.next_message()
        if data is None:
            return None
        expected = self._method.request_type
        try:
            message = self._context.codec.decode(data, expected)
        except LargeMessage:
            message = await self._context.read_in_turns(data, expected)
        except Exception as error:
            raise no_message(expected) from error
        (message,) = await self._context.events.recv_message(message)
        return message

    async def send_initial_metadata(self, *, metadata: Metadata | None = None) -> None:
        """Send headers; raises StreamTerminatedError if the call is over."""
        self._call.check_open()
        if self._call.headers_sent:
            raise MisuseError("initial metadata was sent already")
        (sent,) = await self._context.events.send_initial_metadata(MultiDict(metadata or ()))
        self._call.send_headers(sent)

    async def send_message(self, message: object) -> None:
        """Send a reply, or `bytes` that are one; raises StreamTerminatedError if the call is over."""
        if self._replies_sent and not self._method.cardinality.server_streaming:
            raise MisuseError("the reply was sent already")
        (message,) = await self._context.events.send_message(message)
        body = self._context.codec.encode(message, self._method.reply_type)
        if not self._call.headers_sent:
            await self.send_initial_metadata()
        self._call.check_open()
        self._replies_sent += 1
        await self._call.send_message(body)

    def send_now(self, reply: bytes) -> bool:
        """Send one of many replies, after the first, past its handler, which waits for nothing of ours: all of it, or
        nothing where the caller would have to wait for it. Returns whether it was sent.
        """
        if self._call.has_ended or not self._call.headers_sent or self._context.events.is_listened_to:
            return False
        return self._call.send_now(reply)

    async def send_trailing_metadata(
        self,
        *,
        status: Status = Status.OK,
        status_message: str | None = None,
        status_details: object = None,
        metadata: Metadata | None = None,
    ) -> None:
        """Answer the call. A unary call is answered with OK only after its reply."""
        self._call.check_open()
        if status is Status.OK and not self._replies_sent and not self._method.cardinality.server_streaming:
            raise MisuseError("OK without a reply")
        details = self._context.packed(status, status_message, status_details)
        (sent,) = await self._context.events.send_trailing_metadata(
            MultiDict(metadata or ()),
            status=status,
            status_message=status_message,
            status_details=status_details,
        )
        self._call.end(status, status_message, details=details, metadata=sent)

    async def cancel(self) -> None:
        """Reset the call instead of answering it."""
        self._call.check_open()
        self._call.reset()


async def handle(call: ServedCall) -> None:
    """Run the handler of the call in its own task; the call is answered in any case."""
    stream = HandlerStream(call)
    try:
        await stream.run()
    except GRPCError as refusal:
        await _refuse(call, stream, refusal)
    except asyncio.CancelledError as error:
        if call.has_ended:
            return
        if _is_cancelled():
            call.end_as_stopping()
            raise
        call.fail(error)  # something the handler waited for was cancelled, not the handler
    except Exception as error:  # noqa: BLE001    # it is logged
        call.fail(error)


async def _refuse(call: ServedCall, stream: HandlerStream, refusal: GRPCError) -> None:
    if call.has_ended:
        return
    try:
        await stream.send_trailing_metadata(
            status=refusal.status, status_message=refusal.message, status_details=refusal.details
        )
    except Exception as error:  # noqa: BLE001    # it is logged
        call.fail(error)


def _is_cancelled() -> bool:
    task: asyncio.Task[Any] | None = asyncio.current_task()
    return task is not None and task.cancelling() > 0
