"""More steps at once than may run: they wait for their turn, and not for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from travio_inventory.kernel.refusals import Overloaded
from travio_inventory.seats.use_cases.step_runner import StepRunner
from verification.kit.faulty_batches import commits
from verification.kit.sale import STEPS_MAX, Sale


@asynccontextmanager
async def all_turns_taken(commits_: StepRunner, turns: int) -> AsyncIterator[None]:
    """The most allowed steps are running, while the block lasts."""
    over = asyncio.Event()
    steps = [asyncio.ensure_future(commits_.run(over.wait())) for _ in range(turns)]
    await asyncio.sleep(0)
    try:
        yield
    finally:
        over.set()
        await asyncio.wait(steps)


async def test_steps_above_the_limit_wait_for_their_turn() -> None:
    commits_ = StepRunner(in_flight_max=2)
    async with all_turns_taken(commits_, 2):
        third = asyncio.ensure_future(commits_.run(asyncio.sleep(0, "done")))
        await asyncio.sleep(0.01)
        assert not third.done()
    assert await third == "done"
    assert await commits_.run(asyncio.sleep(0, "done")) == "done"


@pytest.mark.parametrize("is_given_first", [False, True])
async def test_the_turn_of_a_caller_who_leaves_as_it_comes_is_the_next_ones(is_given_first: bool) -> None:
    loop, over, steps = asyncio.get_running_loop(), asyncio.Event(), StepRunner(in_flight_max=1)

    async def first() -> None:
        await over.wait()
        if is_given_first:
            loop.call_soon(lambda: loop.call_soon(leaving.cancel))
        else:
            loop.call_soon(leaving.cancel)

    running = asyncio.ensure_future(steps.run(first()))
    await asyncio.sleep(0)
    leaving = asyncio.ensure_future(steps.run(asyncio.sleep(0, "never")))
    following = asyncio.ensure_future(steps.run(asyncio.sleep(0, "done")))
    await asyncio.sleep(0)
    over.set()
    await running
    async with asyncio.timeout(60):
        assert await following == "done"
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await steps.run(asyncio.sleep(0, "again")) == "again"


async def test_a_step_that_waits_too_long_for_a_turn_is_refused_and_may_be_tried_again(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("travio_inventory.seats.use_cases.step_runner.TURN_SECONDS_MAX", 0.01)
    async with all_turns_taken(sale.process.steps, STEPS_MAX):
        with pytest.raises(Overloaded):
            await sale.hold("A1 A18")
    await sale.settled()
    await sale.hold("A1 A18", by="bob")


async def test_a_step_that_nobody_waits_for_any_more_never_begins(sale: Sale) -> None:
    async with all_turns_taken(sale.process.steps, STEPS_MAX):
        attempt = asyncio.ensure_future(sale.hold("A1 A18"))
        await asyncio.sleep(0.01)
        attempt.cancel()
        await asyncio.wait([attempt])
    await sale.settled()
    assert await sale.seats("held") == ""
    assert await sale.holds() == []
    await sale.hold("A1 A18", by="bob")


async def test_a_step_that_has_begun_ends_though_its_caller_leaves(sale: Sale) -> None:
    at_commit = sale.store.stall(commits)
    attempt = asyncio.ensure_future(sale.hold("A1"))
    await at_commit.reached.wait()
    attempt.cancel()
    await asyncio.wait([attempt])
    at_commit.go.set()
    await sale.settled()
    assert await sale.seats("held") == "A1"
