"""What an auditor cannot check, since the store or the edge does not answer; of the edge, a line an incident."""

import logging
import time
from collections.abc import Callable
from enum import StrEnum

from travio_inventory.kernel.log_throttle import LogThrottle


class What(StrEnum):
    """What is not checked."""

    GROUP = "seat group"
    EDGE = "edge"
    """What the edge remembers of a seat group."""
    STOCK = "stock entry"


Missed = Callable[[What, int], None]
"""Hears how many were not checked."""


class EdgeUnseen:
    """What the edge remembers. A line when it begins, at most once a minute, and one when it is over."""

    def __init__(self, log: logging.Logger, missed: Missed, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._missed = missed
        self._log_throttle = LogThrottle(now_s=now_s)
        self._is_told = False
        self._count = 0

    def note(self, count: int, why: str, *, trip: str = "") -> None:
        """So many of those that were looked at just now were not checked; 0 = all of them were."""
        if count:
            self._missed(What.EDGE, count)
            self._count += count
            if not self._is_told and self._log_throttle.may_log(What.EDGE):
                self._is_told = True
                self._log.warning("audit: cannot check: %s", why, extra={"trip": trip})
        elif self._is_told:
            self._log.info("audit: checks each edge again; %d were not checked", self._count)
            self._is_told, self._count = False, 0
