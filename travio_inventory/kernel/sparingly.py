"""Keeps what fails all the time from filling the log."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable


class Sparingly:
    """Says of each thing at most once per `seconds`, so that what fails all the time does not fill the log.

    Remembers `things_max` things, those said last.
    """

    def __init__(
        self, *, seconds: float = 60, things_max: int = 1_000, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._things_max = things_max
        self._now_s = now_s
        self._said_at: OrderedDict[Hashable, float] = OrderedDict()

    def may_say(self, thing: Hashable) -> bool:
        """Whether to say it now; from then on it counts as said."""
        now_s = self._now_s()
        said_at = self._said_at.get(thing)
        if said_at is not None and now_s - said_at < self._seconds:
            return False
        self._said_at[thing] = now_s
        self._said_at.move_to_end(thing)
        if len(self._said_at) > self._things_max:
            self._said_at.popitem(last=False)
        return True
