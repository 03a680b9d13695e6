"""An event loop whose clock jumps and whose order of equals is drawn by a seed: same seed, same run."""

import asyncio
from collections.abc import Coroutine
from heapq import heappop
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Waits for nothing: when no callback is ready, the clock goes to the next timer."""

    def __init__(self, seed: int) -> None:
        self._now = 0.0
        self._order = Random(seed)
        super().__init__()

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        """Before the base class looks: leave it no timer to wait for, and shuffle what is ready."""
        ready = self._ready  # type: ignore[attr-defined]
        timers = self._scheduled  # type: ignore[attr-defined]
        while timers and timers[0]._cancelled:
            heappop(timers)._scheduled = False
            self._timer_cancelled_count -= 1  # type: ignore[attr-defined]
        if not ready and timers:
            self._now = max(self._now, timers[0]._when)
        elif len(ready) > 1:
            shuffled = list(ready)
            self._order.shuffle(shuffled)
            ready.clear()
            ready.extend(shuffled)
        super()._run_once()  # type: ignore[misc]


def run_virtually(seed: int, main: Coroutine[Any, Any, T]) -> T:
    """Run to the end on a loop of its own, in virtual time."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(seed)) as runner:
        return runner.run(main)
