"""A coroutine that does not wait needs no task; one that waits is in one from its first step on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextvars import ContextVar
from typing import Any

import pytest

from travio_inventory.grpc_server.lean.task_at_need import TaskAtNeed

Start = Callable[[Coroutine[Any, Any, None]], "asyncio.Future[asyncio.Task[None] | None]"]
NAME: ContextVar[str] = ContextVar("NAME", default="nobody")


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts a coroutine outside of any task, as the transport does."""
    tasks, loop = TaskAtNeed(), asyncio.get_running_loop()

    def begin(coroutine: Coroutine[Any, Any, None], begun: "asyncio.Future[asyncio.Task[None] | None]") -> None:
        try:
            begun.set_result(tasks.start(coroutine))
        except BaseException as error:  # noqa: BLE001 - the test sees it
            begun.set_exception(error)

    def start(coroutine: Coroutine[Any, Any, None]) -> "asyncio.Future[asyncio.Task[None] | None]":
        begun: asyncio.Future[asyncio.Task[None] | None] = loop.create_future()
        loop.call_soon(begin, coroutine, begun)
        return begun

    yield start
    tasks.close()
    await asyncio.sleep(0)
    assert {task for task in asyncio.all_tasks() if "Carrier" in repr(task)} == set()


async def test_what_does_not_wait_needs_no_task_of_its_own(start: Start) -> None:
    seen: list[asyncio.Task[Any] | None] = []

    async def ends_at_once() -> None:
        seen.append(asyncio.current_task())

    for _ in range(3):
        assert await start(ends_at_once()) is None
    assert seen[0] is not None
    assert seen == [seen[0]] * 3


async def test_what_waits_goes_on_in_the_task_that_began_it(start: Start) -> None:
    seen: list[object] = []

    async def waits() -> None:
        seen.append(asyncio.current_task())
        async with asyncio.timeout(60):
            await asyncio.sleep(0)
            await asyncio.sleep(0.001)
        seen.append(asyncio.current_task())

    first, second = await asyncio.gather(start(waits()), start(waits()))
    assert first is not None
    assert second is not None
    await asyncio.gather(first, second)
    assert seen in ([first, second, first, second], [first, second, second, first])


async def test_a_timeout_that_began_before_the_first_wait_ends_it(start: Start) -> None:
    ended: list[str] = []

    async def waits() -> None:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            ended.append("in time")

    task = await start(waits())
    assert task is not None
    await asyncio.wait_for(task, 60)
    assert ended == ["in time"]


@pytest.mark.parametrize("turns", [0, 1, 3])
async def test_a_cancelled_one_cancels_what_it_waits_for(start: Start, turns: int) -> None:
    """At once, before its task has run; and later."""
    ended: list[str] = []

    async def inner() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("inner")
            raise

    child = asyncio.create_task(inner())
    await asyncio.sleep(0)

    async def waits() -> None:
        try:
            await child
        except asyncio.CancelledError:
            ended.append("outer")
            raise

    loop, begun = asyncio.get_running_loop(), start(waits())
    begun.add_done_callback(lambda done: None if turns else (task := done.result()) and task.cancel())
    task = await begun
    assert task is not None
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["inner", "outer"]
    assert loop.is_running()


async def test_what_waits_for_nothing_in_particular_is_cancelled_too(start: Start) -> None:
    ended: list[str] = []

    async def waits() -> None:
        try:
            for _ in range(1_000):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    task = await start(waits())
    assert task is not None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["cancelled"]


async def test_each_has_context_variables_of_its_own(start: Start) -> None:
    seen: list[str] = []

    async def sets(name: str, *, waits: bool) -> None:
        seen.append(NAME.get())
        NAME.set(name)
        if waits:
            await asyncio.sleep(0)
        seen.append(NAME.get())

    await start(sets("a", waits=False))
    task = await start(sets("b", waits=True))
    assert task is not None
    await start(sets("c", waits=False))
    await task
    assert sorted(seen) == ["a", "b", "c", "nobody", "nobody", "nobody"]
    assert NAME.get() == "nobody"


async def test_an_error_of_the_first_step_is_told_at_once_and_harms_no_other(start: Start) -> None:
    async def fails() -> None:
        raise ZeroDivisionError

    async def ends() -> None:
        """Nothing."""

    with pytest.raises(ZeroDivisionError):
        await start(fails())
    assert await start(ends()) is None
    assert asyncio.current_task() is not None


async def test_an_error_after_a_wait_is_that_of_its_task(start: Start) -> None:
    async def fails() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    task = await start(fails())
    assert task is not None
    with pytest.raises(ZeroDivisionError):
        await task
