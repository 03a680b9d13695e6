"""Rates counted within the process."""

from collections.abc import Callable, Sequence
from typing import Final

from travio_inventory.kernel.rates import Exceeded, Spend, after_one_more

RATES_MAX: Final = 100_000
"""How many things one process counts."""


class LocalRates:
    """Rates. `now_us` never goes back. Of more than `names_max` things those that are at rest are forgotten, which
    changes nothing; then the one that was counted first.
    """

    def __init__(self, now_us: Callable[[], int], *, names_max: int) -> None:
        self._now_us = now_us
        self._names_max = names_max
        self._due_us: dict[tuple[str, str], int] = {}

    async def spend(self, scope: str, spends: Sequence[Spend]) -> Exceeded | None:
        """See Rates."""
        now_us = self._now_us()
        dues: dict[tuple[str, str], int] = {}
        worst = Exceeded(0, 0)
        for at, each in enumerate(spends):
            name = (scope, each.what)
            dues[name], early_us = after_one_more(self._due_us.get(name, 0), now_us, each)
            if early_us > worst.wait_us:
                worst = Exceeded(at, early_us)
        if worst.wait_us:
            return worst
        self._due_us |= dues
        if len(self._due_us) > self._names_max:
            self._make_room(now_us)
        return None

    def _make_room(self, now_us: int) -> None:
        self._due_us = {name: due_us for name, due_us in self._due_us.items() if due_us > now_us}
        while len(self._due_us) > self._names_max:
            del self._due_us[next(iter(self._due_us))]
