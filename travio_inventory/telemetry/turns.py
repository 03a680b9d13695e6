"""How long the turns of the event loop are: while one lasts, all other calls of the process wait."""

from collections.abc import Sequence
from selectors import DefaultSelector, SelectorKey
from time import perf_counter_ns

LONGEST_TURN = "event_loop longest_turn_us"
"""The name of the figure: in the log, the longest turn since the line before."""


class TimedTurns(DefaultSelector):
    """The selector of an event loop, which times what the loop does between two waits."""

    def __init__(self) -> None:
        super().__init__()
        self._began_ns = perf_counter_ns()
        self._longest_ns = 0

    def select(self, timeout: float | None = None) -> Sequence[tuple[SelectorKey, int]]:  # type: ignore[override] # the list that it is
        """Wait for what the loop waits for: a turn ends, and the next one begins when there is something to do."""
        took_ns = perf_counter_ns() - self._began_ns
        self._longest_ns = max(self._longest_ns, took_ns)
        ready = super().select(timeout)
        self._began_ns = perf_counter_ns()
        return ready

    def longest_us(self) -> int:
        """The longest turn since this was last asked."""
        longest_ns, self._longest_ns = self._longest_ns, 0
        return longest_ns // 1_000
