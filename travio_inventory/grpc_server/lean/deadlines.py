"""When calls must have been answered: calls whose time is up at the same moment share one timer of the loop."""

import asyncio
import time
from typing import Final, Protocol, TypeAlias

MOMENT_S: Final = 0.01
"""A call is told so much late at most."""
AHEAD_S_MAX: Final = 60.0
"""Who has longer is told then, and asks again: so timers are few, however far peers set their deadlines."""


class Timed(Protocol):
    """What is told that its time is up."""

    def on_timer(self) -> None:
        """Its time is up."""
        ...


Due: TypeAlias = set[Timed]
"""Those who are told at one moment; who need not be told any more is taken out."""


class Deadlines:
    """The calls of one server. Its timers are not cancelled: one that nobody waits for any more tells nobody."""

    def __init__(self) -> None:
        self._due: dict[int, Due] = {}

    def add(self, at_s: float, call: Timed) -> Due:
        """Tell it at that time of the monotonic clock or a moment later, but no later than AHEAD_S_MAX from now; unless
        it is taken out of what is returned.
        """
        moment = int(min(at_s, time.monotonic() + AHEAD_S_MAX) / MOMENT_S) + 1
        due = self._due.get(moment)
        if due is None:
            due = self._due[moment] = set()
            left_s = moment * MOMENT_S - time.monotonic()
            asyncio.get_running_loop().call_later(max(0.0, left_s), self._tell, moment)
        due.add(call)
        return due

    @property
    def moments(self) -> int:
        """For how many moments there is a timer."""
        return len(self._due)

    def _tell(self, moment: int) -> None:
        due = self._due.pop(moment)
        while due:
            due.pop().on_timer()
