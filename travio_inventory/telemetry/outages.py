"""What the log says of a server: once that it is away, at most once a minute what that costs, once that it is back."""

import logging
import time
from collections.abc import Callable

SAY_EVERY_S = 60.0
STEADY_S = 10.0
"""Who was there for as long before is told of at once."""


class Outages:
    """The log's view of one server. One that comes back for less than STEADY_S again and again is told of once a
    minute, with how often. For one thread.
    """

    def __init__(
        self,
        log: logging.Logger,
        name: str,
        *,
        say_every_s: float = SAY_EVERY_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._name = name
        self._say_every_s = say_every_s
        self._now_s = now_s
        self._why = ""
        self._away_since_s: float | None = None
        self._came_at_s = self._said_at_s = float("-inf")
        self._is_said = False
        self._times = 0
        self._missed = 0

    @property
    def is_away(self) -> bool:
        """Whether it is away, by what was told last."""
        return self._away_since_s is not None

    def went(self, why: str) -> None:
        """The server is away from now on; again changes nothing."""
        if self._away_since_s is None:
            self._away_since_s = self._now_s()
            self._why = why
            self._times += 1
            if self._away_since_s - self._came_at_s >= STEADY_S:
                self._said_at_s = float("-inf")
            self.look()

    def came(self) -> None:
        """It is back; again changes nothing."""
        if self._away_since_s is None:
            return
        self._came_at_s = self._now_s()
        lasted_s, self._away_since_s = self._came_at_s - self._away_since_s, None
        if self._is_said:
            self._log.info("%s is back after %.1f s%s", self._name, lasted_s, self._cost())
            self._is_said = False

    def missed(self) -> None:
        """A request failed, or was not made, because of it."""
        self._missed += 1

    def look(self) -> None:
        """Say what is due; to be called now and then while it is away."""
        if self._away_since_s is None or self._now_s() - self._said_at_s < self._say_every_s:
            return
        self._said_at_s = self._now_s()
        if self._is_said:
            self._log.warning("%s is away for %.0f s%s", self._name, self._now_s() - self._away_since_s, self._cost())
            return
        self._is_said = True
        again = f", {self._times} times by now" if self._times > 1 else ""
        self._log.warning("%s is away%s: %s", self._name, again, self._why)
        self._times = 0

    def _cost(self) -> str:
        missed, self._missed = self._missed, 0
        return f": {missed} requests went without" if missed else ""
