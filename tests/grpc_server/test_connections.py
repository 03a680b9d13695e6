"""Connections that are idle, that never read, that are over."""

import asyncio
import gc
import socket
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from tests.grpc_server.probe import (
    ECHO,
    LARGE,
    SEVEN,
    WAIT,
    Served,
    goes_on,
    http2_state,
    is_seven,
    serving,
    stalled_since,
    until,
)
from verification.kit.frames import PREFACE, frame
from verification.kit.raw_caller import RawCaller

pytestmark = pytest.mark.usefixtures("engine")

STEADY_S = 0.5
"""A peer that took nothing for so long takes nothing any more: both its buffers are full."""


async def test_an_idle_connection_is_left_and_a_busy_one_is_not() -> None:
    limits = {"idle_connection_seconds_max": 2.0}
    async with serving(**limits) as served, served.caller() as busy, served.caller() as idle:
        stream_id = busy.call(WAIT, SEVEN)
        await idle.ends()
        assert idle.goaways == [ErrorCodes.NO_ERROR]
        served.probe.go_on.set()
        assert is_seven(await busy.answer(stream_id))


@pytest.mark.once
async def test_a_connection_that_is_over_leaves_nothing_behind(served: Served) -> None:
    """Not even until the next garbage collection, because many may come and go before that."""
    gc.collect()
    gc.disable()
    try:
        async with served.caller() as caller:
            assert is_seven(await caller.ask(ECHO, SEVEN))
            caller.reset(caller.call(WAIT, SEVEN))
            assert await goes_on(caller)
            gone = [weakref.ref(connection) for connection in served.server.connections]
            tables = [weakref.ref(http2_state(connection)) for connection in served.server.connections]
        await until(lambda: [one() for one in gone + tables] == [None, None])
    finally:
        gc.enable()


@asynccontextmanager
async def caller_that_never_reads(served: Served) -> AsyncIterator[RawCaller]:
    """It has requested 12 MB, more than both sockets hold."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.connect(("127.0.0.1", served.server.port))
    reader, writer = await asyncio.open_connection(sock=connection, limit=1)
    caller = RawCaller(reader, writer)
    caller.h2.initiate_connection()
    caller.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 2**31 - 1})
    caller.h2.increment_flow_control_window(2**30)
    for _ in range(150):
        caller.call(LARGE, SEVEN)
    await until(lambda: served.probe.larges > 0)
    yield caller
    writer.transport.abort()


async def test_a_caller_that_never_reads_is_dropped() -> None:
    limits = {"write_stalled_seconds_max": 0.3, "streams_concurrent_max": 200}
    async with serving(**limits) as served, caller_that_never_reads(served):
        await until(lambda: not served.server.connections and not served.server.calls_open)


async def test_a_caller_that_never_reads_is_not_read_either() -> None:
    async with serving(streams_concurrent_max=200) as served, caller_that_never_reads(served) as caller:
        (connection,) = served.server.connections
        now_s = asyncio.get_running_loop().time
        await until(lambda: (since := stalled_since(connection)) is not None and now_s() - since > STEADY_S)
        caller.call(ECHO, SEVEN)
        await asyncio.sleep(0.2)
        assert served.probe.seconds_left == []


async def test_calls_continue_after_their_caller_has_sent_goaway(served: Served, caller: RawCaller) -> None:
    stream_id = caller.call(WAIT, SEVEN)
    await until(lambda: served.probe.running == 1)
    caller.send_bytes(frame(7, 0, 0, bytes(8)))
    await asyncio.sleep(0.05)
    served.probe.go_on.set()
    assert is_seven(await caller.answer(stream_id))
    await caller.ends()


async def test_a_peer_that_sends_goaway_and_is_gone_is_no_error(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
    await reader.read(1_000)  # closing with unread bytes would be a reset, which the server sees first
    writer.write(PREFACE + frame(4, 0, 0, b"") + frame(7, 0, 0, bytes(8)))
    writer.close()
    await until(lambda: not served.server.connections)
    assert not caplog.records
