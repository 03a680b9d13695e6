"""How long the turns of the event loop are: while one lasts, all other calls of the process wait."""

import logging
from asyncio import AbstractEventLoop
from collections.abc import Sequence
from selectors import DefaultSelector, SelectorKey
from time import perf_counter_ns, thread_time_ns
from typing import Final

from travio_inventory.kernel.log_throttle import LogThrottle

log = logging.getLogger(__name__)

LONGEST_TURN = "event_loop longest_turn_us"
"""The name of the figure: in the log, the longest turn since the line before."""
WINDOW_NS: Final = 30_000_000_000
"""The longest turn is told of this window and of the one before, so that any number of scrapers see it."""
TICK_NS: Final = 20_000_000
"""How often a loop is looked at that has no selector of ours."""
SLOW_NS: Final = 1_000_000_000
"""A turn of so long is logged."""


class TimedTurns(DefaultSelector):
    """The selector of an event loop, which times what the loop does between two waits."""

    def __init__(self, *, window_ns: int = WINDOW_NS) -> None:
        super().__init__()
        self._window_ns = window_ns
        self._began_ns = self._window_began_ns = perf_counter_ns()
        self._longest_ns = 0
        self._longest_in_window_ns = self._longest_before_ns = 0
        self._slow: LogThrottle | None = None
        self.busy_ns = 0
        """All turns together."""

    def select(self, timeout: float | None = None) -> Sequence[tuple[SelectorKey, int]]:  # type: ignore[override] # the list that it is
        """Wait for what the loop waits for: a turn ends, and the next one begins when there is something to do."""
        now_ns = perf_counter_ns()
        took_ns = now_ns - self._began_ns
        self.busy_ns += took_ns
        self._note(took_ns, now_ns)
        ready = super().select(timeout)
        self._began_ns = perf_counter_ns()
        return ready

    def look_at(self, loop: AbstractEventLoop) -> None:
        """Time a loop that has its own way to wait: its longest turns by how late a timer is, all together by the CPU
        time of this thread.
        """
        self._began_ns = perf_counter_ns()
        loop.call_later(TICK_NS / 1e9, self._tick, loop)

    def _tick(self, loop: AbstractEventLoop) -> None:
        now_ns = perf_counter_ns()
        self._note(max(0, now_ns - self._began_ns - TICK_NS), now_ns)
        self.busy_ns = thread_time_ns()
        self.look_at(loop)

    def say_slow(self) -> None:
        """From now on log slow turns, at most one a minute. Those of a start are nobody's wait."""
        self._slow = LogThrottle()

    def longest_us(self) -> int:
        """The longest turn since this was last asked."""
        longest_ns, self._longest_ns = self._longest_ns, 0
        return longest_ns // 1_000

    def longest_lately_ns(self) -> int:
        """The longest turn of this window and the one before."""
        now_ns = perf_counter_ns()
        if now_ns - self._window_began_ns > self._window_ns:
            self._next_window(now_ns)
        return max(self._longest_in_window_ns, self._longest_before_ns)

    def _note(self, took_ns: int, now_ns: int) -> None:
        if now_ns - self._window_began_ns > self._window_ns:
            self._next_window(now_ns)
        self._longest_ns = max(self._longest_ns, took_ns)
        self._longest_in_window_ns = max(self._longest_in_window_ns, took_ns)
        if took_ns >= SLOW_NS and self._slow is not None and self._slow.may_log(LONGEST_TURN):
            log.warning("the event loop stood still for %.1f s: all calls of this process waited", took_ns / 1e9)

    def _next_window(self, now_ns: int) -> None:
        is_next = now_ns - self._window_began_ns <= 2 * self._window_ns
        self._longest_before_ns = self._longest_in_window_ns if is_next else 0
        self._longest_in_window_ns = 0
        self._window_began_ns = now_ns
