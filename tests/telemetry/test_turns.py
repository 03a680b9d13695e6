"""How long the turns of an event loop are."""

import asyncio
from functools import partial
from time import sleep

from travio_inventory.telemetry.turns import TimedTurns

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
