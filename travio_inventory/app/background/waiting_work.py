"""Logs that background work waits for the store, whichever does: a line when it begins, and one when it goes on."""

import logging

import anyio

from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.telemetry.outages import Outages

QUIET_S = 20.0
"""So long nothing must have failed before it goes on: longer than what is set aside waits."""

log = logging.getLogger(__name__)


class WaitingWork:
    """The work of one process."""

    def __init__(self, waits: StoreWaits) -> None:
        self._waits = waits
        self._outages = Outages(
            log, "background work", down="waits for the store", back="goes on", now_s=anyio.current_time
        )
        self._failed_s = 0.0

    def look(self, *, answers: bool) -> None:
        """Log what is due; call it now and then with whether the store answers."""
        if why := self._waits.take():
            self._failed_s = anyio.current_time()
            self._outages.went(why)
            self._outages.look()
        elif answers and (quiet_s := anyio.current_time() - self._failed_s) >= QUIET_S:
            self._outages.came(ago_s=quiet_s)
            self._waits.lasts = False
