"""Runs steps that must not be interrupted: a caller that disconnects does not cancel them."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from travio_inventory.kernel.refusals import OutcomeUnknown, Overloaded

T = TypeVar("T")

TURN_SECONDS_MAX: Final = 2.0
"""How long a step waits to begin: well within the lifetime of its lock at the gate."""


class StepRunner:
    """Owns the tasks in which steps commit, and those that finish them in the background.

    At most `in_flight_max` steps run at once. The others wait in order: one that waits too long is refused as
    Overloaded, and one whose caller leaves before never begins.
    """

    def __init__(self, *, in_flight_max: int) -> None:
        self._turns = asyncio.Semaphore(in_flight_max)
        self._steps: set[asyncio.Task[Any]] = set()
        self._background: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> int:
        """How many steps commit now."""
        return len(self._steps)

    async def run(
        self, step: Coroutine[Any, Any, T], *, if_never_begun: Callable[[], Coroutine[Any, Any, None]] | None = None
    ) -> T:
        """The step's result; a step that has begun runs to its end even if the caller is cancelled. Raises Overloaded,
        and OutcomeUnknown if `drain` cut it off.

        `if_never_begun` undoes, in the background, what was done for a step that never begins.
        """
        try:
            await self._turn()
        except BaseException:
            step.close()
            if if_never_begun is not None:
                self.in_background(if_never_begun())
            raise
        task = asyncio.ensure_future(step)
        self._steps.add(task)
        task.add_done_callback(self._ended)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled() and not _is_leaving():
                raise OutcomeUnknown from None  # `drain` cut it off, at its first line or later
            raise

    async def _turn(self) -> None:
        if not self._turns.locked():
            await self._turns.acquire()
            return
        try:
            async with asyncio.timeout(TURN_SECONDS_MAX):
                await self._turns.acquire()
        except TimeoutError:
            raise Overloaded from None

    def _ended(self, step: asyncio.Task[Any]) -> None:
        self._steps.discard(step)
        self._turns.release()
        if not step.cancelled():
            step.exception()  # a refusal that nobody waits for any more is not an error for the loop to report

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Start work that only `drain` waits for. It handles its own errors."""
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def drain(self, seconds: float) -> None:
        """Wait for everything that runs, at most `seconds`, then cancel the rest."""
        deadline = asyncio.get_running_loop().time() + seconds
        while tasks := [*self._steps, *self._background]:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                return
            await asyncio.wait(tasks, timeout=left)


def _is_leaving() -> bool:
    """Whether the current task is being cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
