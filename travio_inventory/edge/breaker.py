"""A circuit breaker: after enough failures in a row it blocks all attempts until a probe succeeds."""


class Breaker:
    """Opens after `failures_max` failures in a row, at least 1, and closes after a success."""

    def __init__(self, *, failures_max: int) -> None:
        self._failures_max = failures_max
        self._failures = 0

    @property
    def is_open(self) -> bool:
        """Whether only a probe may try."""
        return self._failures >= self._failures_max

    def succeeded(self) -> None:
        """Count a success."""
        self._failures = 0

    def failed(self) -> None:
        """Count a failure."""
        self._failures += 1

    def trip(self) -> None:
        """Open it at once."""
        self._failures = self._failures_max
