"""An event loop whose clock jumps, and whose order of ready callbacks is drawn from a seed: same seed, same run."""

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from heapq import heappop, heappush
from random import Random
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

TURNS_MAX = 2_000
BUSY_TURN_S = 0.02
"""After TURNS_MAX turns without a pause each turn takes this time, because a callback calls itself again in each of
them, for example anyio when it cancels a task that stands still. So the others have their turns.
"""


class Stalled(AssertionError):
    """Every task waits for something that never happens."""


class Ended(Exception):
    """The run was ended: what it was to show has been seen."""


class Planned(asyncio.TimerHandle):
    """A callback and its time, made and cancelled without the debugging of the base class: a run has very many."""

    __slots__ = ()

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[object, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        self._when = when
        self._callback = callback
        self._args = args
        self._loop = loop
        self._context = copy_context() if context is None else context
        self._cancelled = False
        self._repr = self._source_traceback = None

    def cancel(self) -> None:
        self._cancelled = True
        self._callback = self._args = None  # type: ignore[assignment]  # as the base class does


class VirtualLoop(asyncio.SelectorEventLoop):
    """Never waits: when no callback is ready, the clock goes to the next timer. Has no input or output.

    A run has about ten thousand callbacks, so scheduling omits the checks of the base class.
    """

    def __init__(self, seed: int) -> None:
        self._now = 0.0
        self._turns = 0
        self._is_over = False
        self._has_ended = False
        self._order = Random(seed)
        self.stands_still_until: Callable[[asyncio.Handle], float] | None = None
        """When the process of a callback continues, if it stands still."""
        super().__init__()
        self.get_debug = bool  # type: ignore[method-assign]  # False, which every future asks for

    def time(self) -> float:
        return self._now

    def end(self) -> None:
        """Raise Ended instead of the next turn, once: tasks that are cancelled then have their turns."""
        self._is_over = not self._has_ended

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = Planned(0, callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]  # the base class's own, which every wait passes
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = Planned(when, callback, args, self, context)
        heappush(self._scheduled, (when, timer))  # type: ignore[attr-defined]  # too
        return timer

    def _run_once(self) -> None:
        """One turn in place of the base class's: it would ask the system for the time and for sockets."""
        if self._is_over:
            self._is_over, self._has_ended = False, True
            raise Ended
        ready, timers = self._ready, self._scheduled  # type: ignore[attr-defined]
        self._turns = self._turns + 1 if ready else 0
        if self._turns > TURNS_MAX:
            self._now += BUSY_TURN_S
        while timers and (not ready or timers[0][0] <= self._now or timers[0][1]._cancelled):
            when, timer = heappop(timers)
            if not timer._cancelled:
                self._now = max(self._now, when)
                ready.append(timer)
        if not ready:
            raise Stalled
        turn = list(ready)
        ready.clear()
        if len(turn) > 1:
            self._order.shuffle(turn)
        for handle in turn:
            self._do(handle)

    def _do(self, handle: asyncio.Handle) -> None:
        """Run the callback, now or when its process continues."""
        if handle._cancelled:
            return
        if self.stands_still_until and (until := self.stands_still_until(handle)) > self._now:
            self.call_at(until, self._do, handle, context=Context())
        else:
            handle._run()


@contextmanager
def _garbage_kept() -> Iterator[None]:
    """Do not collect garbage meanwhile: a run makes little garbage and many objects, which would all be scanned."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def run_virtually(seed: int, main: Coroutine[Any, Any, T]) -> T:
    """Run to the end on a loop of its own, in virtual time. Raises Stalled, and Ended if somebody ended it."""
    with _garbage_kept(), asyncio.Runner(loop_factory=lambda: VirtualLoop(seed)) as runner:
        return runner.run(main)


def now_s() -> float:
    """The time of the loop that runs, in seconds since it began."""
    return asyncio.get_running_loop().time()
