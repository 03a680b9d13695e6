"""Replies that are sent at once, past the handler that waits: whole, in order, and none that would have to wait."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest
from grpclib.const import Status
from h2.settings import SettingCodes

from tests.grpc_server.probe import SEVEN, TELL, Served, goes_on, serving, until
from verification.kit.frames import framed
from verification.kit.raw_caller import RawCaller

pytestmark = pytest.mark.usefixtures("engine")


async def told(served: Served, caller: RawCaller) -> tuple[int, Callable[[bytes], bool]]:
    """A call that has its first reply, and what sends it others."""
    stream_id = caller.call(TELL, SEVEN)
    async with asyncio.timeout(60):
        await served.probe.started.wait()
    return stream_id, cast(Callable[[bytes], bool], served.probe.told[-1].send_now)  # type: ignore[attr-defined]


async def test_replies_that_are_sent_at_once_come_in_order(served: Served, caller: RawCaller) -> None:
    stream_id, send_now = await told(served, caller)
    replies = [bytes([number]) * number for number in range(100)]
    assert all(map(send_now, replies))
    served.probe.go_on.set()
    answer = await caller.answer(stream_id)
    assert (answer.status, answer.body) == (Status.OK, b"".join((SEVEN, *map(framed, replies), SEVEN)))


async def test_much_that_is_sent_at_once_is_written_as_it_comes(served: Served, caller: RawCaller) -> None:
    """Twenty times the bytes that are gathered before they are written."""
    caller.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 2_000_000})
    caller.h2.increment_flow_control_window(2_000_000)
    caller.flush()
    assert await goes_on(caller)
    stream_id, send_now = await told(served, caller)
    sent = 0
    while sent < 100:
        sent += send_now(bytes([sent]) * 13_000)
        await asyncio.sleep(0)
    served.probe.go_on.set()
    answer = await caller.answer(stream_id)
    assert answer.body == b"".join((SEVEN, *(framed(bytes([number]) * 13_000) for number in range(100)), SEVEN))


@pytest.mark.parametrize("short", ["of the call", "of the connection"])
async def test_what_the_callers_window_does_not_take_is_not_sent_in_part(
    served: Served, caller: RawCaller, short: str
) -> None:
    if short == "of the call":
        caller.h2.increment_flow_control_window(2_000_000)
    else:
        caller.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 2_000_000})
    caller.flush()
    assert await goes_on(caller)
    stream_id, send_now = await told(served, caller)
    sent = [send_now(bytes([number]) * 10_000) for number in range(20)]
    assert True in sent
    assert False in sent
    assert sent == sorted(sent, reverse=True)
    served.probe.go_on.set()
    answer = await caller.answer(stream_id)
    whole = (framed(bytes([number]) * 10_000) for number in range(sum(sent)))
    assert answer.body == b"".join((SEVEN, *whole, SEVEN))


async def test_nothing_overtakes_a_reply_that_waits(served: Served, caller: RawCaller) -> None:
    caller.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: len(SEVEN) + 2})
    caller.flush()
    assert await goes_on(caller)
    stream_id, send_now = await told(served, caller)
    for stream in served.probe.told:
        sending = asyncio.ensure_future(stream.send_message(bytes(30)))
        await asyncio.sleep(0)
        assert (sending.done(), send_now(b"")) == (False, False)
        caller.h2.increment_flow_control_window(1_000, stream_id)
        caller.flush()
        await sending
    served.probe.go_on.set()
    assert (await caller.answer(stream_id)).body == SEVEN + framed(bytes(30)) + SEVEN


async def test_a_reply_that_is_too_large_for_a_frame_is_left_to_the_handler(served: Served, caller: RawCaller) -> None:
    _, send_now = await told(served, caller)
    assert not send_now(bytes(16_384))
    assert send_now(bytes(16_379))


async def test_nothing_is_sent_at_once_when_the_call_is_over(served: Served, caller: RawCaller) -> None:
    stream_id, send_now = await told(served, caller)
    caller.reset(stream_id)
    await until(lambda: served.server.calls_open == 0)
    assert not send_now(b"late")
    assert await goes_on(caller)


async def test_who_reads_nothing_is_not_sent_more_than_its_connection_takes() -> None:
    """The windows would take it all: the peer does not read."""
    async with serving() as served, served.caller() as caller:
        caller.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 2**31 - 1})
        caller.h2.increment_flow_control_window(2**31 - 1 - 65_535)
        caller.flush()
        assert await goes_on(caller)
        _, send_now = await told(served, caller)
        caller._reader._transport.pause_reading()  # type: ignore[attr-defined]
        sent = 0
        async with asyncio.timeout(60):
            while send_now(bytes(16_000)):
                sent += 1
                await asyncio.sleep(0)
        assert sent < 4_000
