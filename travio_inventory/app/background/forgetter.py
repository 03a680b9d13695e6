"""Forgets trips at intervals: those that are over for long."""

import logging
from collections.abc import Awaitable, Callable
from random import Random

from travio_inventory.app.background.pace import Pace
from travio_inventory.kernel.log_throttle import LogThrottle
from travio_inventory.seats.use_cases.forget_trips import Visited

INTERVAL_MS = 5_000

log = logging.getLogger(__name__)


class Forgetter:
    """No error ends it. Each trip that fails is logged at most once a minute."""

    def __init__(
        self, forget_trips: Callable[[], Awaitable[Visited]], *, interval_ms: int = INTERVAL_MS, jitter: Random
    ) -> None:
        self._forget_trips = forget_trips
        self._pace = Pace(interval_ms=interval_ms, jitter=jitter)
        self._log_throttle = LogThrottle()

    async def run(self) -> None:
        """Forget until cancelled."""
        await self._pace.keep(self._round)

    async def _round(self) -> bool:
        """Whether at least one trip, if there was any, could be brought on."""
        try:
            visited = await self._forget_trips()
        except Exception as error:  # noqa: BLE001 - the next round may succeed; it is logged
            if self._log_throttle.may_log(type(error).__name__):
                log.warning("cannot forget trips, retrying: %s: %s", type(error).__name__, error)
            return False
        for trip, failure in visited.failures.items():
            if self._log_throttle.may_log(trip):
                log.warning("cannot forget trip %s of %s, retrying: %s: %s", trip.trip, trip.organization,
                            type(failure).__name__, failure)  # fmt: skip
        return not visited.failures or len(visited.failures) < visited.trips
