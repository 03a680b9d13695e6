"""Rate limits: tokens that refill with time, and credit that is earned."""

import time


class TokenBucket:
    """Tokens that come back at `per_second`, one second's worth at most, and credit on top of them."""

    __slots__ = ("_at", "_credit", "_credit_max", "_per_second", "_tokens")

    def __init__(self, per_second: float, *, credit_max: int = 0) -> None:
        self._per_second = per_second
        self._tokens = per_second
        self._credit = 0
        self._credit_max = credit_max
        self._at = time.monotonic()

    def take(self) -> bool:
        """Take one token, from the credit if there is some; False if there was none."""
        if self._credit:
            self._credit -= 1
            return True
        now = time.monotonic()
        self._tokens = min(self._per_second, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def credit(self, tokens: int) -> None:
        self._credit = min(self._credit_max, self._credit + tokens)
