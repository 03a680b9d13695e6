"""Audits all stock slowly, round after round, and logs what is wrong or cannot be checked; it repairs nothing."""

import logging
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from travio_inventory.app.background.audits import ADVICE
from travio_inventory.app.background.pace import Pace
from travio_inventory.app.background.unchecked import Missed, What
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.kernel.log_throttle import LogThrottle
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import StoreUnavailable
from travio_inventory.protocol.store_waits import StoreWaits

if TYPE_CHECKING:
    from travio_inventory.stock.audit.findings import AuditedStock, StockFault
    from travio_inventory.stock.use_cases.audit_stock import AuditStock

LOOK_EVERY_MS = 1_000
"""How often it looks for entries whose turn has come."""

log = logging.getLogger(__name__)


class StockAuditJob:
    """No error ends it. A fault is logged at most once a minute for its kind; `count` hears of each, and `missed` of
    what could not be checked.
    """

    def __init__(
        self,
        audits: "AuditStock",
        *,
        count: "Callable[[StockFault], None]",
        missed: Missed,
        waits: StoreWaits,
        jitter: Random,
    ) -> None:
        self._audits = audits
        self._count = count
        self._pace = Pace(interval_ms=LOOK_EVERY_MS, jitter=jitter)
        self._log_throttle = LogThrottle()
        self._missed = missed
        self._waits = waits

    async def run(self) -> None:
        """Audit until cancelled."""
        await self._pace.keep(self._round)

    async def _round(self) -> bool:
        """Whether the store answered."""
        try:
            for at in await self._audits.due(HOUSE):
                self._tell(await self._audits.one(HOUSE, at, in_short=True))
        except BackendUnavailable as error:
            self._waits.heard("audit stock", error)
            return False
        return True

    def _tell(self, audited: "AuditedStock") -> None:
        for finding in audited.left:
            self._count(finding.fault)
            if self._log_throttle.may_log(finding.fault):
                log.error("audit: %s: %s", finding, ADVICE)
        if audited.unread:
            self._missed(What.STOCK, 1)
            entry = f"{audited.at.name} of {audited.at.organization}"
            self._waits.heard(f"audit {entry}", StoreUnavailable(audited.unread))
