"""Runs steps that must not be interrupted: a caller that disconnects does not cancel them."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

from travio_inventory.kernel.answer_deadline import a_step_begins, only_reading
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown, Overloaded

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
        self._steps: dict[asyncio.Future[Any], tuple[asyncio.Task[None], Coroutine[Any, Any, Any]]] = {}
        """By whom they tell their result: the task of each, and what it runs."""
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
        self._steps[result] = loop.create_task(self._to_its_end(step, result)), step
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

    async def _to_its_end(self, step: Coroutine[Any, Any, T], result: "asyncio.Future[T]") -> None:
        """Run it, tell whoever still waits for it, and let the next one begin."""
        try:
            done = await step
        except asyncio.CancelledError:
            _refuse(result, OutcomeUnknown())
            raise
        except Exception as error:  # noqa: BLE001 - it is told to whoever waits
            _refuse(result, error)
        else:
            if not result.done():
                result.set_result(done)
        finally:
            del self._steps[result]
            self._give_turn()

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
        while tasks := [*(task for task, _ in self._steps.values()), *self._background]:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                self._refuse_the_rest()
                return
            await asyncio.wait(tasks, timeout=left)

    def _refuse_the_rest(self) -> None:
        """Those that were cut off before their first line."""
        for result, (_, step) in self._steps.items():
            step.close()
            _refuse(result, BackendUnavailable("the service stops"))
            self._give_turn()
        self._steps.clear()


def _refuse(result: "asyncio.Future[Any]", why: Exception) -> None:
    if not result.done():
        result.set_exception(why)
