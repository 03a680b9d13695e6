"""The methods of a service: who may call each, its types, and how its answer or its refusal is told."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from types import ModuleType
from typing import Any, TypeAlias

import betterproto2
from google.protobuf.message import Message
from grpclib.const import Cardinality, Handler
from grpclib.server import Stream

from travio_inventory.api.auth.identity import Grant, Identity
from travio_inventory.api.auth.lasting import while_known
from travio_inventory.api.auth.port import Authentication
from travio_inventory.api.grpc import descriptors
from travio_inventory.api.grpc.callers import Callers
from travio_inventory.api.grpc.decoding import no_message
from travio_inventory.api.grpc.refusals import grpc_error
from travio_inventory.api.live.writing import sender_of
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.wire.inventory import v1

Answer: TypeAlias = Callable[[Identity, Message], Awaitable[betterproto2.Message | bytes]]
UnaryMethod: TypeAlias = tuple[Grant, Answer]
"""What its caller needs, and the answer."""
SendNow: TypeAlias = Callable[[bytes], bool]
"""Sends an answer that is not the first one without waiting; returns whether it could."""
Answers: TypeAlias = Callable[[Identity, Message, SendNow], AsyncGenerator[bytes]]
StreamMethod: TypeAlias = tuple[Grant, Answers]
"""The same where there are many answers to one message; those that were sent at once are not among them."""


def methods(
    service: str,
    authentication: Authentication,
    answers: Mapping[str, UnaryMethod],
    streams: Mapping[str, StreamMethod],
    replies: ModuleType = v1,
) -> dict[str, Handler]:
    """The methods of a service by their paths, with the types that the contract gives them; `replies` is the package of
    those that are sent. Raises KeyError if one of
    the contract is missing: no method is served before it is said who may call it.
    """
    callers = Callers(authentication)
    return {
        f"/{service}/{method.name}": Handler(
            _streaming(callers, *streams[method.name])
            if method.server_streaming
            else _answering(callers, *answers[method.name]),
            Cardinality.UNARY_STREAM if method.server_streaming else Cardinality.UNARY_UNARY,
            descriptors.message_type(method.input_type.full_name),
            getattr(replies, method.output_type.name),
        )
        for method in descriptors.pool().FindServiceByName(service).methods
    }


def _answering(callers: Callers, grant: Grant, answer: Answer) -> Callable[[Stream[Any, Any]], Awaitable[None]]:
    """The method as grpclib calls it. A refusal becomes its status; other errors go to the server."""

    async def handle(stream: Stream[Any, Any]) -> None:
        try:
            caller = await callers.of(stream, grant)
            request = await stream.recv_message()
            if request is None:
                raise no_message()
            reply = await answer(caller, request)
        except Refusal as refusal:
            raise grpc_error(refusal) from None
        await stream.send_message(reply)

    return handle


def _streaming(callers: Callers, grant: Grant, answers: Answers) -> Callable[[Stream[Any, Any]], Awaitable[None]]:
    """The same for a method with many answers; the next one is made when the caller's windows have taken the last."""

    async def handle(stream: Stream[Any, Any]) -> None:
        try:
            caller = await callers.of(stream, grant)
            request = await stream.recv_message()
            if request is None:
                raise no_message()
            async with aclosing(while_known(caller, answers(caller, request, sender_of(stream)))) as replies:
                async for reply in replies:
                    await stream.send_message(reply)
        except Refusal as refusal:
            raise grpc_error(refusal) from None

    return handle
