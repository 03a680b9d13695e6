"""Deadlines: calls whose time is up at the same moment share a timer, and nobody is told too early."""

import asyncio
import time

import pytest
from grpclib.const import Status

from tests.grpc_server.probe import SEVEN, WAIT, WATCH, serving, until
from travio_inventory.grpc_server.lean.deadlines import AHEAD_S_MAX, MOMENT_S, Deadlines


class Told:
    """A call that notes when it was told."""

    def __init__(self) -> None:
        self.at_s: float | None = None
        self.was_told = asyncio.Event()

    def on_timer(self) -> None:
        self.at_s = time.monotonic()
        self.was_told.set()


async def test_each_is_told_once_its_time_is_up_and_not_before() -> None:
    deadlines, start_s = Deadlines(), time.monotonic()
    calls = {start_s + part * MOMENT_S / 3: Told() for part in range(-2, 12)}
    for at_s, call in calls.items():
        deadlines.add(at_s, call)
    async with asyncio.timeout(30):
        for call in calls.values():
            await call.was_told.wait()
    assert all(call.at_s is not None and call.at_s >= at_s for at_s, call in calls.items())


async def test_who_is_taken_out_is_not_told_though_others_of_the_moment_are() -> None:
    deadlines, at_s = Deadlines(), time.monotonic() + MOMENT_S
    answered, late = Told(), Told()
    deadlines.add(at_s, answered).discard(answered)
    deadlines.add(at_s, late)
    async with asyncio.timeout(30):
        await late.was_told.wait()
    assert answered.at_s is None


async def test_who_ends_another_as_he_is_told_ends_him_for_good() -> None:
    deadlines, at_s, told = Deadlines(), time.monotonic() + MOMENT_S, asyncio.Event()

    class Ending:
        def on_timer(self) -> None:
            assert not told.is_set()
            told.set()
            for each in both:
                due.discard(each)

    both = Ending(), Ending()
    due = deadlines.add(at_s, both[0])
    assert deadlines.add(at_s, both[1]) is due
    async with asyncio.timeout(30):
        await told.wait()
    assert not due


async def test_deadlines_that_are_far_away_leave_few_timers() -> None:
    """Whatever they ask for, and whoever asks: each of these calls has ended long before its time is up."""
    deadlines, now_s = Deadlines(), time.monotonic()
    for number in range(20_000):
        call = Told()
        deadlines.add(now_s + 3_600 + number, call).discard(call)
    assert deadlines.moments <= AHEAD_S_MAX / MOMENT_S + 1


@pytest.mark.parametrize("method", [WAIT, WATCH])
async def test_a_deadline_beyond_the_furthest_timer_is_kept(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    monkeypatch.setattr("travio_inventory.grpc_server.lean.deadlines.AHEAD_S_MAX", 0.05)
    async with serving() as served, served.caller() as caller:
        stream_id = caller.call(method, SEVEN, replacing=[("grpc-timeout", "400m")])
        answer = await caller.answer(stream_id)
    assert (answer.status, answer.message) == (Status.DEADLINE_EXCEEDED, "deadline exceeded")


async def test_calls_that_watch_and_name_a_far_deadline_share_few_timers(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, and no two at the same moment; `verification.attack` makes as many as it may."""
    monkeypatch.setattr("travio_inventory.grpc_server.lean.deadlines.AHEAD_S_MAX", 0.05)
    century_minutes = 52_560_000
    async with serving(streams_concurrent_max=300) as served, served.caller() as caller:
        for number in range(300):
            caller.call(WATCH, SEVEN, replacing=[("grpc-timeout", f"{century_minutes + number}M")])
        await until(lambda: served.server.calls_open == 300)
        assert served.server._context.deadlines.moments <= 0.05 / MOMENT_S + 1
