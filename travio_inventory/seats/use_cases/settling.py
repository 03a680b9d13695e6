"""How often a holder may have the store settle the outcome of a key: these calls pass the gate, so they are limited."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import Overloaded

PER_SECOND_MAX: Final = 5
WINDOW_S: Final = 1.0
HOLDERS_MAX: Final = 10_000
"""How many holders are counted at once; calls of further ones are refused as Overloaded."""


@dataclass(slots=True)
class _Turns:
    """A holder's calls of the last second, and whether one is running."""

    began_s: deque[float] = field(default_factory=lambda: deque(maxlen=PER_SECOND_MAX))
    is_under_way: bool = False

    def is_over(self, now_s: float) -> bool:
        """Whether none of them counts any more."""
        return not self.is_under_way and self.began_s[-1] + WINDOW_S <= now_s

    def is_full(self, now_s: float) -> bool:
        """Whether another call would exceed the limit."""
        is_spent = len(self.began_s) == PER_SECOND_MAX and self.began_s[0] + WINDOW_S > now_s
        return self.is_under_way or is_spent


class Settling:
    """One at a time and PER_SECOND_MAX a second for each holder."""

    def __init__(self) -> None:
        self._holders: OrderedDict[tuple[str, str], _Turns] = OrderedDict()

    @contextmanager
    def turn(self, actor: Actor) -> Iterator[None]:
        """One call of the holder, as long as the context lasts. Raises Overloaded beyond the limit."""
        now_s = asyncio.get_running_loop().time()
        holder = actor.organization, actor.user
        turns = self._holders.get(holder)
        if turns is None:
            self._make_room(now_s)
            turns = self._holders[holder] = _Turns()
        elif turns.is_full(now_s):
            raise Overloaded
        self._holders.move_to_end(holder)
        turns.began_s.append(now_s)
        turns.is_under_way = True
        try:
            yield
        finally:
            turns.is_under_way = False

    def _make_room(self, now_s: float) -> None:
        """Forget holders whose calls no longer count, two at a time, the oldest first."""
        for _ in range(2):
            if self._holders:
                holder = next(iter(self._holders))
                if self._holders[holder].is_over(now_s):
                    del self._holders[holder]
                else:
                    self._holders.move_to_end(holder)
        if len(self._holders) >= HOLDERS_MAX:
            raise Overloaded
