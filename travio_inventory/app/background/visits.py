"""Jobs that visit what is due, round after round: the sweeper, and the forgetting of trips."""

import logging
from collections.abc import Awaitable, Callable
from random import Random
from typing import Generic, TypeVar

from travio_inventory.app.background.pace import Pace
from travio_inventory.kernel.error_words import error_in_words
from travio_inventory.kernel.log_throttle import LogThrottle
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.seats.use_cases.visited import Visited

K = TypeVar("K")

log = logging.getLogger(__name__)


class VisitJob(Generic[K]):
    """No error ends it; `count` hears of each round. Each place that fails is logged at most once a minute, with its
    trace if it is a bug, and with the `trip` that it is of; but not if it waits for the store.
    """

    def __init__(
        self,
        verb: str,
        visit: Callable[[], Awaitable[Visited[K]]],
        *,
        named: Callable[[K], str] = str,
        trip: Callable[[K], str] = lambda _: "",
        count: Callable[[Visited[K]], None] = lambda _: None,
        interval_ms: int,
        waits: StoreWaits,
        jitter: Random,
    ) -> None:
        self._verb = verb
        self._visit = visit
        self._named = named
        self._trip = trip
        self._count = count
        self._waits = waits
        self._pace = Pace(interval_ms=interval_ms, jitter=jitter)
        self._log_throttle = LogThrottle()

    async def run(self) -> None:
        """Visit until cancelled."""
        await self._pace.keep(self._round)

    async def _round(self) -> bool:
        """Whether at least one place, if there was any, could be finished."""
        try:
            visited = await self._visit()
        except Exception as error:  # noqa: BLE001 - the next round may succeed; it is logged
            self._say("", error)
            return False
        self._count(visited)
        for place, failure in visited.failures.items():
            self._say(f"{self._named(place)}: ", failure, trip=self._trip(place))
        return not visited.failures or len(visited.failures) < visited.count

    def _say(self, place: str, error: Exception, *, trip: str = "") -> None:
        if self._waits.heard(f"{self._verb}: {place}".removesuffix(": "), error):
            return
        if self._log_throttle.may_log(place or type(error).__name__):
            trace = None if isinstance(error, Refusal | OSError) else error
            said = self._verb, place, error_in_words(error)
            log.warning("cannot %s, retrying: %s%s", *said, exc_info=trace, extra={"trip": trip})
