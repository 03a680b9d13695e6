"""Steps that must not be torn: whoever waits for one is told its end, whatever ends it."""

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any

import pytest

from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown, Refusal
from travio_inventory.seats.refusals import SeatContended
from travio_inventory.seats.use_cases.step_runner import StepRunner


async def told(commits: StepRunner, step: Coroutine[Any, Any, Any], *, turns_before_the_drain: int) -> Any:  # noqa: ANN401
    """What the caller of a step is told when the drain does not wait for it."""
    asking = asyncio.ensure_future(commits.run(step))
    for _ in range(turns_before_the_drain):
        await asyncio.sleep(0)
    await commits.drain(0)
    async with asyncio.timeout(60):
        return await asking


@pytest.mark.parametrize(
    ("turns", "refusal"), [(1, BackendUnavailable), (5, OutcomeUnknown)], ids=["before its first line", "in the middle"]
)
async def test_the_outcome_of_a_step_that_the_drain_cut_off_is_unknown_if_it_had_begun(
    turns: int, refusal: type[Refusal]
) -> None:
    commits = StepRunner(in_flight_max=1)
    with pytest.raises(refusal):
        await told(commits, asyncio.sleep(60), turns_before_the_drain=turns)
    assert await commits.run(asyncio.sleep(0, "its turn came back")) == "its turn came back"


async def test_a_caller_who_leaves_is_cancelled_and_the_step_continues() -> None:
    commits, begun, go, ended = StepRunner(in_flight_max=1), asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def step() -> None:
        begun.set()
        await go.wait()
        ended.set()

    asking = asyncio.ensure_future(commits.run(step()))
    await begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not ended.is_set()
    go.set()
    await commits.drain(2)
    assert ended.is_set()


async def test_a_refusal_is_raised_in_the_waiting_caller() -> None:
    async def step() -> None:
        await asyncio.sleep(0)
        raise SeatContended(("A1",), retry_after_ms=1)

    with pytest.raises(SeatContended):
        await StepRunner(in_flight_max=1).run(step())


async def test_a_refusal_that_nobody_waits_for_any_more_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    commits = StepRunner(in_flight_max=1)

    async def step() -> None:
        await asyncio.sleep(0.01)
        raise SeatContended(["1A"], retry_after_ms=1)

    asking = asyncio.ensure_future(commits.run(step()))
    await asyncio.sleep(0)
    asking.cancel()
    await commits.drain(2)
    gc.collect()
    assert caplog.text == ""
