"""The log lines about a server: one when it goes down, at most one a minute with the cost, one when it is back."""

import logging
import time
from collections.abc import Callable

SAY_EVERY_S = 60.0
STEADY_S = 10.0
"""A server that was up for so long before is logged at once."""


class Outages:
    """Logs the state of one server. One that keeps coming back for less than STEADY_S is logged once a minute, with how
    often. For one thread. `down` and `back` are what it is called to be so.
    """

    def __init__(
        self,
        log: logging.Logger,
        name: str,
        *,
        down: str = "is down",
        back: str = "is back",
        say_every_s: float = SAY_EVERY_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._down = f"{name} {down}"
        self._back = f"{name} {back}"
        self._say_every_s = say_every_s
        self._now_s = now_s
        self._why = ""
        self._down_since_s: float | None = None
        self._came_at_s = self._said_at_s = float("-inf")
        self._is_said = False
        self._times = 0
        self._missed = 0

    @property
    def is_down(self) -> bool:
        """Whether the server is down, by the last report."""
        return self._down_since_s is not None

    def went(self, why: str) -> None:
        """The server went down; a repetition changes nothing."""
        if self._down_since_s is None:
            self._down_since_s = self._now_s()
            self._why = why
            self._times += 1
            if self._down_since_s - self._came_at_s >= STEADY_S:
                self._said_at_s = float("-inf")
            self.look()

    def came(self, *, ago_s: float = 0.0) -> None:
        """The server is back, or came so long ago; a repetition changes nothing."""
        if self._down_since_s is None:
            return
        self._came_at_s = self._now_s() - ago_s
        lasted_s, self._down_since_s = self._came_at_s - self._down_since_s, None
        if self._is_said:
            self._log.info("%s after %.1f s%s", self._back, lasted_s, self._cost())
            self._is_said = False

    def missed(self) -> None:
        """A request failed, or was not sent, because the server is down."""
        self._missed += 1

    def look(self) -> None:
        """Log what is due; call it now and then while the server is down."""
        if self._down_since_s is None or self._now_s() - self._said_at_s < self._say_every_s:
            return
        self._said_at_s = self._now_s()
        if self._is_said:
            cost = self._cost() or f": {self._why}"
            self._log.warning("%s for %.0f s%s", self._down, self._now_s() - self._down_since_s, cost)
            return
        self._is_said = True
        again = f", {self._times} times so far" if self._times > 1 else ""
        self._log.warning("%s%s: %s", self._down, again, self._why)
        self._times = 0

    def _cost(self) -> str:
        missed, self._missed = self._missed, 0
        return f": {missed} requests went without" if missed else ""
