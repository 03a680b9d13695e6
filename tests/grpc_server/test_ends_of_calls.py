"""Every call ends: by its deadline, by a fault of the service, or because its caller leaves."""

import logging

import pytest
from grpclib.const import Status

from tests.grpc_server.probe import ECHO, FAIL, MISSING, SEVEN, WAIT, Served, goes_on, is_seven, serving, until
from verification.kit.raw_caller import RawCaller

pytestmark = pytest.mark.usefixtures("engine")


async def test_a_call_without_a_deadline_gets_one_and_a_long_one_is_cut(served: Served, caller: RawCaller) -> None:
    await caller.ask(ECHO, SEVEN)
    await caller.ask(ECHO, SEVEN, replacing=[("grpc-timeout", "9H")])
    await caller.ask(ECHO, SEVEN, replacing=[("grpc-timeout", "5S")])
    assert [round(seconds) for seconds in served.probe.seconds_left] == [30, 60, 5]


async def test_a_call_ends_by_its_deadline(served: Served, caller: RawCaller, caplog: pytest.LogCaptureFixture) -> None:
    answer = await caller.ask(WAIT, SEVEN, replacing=[("grpc-timeout", "50m")])
    assert answer.status is Status.DEADLINE_EXCEEDED
    await until(lambda: served.probe.cancelled == 1)
    assert not caplog.records


async def test_a_request_that_never_arrives_completely_is_answered_anyway() -> None:
    async with serving(message_read_seconds_max=0.05) as served, served.caller() as caller:
        stream_id = caller.open(ECHO)
        caller.send(stream_id, SEVEN[:7])
        assert (await caller.answer(stream_id)).status is Status.DEADLINE_EXCEEDED
        assert await goes_on(caller)


async def test_a_handler_may_run_longer_than_its_request_had_to_arrive() -> None:
    async with serving(message_read_seconds_max=0.5) as served, served.caller() as caller:
        stream_id = caller.call(WAIT, SEVEN)
        late = await caller.ask(WAIT, SEVEN, replacing=[("grpc-timeout", "1500m")])
        assert (late.status, late.message) == (Status.DEADLINE_EXCEEDED, "deadline exceeded")
        served.probe.go_on.set()
        assert is_seven(await caller.answer(stream_id))


async def test_a_fault_of_the_service_is_logged_once_and_not_shown_to_the_caller(
    caller: RawCaller, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await caller.ask(FAIL, SEVEN)
    assert (answer.status, answer.message) == (Status.INTERNAL, "internal error")
    assert [(it.name, it.levelno) for it in caplog.records] == [("travio_inventory.rpc", logging.ERROR)]
    assert "the password is 1234" in caplog.text
    assert await goes_on(caller)


async def test_a_call_its_caller_gives_up_is_cancelled_quietly(
    served: Served, caller: RawCaller, caplog: pytest.LogCaptureFixture
) -> None:
    stream_id = caller.call(WAIT, SEVEN)
    await until(lambda: served.probe.running == 1)
    caller.reset(stream_id)
    await until(lambda: served.probe.cancelled == 1)
    assert await goes_on(caller)
    assert not caplog.records


async def test_calls_of_a_lost_connection_are_cancelled_quietly(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    async with served.caller() as caller:
        caller.call(WAIT, SEVEN)
        await until(lambda: served.probe.running == 1)
    await until(lambda: served.probe.cancelled == 1)
    assert served.server.calls_open == 0
    assert not caplog.records


@pytest.mark.breakdown
async def test_every_end_is_told_once_with_its_method_and_status(served: Served, caller: RawCaller) -> None:
    await caller.ask(ECHO, SEVEN)
    await caller.ask(FAIL, SEVEN)
    await caller.ask(MISSING, SEVEN)
    await caller.ask(WAIT, SEVEN, replacing=[("grpc-timeout", "20m")])
    left = caller.call(WAIT, SEVEN)
    await until(lambda: served.probe.running == 1)
    caller.reset(left)
    await until(lambda: len(served.ended) == 5)
    assert served.ended == [
        (ECHO, Status.OK.value),
        (FAIL, Status.INTERNAL.value),
        ("", Status.UNIMPLEMENTED.value),
        (WAIT, Status.DEADLINE_EXCEEDED.value),
        (WAIT, Status.CANCELLED.value),
    ]
