"""Runs what must not be torn: a caller that leaves does not cancel it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from travio_inventory.domain.errors import Overloaded

T = TypeVar("T")


class Commits:
    """Owns the tasks in which steps commit, and those that finish them in the background.

    `in_flight_max` bounds the steps under way; one more is refused as Overloaded.
    """

    def __init__(self, *, in_flight_max: int) -> None:
        self._in_flight_max = in_flight_max
        self._steps: set[asyncio.Task[None]] = set()
        self._background: set[asyncio.Task[None]] = set()

    async def run(self, step: Coroutine[Any, Any, T]) -> T:
        """The step's result; the step goes on to its end even where the caller is cancelled."""
        if len(self._steps) >= self._in_flight_max:
            step.close()
            raise Overloaded
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        task = asyncio.ensure_future(_finish(step, answer))
        self._steps.add(task)
        task.add_done_callback(self._steps.discard)
        return await answer

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Start work that nobody waits for but `drain`. It answers for its own errors."""
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def drain(self, seconds: float) -> None:
        """Wait for all that is under way, `seconds` at most, then cancel what is left."""
        deadline = asyncio.get_running_loop().time() + seconds
        while tasks := [*self._steps, *self._background]:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                return
            await asyncio.wait(tasks, timeout=left)


async def _finish(step: Coroutine[Any, Any, T], answer: asyncio.Future[T]) -> None:
    """Run the step to its end and answer whoever still waits."""
    try:
        result = await step
    except asyncio.CancelledError:
        answer.cancel()
        raise
    except BaseException as error:  # noqa: BLE001 - it is the caller's, and is raised there
        if not answer.done():
            answer.set_exception(error)
    else:
        if not answer.done():
            answer.set_result(result)
