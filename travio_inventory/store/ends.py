"""When things that are kept for a while are forgotten."""

from collections.abc import Hashable, Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class EndTimes(Generic[T]):
    """The end of each thing that has one, in seconds of some clock."""

    def __init__(self) -> None:
        self._at_s: dict[T, float] = {}
        self._heap: list[tuple[float, int, T]] = []
        self._numbers = count()

    def set(self, thing: T, at_s: float | None) -> None:
        """The thing ends then, or never, whatever was said before."""
        if at_s is None:
            self._at_s.pop(thing, None)
        else:
            self._at_s[thing] = at_s
            heappush(self._heap, (at_s, next(self._numbers), thing))

    def has(self, thing: T) -> bool:
        """Whether it has an end."""
        return thing in self._at_s

    def take_over(self, now_s: float) -> Iterator[T]:
        """Those that have ended by now, the earliest first; each once."""
        while self._heap and self._heap[0][0] <= now_s:
            at_s, _, thing = heappop(self._heap)
            if self._at_s.get(thing) == at_s:
                del self._at_s[thing]
                yield thing
