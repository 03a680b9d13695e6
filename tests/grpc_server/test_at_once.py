"""What the lean server answers before it starts a handler: in the same bytes, and counted as every call."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from grpclib.const import Cardinality, Handler, Status
from grpclib.events import RecvRequest, listen
from grpclib.exceptions import GRPCError

from travio_inventory.api.grpc.descriptors import message_type
from travio_inventory.api.grpc.refusals import SerializedDetails
from travio_inventory.bench.calls import NOTHING
from travio_inventory.bench.lean_channel import LeanChannel, Reply
from travio_inventory.bench.noop_server import HOST, LIMITS
from travio_inventory.grpc_server.context import AtOnce
from travio_inventory.grpc_server.lean.connection import LeanConnection
from travio_inventory.grpc_server.server import GuardedServer

REFUSAL = GRPCError(Status.ABORTED, "being taken: é", b"\x08\x0a\x12\x05taken")


class Refusing:
    """Refuses every call."""

    def __init__(self) -> None:
        self.calls = 0

    def __mapping__(self) -> Mapping[str, Handler]:
        request, reply = message_type("NothingRequest"), message_type("NothingResponse")
        return {NOTHING: Handler(self._nothing, Cardinality.UNARY_UNARY, request, reply)}

    async def _nothing(self, stream: Any) -> None:  # noqa: ANN401 - a stream of whatever messages
        self.calls += 1
        await stream.recv_message()
        raise REFUSAL


@asynccontextmanager
async def served(
    answer: AtOnce | None, *, ended: list[tuple[str, int]] | None = None
) -> AsyncIterator[tuple[Callable[[], Any], Refusing, GuardedServer]]:
    """What calls a server once, its service, and the server."""
    service, told = Refusing(), ended if ended is not None else []
    server = GuardedServer(
        [service],
        limits=LIMITS,
        connection=LeanConnection,
        status_details_codec=SerializedDetails(),
        at_once={} if answer is None else {NOTHING: answer},
        ended=lambda path, status, _ns: told.append((path, status)),
    )
    async with server:
        await server.start(HOST, 0)
        channel = await LeanChannel.connect(HOST, server.port or 0)
        try:
            yield lambda: channel.call(NOTHING, b""), service, server
        finally:
            channel.close()


async def reply_of(answer: AtOnce | None) -> tuple[Reply, int]:
    """The reply, and how often the handler was called."""
    async with served(answer) as (call, service, _):
        return await call(), service.calls


async def test_an_answer_at_once_is_that_of_the_handler_which_is_not_started() -> None:
    later, calls = await reply_of(None)
    assert calls == 1
    assert (later.status, later.message, later.details) == (REFUSAL.status.value, REFUSAL.message, REFUSAL.details)
    assert await reply_of(lambda *_asked: REFUSAL) == (later, 0)
    assert await reply_of(lambda *_asked: None) == (later, 1)


async def test_calls_beyond_a_turn_of_the_loop_are_answered_at_once_too_and_all_are_counted() -> None:
    ended: list[tuple[str, int]] = []
    async with served(lambda *_asked: REFUSAL, ended=ended) as (call, service, server):
        replies = [await reply for reply in [call() for _ in range(100)]]
        assert server.calls_open == 0
    assert [reply.status for reply in replies] == [REFUSAL.status.value] * 100
    assert ended == [(NOTHING, REFUSAL.status.value)] * 100
    assert service.calls == 0


async def test_the_handler_answers_where_what_answers_at_once_fails(caplog: pytest.LogCaptureFixture) -> None:
    def fails(*_asked: object) -> GRPCError | None:
        raise LookupError("a mistake")

    reply, calls = await reply_of(fails)
    assert (reply.status, calls) == (REFUSAL.status.value, 1)
    assert "a mistake" in caplog.text


async def test_those_who_listen_to_calls_hear_of_all() -> None:
    heard: list[str] = []

    async def hear(event: RecvRequest) -> None:
        heard.append(event.method_name)

    async with served(lambda *_asked: REFUSAL) as (call, service, server):
        listen(server, RecvRequest, hear)
        await call()
    assert (heard, service.calls) == ([NOTHING], 1)
