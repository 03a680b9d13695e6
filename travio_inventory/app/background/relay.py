"""Hands recorded events to the publisher every so often."""

import logging
from collections.abc import Awaitable, Callable
from random import Random

from travio_inventory.app.background.pace import Pace
from travio_inventory.kernel.sparingly import Sparingly

log = logging.getLogger(__name__)


class Relay:
    """No error ends it: what was not handed over comes again in the next round."""

    def __init__(self, relay_events: Callable[[], Awaitable[int]], *, interval_ms: int, jitter: Random) -> None:
        self._relay_events = relay_events
        self._pace = Pace(interval_ms=interval_ms, jitter=jitter)
        self._sparingly = Sparingly()

    async def run(self) -> None:
        """Relay until cancelled."""
        await self._pace.keep(self._round)

    async def _round(self) -> bool:
        try:
            await self._relay_events()
        except Exception as error:  # noqa: BLE001 - the next round may succeed; it is logged
            if self._sparingly.may_say(type(error).__name__):
                log.warning("cannot relay events, trying again: %s: %s", type(error).__name__, error)
            return False
        return True
