"""Audits all trips slowly, round after round, and logs what is wrong or cannot be checked; it repairs nothing."""

import logging
from collections.abc import Callable
from random import Random

from travio_inventory.app.background.pace import Pace
from travio_inventory.app.background.unchecked import EdgeUnseen, Missed, What
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.kernel.log_throttle import LogThrottle
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import StoreUnavailable
from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.seats.audit.findings import Audited, Fault
from travio_inventory.seats.use_cases.audit_trips import AuditTrips

LOOK_EVERY_MS = 5_000
"""How often it looks for trips whose turn has come."""
ADVICE = "run `travio-inventory audit` to see all of it, with --repair to repair it"

log = logging.getLogger(__name__)


class AuditJob:
    """No error ends it. A fault is logged at most once a minute for its kind; `count` hears of each, and `missed` of
    what could not be checked.
    """

    def __init__(
        self, audits: AuditTrips, *, count: Callable[[Fault], None], missed: Missed, waits: StoreWaits, jitter: Random
    ) -> None:
        self._audits = audits
        self._count = count
        self._pace = Pace(interval_ms=LOOK_EVERY_MS, jitter=jitter)
        self._log_throttle = LogThrottle()
        self._missed = missed
        self._waits = waits
        self._edge = EdgeUnseen(log, missed)

    async def run(self) -> None:
        """Audit until cancelled."""
        await self._pace.keep(self._round)

    async def _round(self) -> bool:
        """Whether the store answered."""
        try:
            for key in await self._audits.due(HOUSE):
                self._tell(await self._audits.one(HOUSE, key))
        except BackendUnavailable as error:
            self._waits.heard("audit trips", error)
            return False
        return True

    def _tell(self, audited: Audited) -> None:
        for finding in audited.left:
            self._count(finding.fault)
            if self._log_throttle.may_log(finding.fault):
                log.error("audit: %s: %s", finding, ADVICE, extra={"trip": finding.trip.trip})
        if not audited.groups:
            return
        trip, about = f"trip {audited.trip.trip} of {audited.trip.organization}", audited.trip.trip
        if audited.unread:
            self._missed(What.GROUP, len(audited.unread))
            group, why = next(iter(audited.unread.items()))
            self._waits.heard(f"audit {trip}, group {group}", StoreUnavailable(why))
        self._edge.note(audited.edge_unseen, f"{trip}: the edge does not say what it remembers", trip=about)
