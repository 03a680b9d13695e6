"""Clocks that stand still unless a test moves them, and are right or wrong."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

T = TypeVar("T")

START_MS = 1_800_000_000_000
"""When every sale begins: at the start of a minute."""


@dataclass(slots=True)
class Clock:
    """Stands still unless a test moves it."""

    at_ms: int = START_MS
    passed_ms: int = 0

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return self.at_ms

    def elapsed_ms(self) -> int:
        """Milliseconds since the sale began."""
        return self.passed_ms

    def pass_ms(self, ms: int) -> None:
        """Let this time pass."""
        self.at_ms += ms
        self.passed_ms += ms

    def pass_s(self, seconds: float) -> None:
        """Let this time pass."""
        self.pass_ms(round(seconds * 1_000))

    def set_by_s(self, seconds: float) -> None:
        """Somebody sets the time of day, forwards or back."""
        self.at_ms += round(seconds * 1_000)


@dataclass(slots=True)
class WrongClock(Clock):
    """Shows another time of day than `right`; time passes as it does there."""

    right: Clock = field(default_factory=Clock)
    ahead_ms: int = 0

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return self.right.now_ms() + self.ahead_ms

    def elapsed_ms(self) -> int:
        """Milliseconds since the sale began."""
        return self.right.elapsed_ms()

    def set_by_s(self, seconds: float) -> None:
        """Somebody sets the time of day, forwards or back."""
        self.ahead_ms += round(seconds * 1_000)


class Hasty(Random):
    """Draws the shortest allowed pauses, and always the first of several."""

    def uniform(self, a: float, b: float) -> float:
        """The lower bound."""
        return a

    def choice(self, seq: Sequence[T]) -> T:  # type: ignore[override]  # what we draw from are sequences
        """The first."""
        return seq[0]
