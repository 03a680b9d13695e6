"""How long ago something began by another process's clock; if that clock is far ahead, since this process first met it.

So an attempt keeps its grace period and a hold its lifetime, however wrong a clock was; with clocks within the bound
nothing ever began later than now.
"""

from collections import OrderedDict

from travio_inventory.kernel.clock import Clock

HOLDS_MAX = 10_000


class Ages:
    """Remembers when it first met holds that begin in the future, HOLDS_MAX of them."""

    def __init__(self, clock: Clock, *, clock_bound_ms: int) -> None:
        self._clock = clock
        self._clock_bound_ms = clock_bound_ms
        self._met_ms: OrderedDict[tuple[str, int], int] = OrderedDict()
        """By what began, and when it said so: one id may be met before its hold is made."""

    def is_ahead(self, at_ms: int) -> bool:
        """Whether no clock within the bound can show that time yet."""
        return at_ms > self._clock.now_ms() + self._clock_bound_ms

    def has_met(self, hold_id: str, began_ms: int) -> bool:
        """Whether its clock is ahead of this one, or was when this process met it."""
        return (hold_id, began_ms) in self._met_ms or self.is_ahead(began_ms)

    def of(self, hold_id: str, began_ms: int) -> int:
        """Milliseconds since it began, at least."""
        now_ms, elapsed_ms = self._clock.now_ms(), self._clock.elapsed_ms()
        if self.is_ahead(began_ms):
            self._met_ms.setdefault((hold_id, began_ms), elapsed_ms)
            if len(self._met_ms) > HOLDS_MAX:
                self._met_ms.popitem(last=False)
        return max(now_ms - began_ms, elapsed_ms - self._met_ms.get((hold_id, began_ms), elapsed_ms))
