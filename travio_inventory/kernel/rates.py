"""How often something may happen: the generic cell rate algorithm (GCRA, ITU-T I.371), and the port that counts."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Spend(NamedTuple):
    """One request of `what`, which may come every `interval_us` microseconds, and up to `burst` of them at once."""

    what: str
    interval_us: int
    burst: int


class Exceeded(NamedTuple):
    """The place in a list of the one that came too often, and when it may come again."""

    at: int
    wait_us: int


class Rates(Protocol):
    """Counts what is spent."""

    async def spend(self, scope: str, spends: Sequence[Spend]) -> Exceeded | None:
        """Spend all of them, or none and say which one, of the longest wait. Those of one scope are counted together;
        the same name in two scopes is two things. Never raises.
        """
        ...


def after_one_more(theoretical_us: int, now_us: int, spend: Spend) -> tuple[int, int]:
    """When the next one would be due if they came evenly, after this one; and how long it comes too early (0: in time).

    A moment that is further away than a full burst cannot be right, after a clock was set back, and is not believed.
    """
    tolerance_us = spend.interval_us * spend.burst
    due_us = min(max(theoretical_us, now_us), now_us + tolerance_us) + spend.interval_us
    return due_us, max(0, due_us - now_us - tolerance_us)
