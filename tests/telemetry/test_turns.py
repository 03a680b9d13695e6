"""How long the turns of an event loop are."""

import asyncio
from collections.abc import Sequence
from functools import partial
from selectors import DefaultSelector, SelectorKey
from time import sleep

import pytest
import uvloop

from travio_inventory.telemetry.turns import TICK_NS, TimedTurns

LONG_S = 2.0
"""A busy machine leaves no process waiting for so long."""
LONG_US = round(LONG_S * 1_000_000)


class ByHand:
    """A clock that goes on only in what takes its time."""

    def __init__(self) -> None:
        self.now_us = 0

    def __call__(self) -> int:
        return self.now_us * 1_000

    async def long_turn(self) -> None:
        """Keep the loop busy."""
        await asyncio.sleep(0)
        self.now_us += LONG_US
        await asyncio.sleep(0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ByHand:
    """The clock of turns."""
    clock = ByHand()
    monkeypatch.setattr("travio_inventory.telemetry.turns.perf_counter_ns", clock)
    return clock


async def long_turn() -> None:
    """Keep the loop busy."""
    await asyncio.sleep(0)
    sleep(LONG_S)  # noqa: ASYNC251 - this is what is measured
    await asyncio.sleep(0)


def test_slow_turns_are_one_line_a_minute_once_the_process_is_ready(
    clock: ByHand, caplog: pytest.LogCaptureFixture
) -> None:
    turns = TimedTurns()
    with asyncio.Runner(loop_factory=partial(asyncio.SelectorEventLoop, turns)) as runner:
        runner.run(clock.long_turn())
        assert caplog.messages == []
        turns.say_slow()
        for _ in range(3):
            runner.run(clock.long_turn())
    assert caplog.messages == ["the event loop stood still for 2.0 s: all calls of this process waited"]


def test_the_longest_turn_is_told_once_and_waiting_is_none(clock: ByHand, monkeypatch: pytest.MonkeyPatch) -> None:
    select = DefaultSelector.select

    def long_wait(self: DefaultSelector, timeout: float | None = None) -> Sequence[tuple[SelectorKey, int]]:
        clock.now_us += 3 * LONG_US
        return select(self, timeout)

    monkeypatch.setattr(DefaultSelector, "select", long_wait)
    turns = TimedTurns()
    with asyncio.Runner(loop_factory=partial(asyncio.SelectorEventLoop, turns)) as runner:
        runner.run(clock.long_turn())
        assert turns.longest_us() == LONG_US
        runner.run(asyncio.sleep(0.01))
        assert turns.longest_us() == 0
        assert turns.busy_ns == LONG_US * 1_000


def test_turns_of_a_loop_without_our_selector_are_timed_by_how_late_a_timer_is() -> None:
    turns = TimedTurns()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        turns.look_at(runner.get_loop())
        runner.run(asyncio.sleep(2 * TICK_NS / 1e9))
        runner.run(long_turn())
        runner.run(asyncio.sleep(2 * TICK_NS / 1e9))
        assert turns.longest_us() >= LONG_US - TICK_NS // 1_000
        assert turns.busy_ns > 0
        runner.run(asyncio.sleep(2 * TICK_NS / 1e9))
        assert turns.longest_us() < LONG_US
