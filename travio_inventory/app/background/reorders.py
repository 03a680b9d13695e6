"""Orders stock by itself at intervals, and logs how much was ordered and what could not be."""

import logging
from random import Random
from typing import TYPE_CHECKING

from travio_inventory.app.background.pace import Pace
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.kernel.log_throttle import LogThrottle
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.protocol.store_waits import StoreWaits

if TYPE_CHECKING:
    from travio_inventory.stock.use_cases.reorder_stock import ReorderStock

log = logging.getLogger(__name__)


class ReorderJob:
    """No refusal ends it. An entry that cannot be ordered is logged at most once a minute."""

    def __init__(self, reorder: "ReorderStock", *, every_seconds: int, waits: StoreWaits, jitter: Random) -> None:
        self._reorder = reorder
        self._waits = waits
        self._pace = Pace(interval_ms=every_seconds * 1_000, jitter=jitter)
        self._log_throttle = LogThrottle()

    async def run(self) -> None:
        """Order until cancelled."""
        await self._pace.keep(self._round)

    async def _round(self) -> bool:
        """Whether all that was to be ordered is."""
        try:
            done = await self._reorder(HOUSE)
        except Refusal as refusal:
            if not self._waits.heard("order stock", refusal) and self._log_throttle.may_log(str(refusal)):
                log.warning("cannot look for what is to be ordered now: %s", refusal)
            return False
        if done.placed:
            log.info("placed %d automatic orders of stock", done.placed)
        for entry, failure in done.failures.items():
            if not self._waits.heard(f"order stock: entry {entry}", failure) and self._log_throttle.may_log(entry):
                log.warning("cannot order for entry %s, retrying: %s", entry, failure)
        return not done.failures
