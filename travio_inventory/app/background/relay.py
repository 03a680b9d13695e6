"""Relays recorded events to a sink at intervals, and logs when it falls behind."""

import logging
from random import Random

from travio_inventory.app.assemble import Relay
from travio_inventory.app.background.pace import Pace
from travio_inventory.kernel.log_throttle import LogThrottle

LATE_MS = 60_000
"""A sink counts as behind if an event waits for so long."""

log = logging.getLogger(__name__)


class RelayJob:
    """No error ends it: what was not published is retried in the next round."""

    def __init__(self, sink: str, relay: Relay, *, interval_ms: int, jitter: Random) -> None:
        self._sink = sink
        self._relay = relay
        self._pace = Pace(interval_ms=interval_ms, jitter=jitter)
        self._log_throttle = LogThrottle()

    async def run(self) -> None:
        """Relay until cancelled."""
        await self._pace.keep(self._round)

    async def _round(self) -> bool:
        try:
            await self._relay.round()
        except Exception as error:  # noqa: BLE001 - the next round may succeed; it is logged
            if self._log_throttle.may_log(type(error).__name__):
                log.warning("cannot relay events to %s, retrying: %s: %s", self._sink, type(error).__name__, error)
            return False
        finally:
            self._say_lag()
        return True

    def _say_lag(self) -> None:
        lag_ms = self._relay.lag_ms()
        if lag_ms >= LATE_MS and self._log_throttle.may_log("lag"):
            log.warning("events for %s are %d s behind; other sinks go on", self._sink, lag_ms // 1_000)
