"""A breaker: after enough failures in a row nobody tries any more, until a probe has succeeded."""


class Breaker:
    """Opens at `failures_max` failures in a row, at least 1, and closes at a success."""

    def __init__(self, *, failures_max: int) -> None:
        self._failures_max = failures_max
        self._failures = 0

    @property
    def is_open(self) -> bool:
        """Whether only a probe may try."""
        return self._failures >= self._failures_max

    def succeeded(self) -> None:
        """Something was answered."""
        self._failures = 0

    def failed(self) -> None:
        """Something was not answered."""
        self._failures += 1

    def trip(self) -> None:
        """Open it, whatever was before."""
        self._failures = self._failures_max
