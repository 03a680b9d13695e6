"""The limits of calls and connections, and which of them make room for others."""

from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from grpclib.const import Status
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from tests.grpc_server.probe import (
    ECHO,
    LIMITS,
    MISSING,
    SEVEN,
    STUBBORN,
    WAIT,
    WATCH,
    Probe,
    Served,
    goes_on,
    is_seven,
    serving,
    until,
)
from travio_inventory.grpc_server.server import GuardedServer
from verification.kit.raw_caller import RawCaller

pytestmark = pytest.mark.usefixtures("engine")


async def test_a_call_beyond_the_streams_is_refused_alone(served: Served, caller: RawCaller) -> None:
    streams = [caller.call(WAIT, SEVEN) for _ in range(10)]
    await until(lambda: served.probe.running == 10)
    caller.h2.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 1_000
    caller.h2.remote_settings.acknowledge()
    refused = await caller.answer(caller.call(ECHO, SEVEN))
    assert refused.reset is ErrorCodes.REFUSED_STREAM
    served.probe.go_on.set()
    assert all([is_seven(await caller.answer(stream_id)) for stream_id in streams])
    assert await goes_on(caller)


async def test_cancelled_calls_that_do_not_end_are_limited() -> None:
    async with serving(resets_per_second_max=100) as served, served.caller() as caller:
        for _ in range(20):
            stream_id = caller.call(STUBBORN, SEVEN)
            await until(lambda: served.probe.running == 1)
            caller.reset(stream_id)
            await until(lambda: served.probe.running == 0)
        assert (await caller.answer(caller.call(ECHO, SEVEN))).reset is ErrorCodes.REFUSED_STREAM
        served.probe.go_on.set()
        await until(lambda: served.server.calls_open == 0)
        assert await goes_on(caller)


async def test_a_connection_above_the_limit_is_closed_if_all_have_a_call() -> None:
    async with serving(connections_max=1) as served, served.caller() as first:
        first.call(WAIT, SEVEN)
        await until(lambda: served.server.calls_open == 1)
        async with served.caller() as second:
            await second.ends()
        assert is_seven(await first.ask(ECHO, SEVEN))
        served.probe.go_on.set()
    async with serving(connections_max=1) as served:
        for _ in range(3):
            async with served.caller() as one_after_the_other:
                assert await goes_on(one_after_the_other)
            await until(lambda: not served.server.connections)


async def test_a_new_connection_takes_the_place_of_one_that_made_no_call_and_then_of_the_longest_idle() -> None:
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(serving(connections_max=4))
        long_idle, idle, busy, silent = [await stack.enter_async_context(served.caller()) for _ in range(4)]
        await long_idle.ask(ECHO, SEVEN)
        await idle.ask(ECHO, SEVEN)
        streams = {busy: busy.call(WAIT, SEVEN)}
        await until(lambda: served.server.calls_open == 1)
        for displaced in (silent, long_idle, idle):
            newcomer = await stack.enter_async_context(served.caller())
            streams[newcomer] = newcomer.call(WAIT, SEVEN)
            await displaced.ends()
        served.probe.go_on.set()
        assert all([is_seven(await caller.answer(stream_id)) for caller, stream_id in streams.items()])


async def test_there_is_always_room_for_a_connection_with_few_calls() -> None:
    """One connection may have a sixteenth of what is left: of 64 calls, four."""
    async with serving(calls_max=64) as served, served.caller() as greedy, served.caller() as other:
        open_calls = [greedy.call(WAIT, SEVEN) for _ in range(9)]
        await until(lambda: served.server.calls_open == 4)
        assert (await greedy.answer(open_calls[-1])).status is Status.RESOURCE_EXHAUSTED
        assert is_seven(await other.ask(ECHO, SEVEN))
        served.probe.go_on.set()
        assert is_seven(await greedy.answer(open_calls[0]))
        assert is_seven(await greedy.ask(ECHO, SEVEN))


async def test_calls_that_watch_take_no_place_of_others_nor_others_theirs() -> None:
    """Of 32 that watch, a connection may have two, and of 64 others four, also where it has two that watch."""
    async with serving(calls_max=64, watching_calls_max=32) as served, served.caller() as caller:
        watching = [caller.call(WATCH, SEVEN) for _ in range(4)]
        refused = [await caller.answer(stream) for stream in watching[2:]]
        assert [answer.status for answer in refused] == [Status.RESOURCE_EXHAUSTED] * 2
        waiting = [caller.call(WAIT, SEVEN) for _ in range(5)]
        assert (await caller.answer(waiting[-1])).status is Status.RESOURCE_EXHAUSTED
        await until(lambda: served.server.calls_open == 2 + 4)
        for stream in watching[:2]:
            caller.reset(stream)
        await until(lambda: served.server.calls_open == 4)
        again = [caller.call(WATCH, SEVEN) for _ in range(3)]
        assert (await caller.answer(again[-1])).status is Status.RESOURCE_EXHAUSTED
        served.probe.go_on.set()
        assert all([is_seven(await caller.answer(stream)) for stream in waiting[:4]])


async def test_a_call_that_is_reset_before_its_turn_never_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("travio_inventory.grpc_server.start_queue.CALLS_PER_TURN", 2)
    async with serving() as served, served.caller() as caller:
        calls = [caller.call(WAIT, SEVEN) for _ in range(8)]
        caller.reset(calls[-1])
        await until(lambda: served.probe.running == 7)
        assert await goes_on(caller)
        assert (served.probe.running, served.probe.cancelled) == (7, 0)


def test_a_limit_that_lets_nothing_through_is_refused() -> None:
    with pytest.raises(ValueError, match="connections_max"):
        replace(LIMITS, connections_max=0)
    with pytest.raises(ValueError, match="message_bytes_max_by_method"):
        replace(LIMITS, message_bytes_max_by_method={ECHO: 0})


async def test_a_limit_for_a_method_that_is_not_served_is_refused() -> None:
    with pytest.raises(ValueError, match=MISSING):
        GuardedServer([Probe()], limits=replace(LIMITS, methods_without_deadline=frozenset({MISSING})))
