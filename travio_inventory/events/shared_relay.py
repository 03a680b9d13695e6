"""The relays of one sink that several processes publish to: each works on the slices that it has leased."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from travio_inventory.events.relay import EventRelay

RENEWALS_MAX = 20
RENEW_S = 3.0
"""How often leases are renewed while a round lasts, and how many times: then others may take over, for the sink or the
store does not answer here.
"""


class Leases(Protocol):
    """Which slices are this process's."""

    async def keep(self) -> frozenset[int]:
        """The slices to work on now."""
        ...

    async def renew(self) -> None:
        """They are worked on still."""
        ...

    async def release(self) -> None:
        """Nobody works on them here any more."""
        ...


class SharedRelay:
    """One round over the slices that are this process's. Nothing is kept of a slice that is not."""

    def __init__(self, leases: Leases, begin: Callable[[int], EventRelay]) -> None:
        """`begin` makes the relay of a slice, which begins where the last one stopped."""
        self._leases = leases
        self._begin = begin
        self._relays: dict[int, EventRelay] = {}

    async def __call__(self) -> int:
        """How many events were published. A slice that fails holds up no other; raises what the first one raised."""
        mine = await self._leases.keep()
        self._relays = {part: self._relays.get(part) or self._begin(part) for part in sorted(mine)}
        published, failed = 0, list[Exception]()
        renewing = asyncio.ensure_future(self._renew())
        try:
            for relay in self._relays.values():
                try:
                    published += await relay()
                except Exception as error:  # noqa: BLE001 - whatever a sink raises
                    failed.append(error)
        finally:
            renewing.cancel()
            await asyncio.wait([renewing])
        if failed:
            raise failed[0]
        return published

    async def release(self) -> None:
        """Leave the slices to the others, now."""
        self._relays.clear()
        await self._leases.release()

    async def _renew(self) -> None:
        for _ in range(RENEWALS_MAX):
            await asyncio.sleep(RENEW_S)
            await self._leases.renew()

    def lag_ms(self) -> int:
        """The age of the oldest event of these slices that is not yet published, as far as is known; 0 if none."""
        return max((relay.lag_ms() for relay in self._relays.values()), default=0)
