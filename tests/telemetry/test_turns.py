"""How long the turns of an event loop are."""

import asyncio
from functools import partial
from time import sleep

import uvloop

from travio_inventory.telemetry.turns import TICK_NS, TimedTurns

LONG_S = 0.3


async def long_turn() -> None:
    """Keep the loop busy."""
    await asyncio.sleep(0)
    sleep(LONG_S)  # noqa: ASYNC251 - this is what is measured
    await asyncio.sleep(0)


def test_the_longest_turn_is_told_once_and_waiting_is_none() -> None:
    turns = TimedTurns()
    with asyncio.Runner(loop_factory=partial(asyncio.SelectorEventLoop, turns)) as runner:
        runner.run(long_turn())
        assert turns.longest_us() >= LONG_S * 1_000_000
        runner.run(asyncio.sleep(LONG_S))
        assert turns.longest_us() < LONG_S * 1_000_000


def test_turns_of_a_loop_without_our_selector_are_timed_by_how_late_a_timer_is() -> None:
    turns = TimedTurns()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        turns.look_at(runner.get_loop())
        runner.run(asyncio.sleep(2 * TICK_NS / 1e9))
        runner.run(long_turn())
        runner.run(asyncio.sleep(2 * TICK_NS / 1e9))
        assert turns.longest_us() >= LONG_S * 1_000_000 - TICK_NS // 1_000
        assert turns.busy_ns > 0
        runner.run(asyncio.sleep(LONG_S))
        assert turns.longest_us() < LONG_S * 1_000_000
