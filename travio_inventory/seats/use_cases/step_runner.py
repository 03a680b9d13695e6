"""Runs steps that must not be interrupted: a caller that disconnects does not cancel them."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from functools import partial
from inspect import CORO_CREATED, getcoroutinestate
from types import CoroutineType
from typing import Any, Final, TypeVar

from travio_inventory.kernel.answer_deadline import a_step_begins, only_reading
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown, Overloaded, Refusal

T = TypeVar("T")

TURN_SECONDS_MAX: Final = 2.0
"""How long a step waits to begin: well within the lifetime of its lock at the gate."""


class StepRunner:
    """Owns the tasks in which steps commit, and those that finish them in the background.

    At most `in_flight_max` steps run at once. The others wait in order: one that waits too long is refused as
    Overloaded, and one whose caller leaves before never begins.
    """

    def __init__(self, *, in_flight_max: int) -> None:
        self._free = in_flight_max
        self._waiting: deque[asyncio.Future[None]] = deque()
        """Nobody waits while there are free turns."""
        self._steps: set[asyncio.Task[Any]] = set()
        self._never_begun: Collection[asyncio.Task[Any]] = ()
        """Those that `drain` has cut off before their first line."""
        self._background: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> int:
        """How many steps commit now."""
        return len(self._steps)

    async def run(
        self, step: Coroutine[Any, Any, T], *, if_never_begun: Callable[[], Coroutine[Any, Any, None]] | None = None
    ) -> T:
        """The step's result; a step that has begun runs to its end even if the caller is cancelled. Raises Overloaded,
        and if `drain` cut it off OutcomeUnknown, or BackendUnavailable if that was before its first line.

        `if_never_begun` undoes, in the background, what was done for a step that never begins.
        """
        if self._free:
            self._free -= 1
        else:
            try:
                with only_reading:
                    await self._turn()
            except BaseException:
                step.close()
                if if_never_begun is not None:
                    self.in_background(if_never_begun())
                raise
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        a_step_begins()
        task = loop.create_task(step)
        self._steps.add(task)
        task.add_done_callback(partial(self._ended, result))
        return await result

    async def _turn(self) -> None:
        """Wait for one. Raises Overloaded."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(TURN_SECONDS_MAX):
                await turn
        except BaseException as error:
            if turn.cancelled():
                with suppress(ValueError):  # whoever has given a turn has passed over this one
                    self._waiting.remove(turn)
            else:
                self._give_turn()
            if isinstance(error, TimeoutError):
                raise Overloaded from None
            raise

    def _ended(self, result: "asyncio.Future[T]", step: "asyncio.Task[T]") -> None:
        """Tell whoever still waits for it, and let the next one begin."""
        self._steps.discard(step)
        self._give_turn()
        error = self._cut_off(step) if step.cancelled() else step.exception()
        if result.done():
            return
        if error is None:
            result.set_result(step.result())
        else:
            result.set_exception(error)

    def _cut_off(self, step: "asyncio.Task[Any]") -> Refusal:
        return BackendUnavailable("the service stops") if step in self._never_begun else OutcomeUnknown()

    def _give_turn(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

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
                self._never_begun = {task for task in self._steps if _is_untouched(task)}
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                return
            await asyncio.wait(tasks, timeout=left)


def _is_untouched(step: asyncio.Task[Any]) -> bool:
    """Whether it has not come to its first line."""
    coroutine = step.get_coro()
    return isinstance(coroutine, CoroutineType) and getcoroutinestate(coroutine) == CORO_CREATED
