"""Rates that all processes count together, in Redis."""

from collections.abc import Callable, Sequence
from typing import Final

from travio_inventory.edge.connection import Redis
from travio_inventory.edge.keys import rate_keys
from travio_inventory.edge.local_rates import LocalRates
from travio_inventory.edge.pipelined_connection import RedisDown
from travio_inventory.edge.scripts import SPEND
from travio_inventory.kernel.rates import Exceeded, Spend

EXCEEDED_MAX: Final = 10_000
"""How many refusals are remembered."""


class SharedRates:
    """Rates. One script in Redis counts those of one scope. What is refused until later is refused until then without
    asking again, so that a crowd costs Redis nothing; while Redis is down, `local` counts.
    """

    def __init__(self, redis: Redis, local: LocalRates, now_us: Callable[[], int]) -> None:
        self._redis = redis
        self._local = local
        self._now_us = now_us
        self._refused_until_us: dict[tuple[str, str], int] = {}

    async def spend(self, scope: str, spends: Sequence[Spend]) -> Exceeded | None:
        """See Rates."""
        if refused := self._remembered(scope, spends):
            return refused
        words = [word for each in spends for word in (each.interval_us, each.burst)]
        try:
            reply = await self._redis.run(SPEND, rate_keys(scope, [each.what for each in spends]), words)
        except RedisDown:
            return await self._local.spend(scope, spends)
        if not reply:
            return None
        at, wait_us = reply[0] - 1, reply[1]
        self._remember((scope, spends[at].what), self._now_us() + wait_us)
        return Exceeded(at, wait_us)

    def _remembered(self, scope: str, spends: Sequence[Spend]) -> Exceeded | None:
        now_us = self._now_us()
        for at, each in enumerate(spends):
            until_us = self._refused_until_us.get((scope, each.what), 0)
            if until_us > now_us:
                return Exceeded(at, until_us - now_us)
        return None

    def _remember(self, name: tuple[str, str], until_us: int) -> None:
        if len(self._refused_until_us) >= EXCEEDED_MAX:
            self._refused_until_us.clear()
        self._refused_until_us[name] = until_us
