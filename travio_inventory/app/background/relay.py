"""Relays recorded events to a sink at intervals, and logs when it is down or falls behind."""

import logging
from random import Random

import anyio

from travio_inventory.app.background.pace import Pace
from travio_inventory.app.relaying import Relay
from travio_inventory.kernel.error_words import error_in_words
from travio_inventory.kernel.events import SinkDown
from travio_inventory.kernel.log_throttle import LogThrottle
from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.telemetry.outages import Outages

LATE_MS = 60_000
"""A sink counts as behind if an event waits for so long."""
NEAR = 0.25
"""Of the time for which events are kept: if less is left for one, it may soon be lost to the sink."""

ADVICE = "repair the sink; a longer TRAVIO_EVENT_RETENTION_SECONDS keeps only what is still to come"

log = logging.getLogger(__name__)


class RelayJob:
    """No error ends it: what was not published is retried in the next round. `outages` are those of the sink."""

    def __init__(
        self, sink: str, relay: Relay, outages: Outages, *, interval_ms: int, waits: StoreWaits, jitter: Random
    ) -> None:
        self._sink = sink
        self._relay = relay
        self._outages = outages
        self._waits = waits
        self._pace = Pace(interval_ms=interval_ms, jitter=jitter)
        self._log_throttle = LogThrottle(now_s=anyio.current_time)

    async def run(self) -> None:
        """Relay until cancelled."""
        await self._pace.keep(self._round, self._relay.news)

    async def _round(self) -> bool:
        try:
            if await self._relay.round():
                self._outages.came()
        except SinkDown as down:
            self._outages.went(str(down))
            self._outages.look()
            return False
        except Exception as error:  # noqa: BLE001 - the next round may succeed; it is logged
            heard = self._waits.heard(f"relay events to {self._sink}", error)
            if not heard and self._log_throttle.may_log(type(error).__name__):
                log.warning("cannot relay events to %s, retrying: %s", self._sink, error_in_words(error))
            return False
        finally:
            self._say_lag()
        return True

    def _say_lag(self) -> None:
        lag_ms, left_s, kept_s = self._relay.lag_ms(), self._relay.forgotten_in_s(), self._relay.kept_s
        is_near = left_s <= kept_s * NEAR
        if lag_ms < LATE_MS or (self._waits.lasts and not is_near) or not self._log_throttle.may_log("lag"):
            return
        if not is_near:
            log.warning("events for %s are %d s behind; other sinks go on", self._sink, lag_ms // 1_000)
            return
        what = f"the oldest is forgotten in {left_s} s" if left_s else f"what is older than {kept_s} s is lost to it"
        log.error("events for %s are %d s behind, %s: %s", self._sink, lag_ms // 1_000, what, ADVICE)
