"""What a live feed tells: snapshots, deltas and heartbeats, each at a position from which a watcher may go on."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias, TypeVar

from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.seat import SeatState
from travio_inventory.seats.trip import Journey, Trip

POSITION_CHARS_MAX = 64
Form = TypeVar("Form", bytes, str)


class Position(NamedTuple):
    """A place in a feed. Offsets are comparable within one epoch only."""

    epoch: str
    offset: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.offset}"


NOWHERE = Position("", 0)
"""What is no position of any feed."""


def parse_position(text: str) -> Position | None:
    """The position that it names: None for "", `NOWHERE` for what no feed has ever told."""
    if not text:
        return None
    epoch, _, offset = text[:POSITION_CHARS_MAX].rpartition("-")
    is_number = offset.isascii() and offset.isdigit()
    return Position(epoch, int(offset)) if epoch and is_number else NOWHERE


class Because(StrEnum):
    """Why a watcher gets a snapshot."""

    BEGIN = "begin"
    """It asked for one."""
    GAP = "gap"
    """What it has missed is not known any more."""
    TRIP_CHANGED = "trip_changed"
    """The trip's definition is another one: its layout or its prices are to be read again."""


class SeatChange(NamedTuple):
    """A seat as it is now, as it was before it changed last, and the offset of that change: its version."""

    seat: Seat
    state: SeatState
    before: SeatState
    version: int


@dataclass(eq=False, slots=True)
class _Written:
    """Many watchers are told the same object: it is written once for each form of it."""

    _forms: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def written(self, form: str, write: Callable[[Any], Form]) -> Form:
        """It in that form, written by `write` the first time."""
        written: Form | None = self._forms.get(form)
        if written is None:
            written = self._forms[form] = write(self)
        return written


@dataclass(eq=False, slots=True)
class Snapshot(_Written):
    """All seats of the part that is watched. It has everything that was decided until `as_of_ms`."""

    _writing: dict[Callable[..., object], "asyncio.Task[object]"] = field(default_factory=dict, init=False, repr=False)

    position: Position
    because: Because
    trip: Trip
    section: str
    journey: Journey
    seats: Sequence[Seat]
    states: Sequence[SeatState]
    versions: Sequence[int]
    as_of_ms: int
    seen_at_ms: int

    async def prepare(self, write: Callable[["Snapshot"], object]) -> None:
        """Let `write` do its work, which uses `written`, before it is called: once for all who wait for it, and in a
        thread if there is much to write.
        """
        writing = self._writing.get(write)
        if writing is None:
            writing = self._writing[write] = asyncio.create_task(off_loop(len(self.seats), write, self))
            writing.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(writing)


@dataclass(eq=False, slots=True)
class Delta(_Written):
    """What has changed since the position `after`, each seat once, as it is at `position`.

    A watcher whose position is not `after` has missed something.
    """

    after: Position
    position: Position
    trip: Trip
    journey: Journey
    changes: Sequence[SeatChange]
    as_of_ms: int
    seen_at_ms: int
    """When the last of the changes was seen, in Unix milliseconds."""


@dataclass(eq=False, slots=True)
class Heartbeat(_Written):
    """Nothing has changed since the position, as far as is known: everything is told that was decided until
    `as_of_ms`.
    """

    position: Position
    trip: str
    as_of_ms: int


Told: TypeAlias = Snapshot | Delta | Heartbeat
