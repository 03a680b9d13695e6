"""What a seat can be on one segment."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Available:
    """Nobody has it."""


@dataclass(frozen=True, slots=True)
class Held:
    """A hold keeps it until `until_ms`, in Unix milliseconds."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class Sold:
    """A booking has it."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """The house has taken it off sale."""


SeatState: TypeAlias = Available | Held | Sold | Blocked

AVAILABLE = Available()
SOLD = Sold()
BLOCKED = Blocked()
