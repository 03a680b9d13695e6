"""The states of a seat on one segment."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Available:
    """The seat is free."""


@dataclass(frozen=True, slots=True)
class HeldUntil:
    """A hold has the seat until `until_ms`, in Unix milliseconds."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class Sold:
    """A booking has the seat."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """The house has taken the seat off sale."""


SeatState: TypeAlias = Available | HeldUntil | Sold | Blocked

AVAILABLE = Available()
SOLD = Sold()
BLOCKED = Blocked()
