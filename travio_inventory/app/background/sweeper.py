"""Sweeps at intervals: the seats of expired holds go back on sale."""

import logging
from collections.abc import Awaitable, Callable
from random import Random

from travio_inventory.app.background.pace import Pace
from travio_inventory.kernel.log_throttle import LogThrottle
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.seats.use_cases.expire_holds import Swept

log = logging.getLogger(__name__)


class Sweeper:
    """No error ends it. Each seat group that fails is logged at most once a minute."""

    def __init__(self, expire_holds: Callable[[], Awaitable[Swept]], *, interval_ms: int, jitter: Random) -> None:
        self._expire_holds = expire_holds
        self._pace = Pace(interval_ms=interval_ms, jitter=jitter)
        self._log_throttle = LogThrottle()

    async def run(self) -> None:
        """Sweep until cancelled."""
        await self._pace.keep(self._round)

    async def _round(self) -> bool:
        """Whether at least one seat group, if there was any, could be finished."""
        try:
            swept = await self._expire_holds()
        except Exception as error:  # noqa: BLE001 - the next round may succeed; it is logged
            if self._log_throttle.may_log(type(error).__name__):
                log.warning("cannot sweep, retrying: %s: %s", type(error).__name__, error)
            return False
        for group, failure in swept.failures.items():
            if self._log_throttle.may_log(group):
                trace = None if isinstance(failure, Refusal) else failure
                log.warning("cannot sweep %s: %s: %s", group, type(failure).__name__, failure, exc_info=trace)
        return not swept.failures or len(swept.failures) < swept.groups
