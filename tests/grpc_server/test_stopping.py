"""A drain loses no call, and its time is limited."""

import asyncio
from typing import Any

import pytest
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from h2.errors import ErrorCodes

from tests.grpc_server.probe import ECHO, SEVEN, WAIT, WATCH, Served, is_seven, serving, until
from travio_inventory.wire.inventory.v1 import CheckAvailabilityRequest, CheckAvailabilityResponse
from verification.kit.raw_caller import RawCaller

pytestmark = pytest.mark.usefixtures("engine")


def echo_method(channel: Channel, path: str) -> UnaryUnaryMethod[Any, Any]:
    return UnaryUnaryMethod(channel, path, CheckAvailabilityRequest, CheckAvailabilityResponse)


async def test_a_drain_loses_no_call(served: Served) -> None:
    """With grpclib's own client, which drops its calls at any GOAWAY."""
    async with Channel("127.0.0.1", served.server.port) as channel:
        wait = echo_method(channel, WAIT)
        request = CheckAvailabilityRequest(trip_id="t", passengers=7)
        calls = [asyncio.create_task(wait(request)) for _ in range(8)]
        await until(lambda: served.probe.running == 8)
        drain = asyncio.create_task(served.server.drain())
        await asyncio.sleep(0.05)
        with pytest.raises(GRPCError) as refused:
            await echo_method(channel, ECHO)(request)
        assert refused.value.status is Status.UNAVAILABLE
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", served.server.port)
        assert not drain.done()
        served.probe.go_on.set()
        replies = await asyncio.gather(*calls)
        assert [reply.available_seats for reply in replies] == [7] * 8
        await drain


async def test_a_drain_ends_with_goaway_after_the_answers(served: Served, caller: RawCaller) -> None:
    stream_id = caller.call(WAIT, SEVEN)
    await until(lambda: served.probe.running == 1)
    drain = asyncio.create_task(served.server.drain())
    await asyncio.sleep(0.1)
    assert not caller.goaways
    served.probe.go_on.set()
    assert is_seven(await caller.answer(stream_id))
    await caller.ends()
    assert caller.goaways == [ErrorCodes.NO_ERROR]
    await drain


async def test_a_drain_waits_for_a_limited_time() -> None:
    async with serving(drain_seconds_max=0.1) as served, served.caller() as caller:
        stream_id = caller.call(WAIT, SEVEN)
        await until(lambda: served.probe.running == 1)
        await served.server.drain()
        assert (await caller.answer(stream_id)).status is Status.UNAVAILABLE
        assert served.probe.cancelled == 1


async def test_a_drain_does_not_wait_for_endless_calls() -> None:
    async with serving(drain_seconds_max=600) as served, served.caller() as caller, asyncio.timeout(60):
        stream_id = caller.call(WATCH, SEVEN)
        await served.probe.started.wait()
        await served.server.drain()
        assert (await caller.answer(stream_id)).status is Status.UNAVAILABLE
