"""Runs a coroutine's first step at once, as the current task; only one that waits for something becomes a task.

asyncio says of `_enter_task` and `_leave_task` that other implementations of tasks are to call them. The task under
which the first step runs is the one that goes on with the coroutine, so that timeouts and cancel scopes that were
entered before it waited are left in the task that entered them. One that never waited leaves its task to the next.
"""

import asyncio
from collections.abc import Coroutine, Generator
from contextvars import Context, copy_context
from functools import partial
from typing import Any


class TaskAtNeed:
    """Starts the coroutines of one server; `close` when it stops."""

    def __init__(self) -> None:
        self._spare: tuple[_Carrier, asyncio.Task[None]] | None = None

    def start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Run to the end, or until it waits: then the task that goes on with it. To be called outside of any task."""
        carrier, task = self._spare or self._new()
        loop = task.get_loop()  # asyncio.get_running_loop asks the system which process this is, each time
        context = copy_context()
        asyncio._enter_task(loop, task)
        try:
            waits_for = context.run(coroutine.send, None)
        except StopIteration:
            return None
        finally:
            asyncio._leave_task(loop, task)
        self._spare = None
        carrier.go_on(coroutine, context, waits_for)
        return task

    def close(self) -> None:
        """Leave no task behind."""
        if self._spare is not None:
            self._spare[1].cancel()
            self._spare = None

    def _new(self) -> "tuple[_Carrier, asyncio.Task[None]]":
        loop = asyncio.get_running_loop()
        carrier = _Carrier()
        self._spare = carrier, loop.create_task(carrier)
        return self._spare


class _Carrier(Coroutine[Any, Any, None]):
    """What a spare task runs: it waits until it is given a coroutine, and then is that one."""

    def __init__(self) -> None:
        self._given: asyncio.Future[None] | None = None
        """What it waits for, where the loop comes to it before it is given one."""
        self._parked: Generator[Any, None, None] | None = None
        self._coroutine: Coroutine[Any, Any, None] | None = None
        self._context = Context()
        self._waits_for: Any = None
        self._has_gone_on = False

    def go_on(self, coroutine: Coroutine[Any, Any, None], context: Context, waits_for: object) -> None:
        """Go on with a coroutine that has made its first step and waits for that."""
        self._coroutine, self._context, self._waits_for = coroutine, context, waits_for
        if self._given is not None:
            self._given.set_result(None)

    def send(self, value: None) -> Any:  # noqa: ANN401 - whatever the coroutine waits for
        if self._coroutine is None:
            self._given = asyncio.get_running_loop().create_future()
            self._parked = iter(self._given.__await__())
            return next(self._parked)
        if not self._has_gone_on:
            self._has_gone_on = True
            return self._waits_for
        return self._in_context(self._coroutine.send, value)

    def throw(self, kind: Any, value: Any = None, trace: Any = None) -> Any:  # noqa: ANN401 - as asyncio calls it
        error = kind if value is None else value
        if self._coroutine is None:
            raise error
        if not self._has_gone_on:
            self._has_gone_on = True
            if isinstance(self._waits_for, asyncio.Future) and self._waits_for.cancel():
                return self._waits_for  # as a task does that is cancelled: what it waits for tells it
        return self._in_context(self._coroutine.throw, error)

    def close(self) -> None:
        if self._coroutine is not None:
            self._coroutine.close()

    def __await__(self) -> Generator[Any, None, None]:
        raise TypeError("a task runs this")

    def _in_context(self, step: Any, value: object) -> Any:  # noqa: ANN401 - a coroutine's send or throw
        return self._context.run(partial(step, value))
