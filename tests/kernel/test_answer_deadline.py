"""A deadline that passes while a request is only read is a refusal; later the outcome is unknown."""

import asyncio
from collections.abc import Awaitable
from threading import Event
from typing import NoReturn

import pytest

from travio_inventory.kernel.answer_deadline import AnswerDeadline, only_reading, read_off_loop
from travio_inventory.kernel.off_loop import AT_ONCE_MAX
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown, Refusal

SOON = 0.01


async def _for_ever() -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError("it waits for ever")


async def _answered(work: Awaitable[object], *, is_safe: bool = False) -> None:
    async with AnswerDeadline(SOON, is_safe=is_safe):
        await work


async def _read_for_ever() -> None:
    with only_reading:
        await _for_ever()


async def _read_then_work_for_ever() -> None:
    with only_reading:
        await asyncio.sleep(0)
    await _for_ever()


async def test_nothing_was_begun_where_the_deadline_passes_while_the_request_is_read() -> None:
    with pytest.raises(BackendUnavailable, match=r"^there was no answer in time; retry$"):
        await _answered(_read_for_ever())


async def test_nor_where_it_is_read_in_a_thread() -> None:
    goes_on = Event()
    try:
        with pytest.raises(BackendUnavailable):
            await _answered(read_off_loop(AT_ONCE_MAX + 1, goes_on.wait, 60))
    finally:
        goes_on.set()


async def test_what_is_read_in_a_thread_is_what_was_asked_for() -> None:
    assert await read_off_loop(AT_ONCE_MAX + 1, sorted, [1, 3, 2], reverse=True) == [3, 2, 1]


async def test_a_deadline_that_is_over_leaves_the_one_around_it() -> None:
    async def work() -> None:
        async with AnswerDeadline(60, is_safe=False):
            pass
        await _read_for_ever()

    with pytest.raises(BackendUnavailable):
        await _answered(work())


@pytest.mark.parametrize(("is_safe", "told"), [(False, OutcomeUnknown), (True, BackendUnavailable)])
async def test_the_outcome_is_unknown_after_the_reading_unless_the_request_only_reads(
    is_safe: bool, told: type[Refusal]
) -> None:
    with pytest.raises(told):
        await _answered(_read_then_work_for_ever(), is_safe=is_safe)


async def test_what_was_too_late_for_what_is_asked_is_told_the_same() -> None:
    async def fail() -> None:
        raise TimeoutError

    with pytest.raises(OutcomeUnknown):
        await _answered(fail())


async def test_what_another_task_was_reading_says_nothing_of_the_answer() -> None:
    async def work() -> None:
        reading = asyncio.create_task(_read_for_ever())
        await asyncio.sleep(0)
        reading.cancel()
        await _for_ever()

    with pytest.raises(OutcomeUnknown):
        await _answered(work())
