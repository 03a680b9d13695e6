"""Publishes the events of this process's own steps to a sink, at once."""

import logging
from random import Random

import anyio

from travio_inventory.app.background.pace import Pace
from travio_inventory.app.relaying import OwnRelay
from travio_inventory.kernel.error_words import error_in_words
from travio_inventory.kernel.events import SinkDown
from travio_inventory.kernel.log_throttle import LogThrottle
from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.telemetry.outages import Outages

INTERVAL_MS = 20
"""Between two rounds: so long events wait for company, but not the first after a pause."""

log = logging.getLogger(__name__)


class OwnEventsJob:
    """No error ends it: what was not published at once is left to the relays. `outages` are those of the sink."""

    def __init__(self, sink: str, own: OwnRelay, outages: Outages, *, waits: StoreWaits, jitter: Random) -> None:
        self._sink = sink
        self._own = own
        self._outages = outages
        self._waits = waits
        self._pace = Pace(interval_ms=INTERVAL_MS, jitter=jitter)
        self._log_throttle = LogThrottle(now_s=anyio.current_time)

    async def run(self) -> None:
        """Publish until cancelled."""
        await self._pace.keep(self._round)

    async def _round(self) -> bool:
        await self._own.news()
        try:
            if await self._own.round():
                self._outages.came()
        except SinkDown as down:
            self._outages.went(str(down))
            self._outages.look()
            return False
        except Exception as error:  # noqa: BLE001 - nothing is lost; it is logged
            if self._waits.heard(f"publish own events to {self._sink}", error):
                return False
            if self._log_throttle.may_log(type(error).__name__):
                log.warning(
                    "cannot publish own events to %s at once, its relays will: %s",
                    self._sink, error_in_words(error),
                )  # fmt: skip
            return False
        return True
