"""What is known of a seat: what its cells say now, and every trace that is kept of who had it, in the order of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from travio_inventory.seats.refusals import TakenCell
from travio_inventory.seats.trip import Journey, Trip


class CellNow(NamedTuple):
    """The seat on one segment: what the cell says, and what the home row of its owner says, which decides. "" and 0
    where there is nothing to say; a `home` of "" is an owner that has no row, "given up" one that lives
    and has the seat no longer, "moving" one that is being moved to it.
    """

    segment: int
    status: str
    owner: str = ""
    since_ms: int = 0
    until_ms: int = 0
    home: str = ""
    holder: str = ""
    order: str = ""
    expires_at_ms: int = 0


class Source(StrEnum):
    """What tells a trace."""

    HOLD = "hold"
    """The row of a hold or a booking: what it came to."""
    REFUSAL = "refusal"
    """The row of an id that was fenced after a final refusal."""
    EVENT = "event"
    """What was recorded when it happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Something that is kept about the seat. `at_ms` is when the hold was created, the refusal said, the event
    recorded; `what` the hold's status, the reason of the refusal, the event's type. `changed_at_ms` is a hold's last
    step, `seats` those that it has now, `ordinal` the number of an event among those of its hold. Of a refusal,
    `holder` and `journey` are who was refused and what he asked for, and `taken` says who had the seat then.
    """

    at_ms: int
    source: Source
    what: str
    hold: str
    holder: str = ""
    order: str = ""
    seats: tuple[str, ...] = ()
    journey: Journey | None = None
    until_ms: int = 0
    changed_at_ms: int = 0
    reason: str = ""
    actor: str = ""
    ordinal: int = 0
    taken: tuple[TakenCell, ...] = ()


class SeatExplanation(NamedTuple):
    """A page of what is known of a seat: its cells on the first page, its traces as far as they were looked for, oldest
    first, and the position of the next page ("" if there is none).
    """

    trip: Trip
    seat: str
    cells: Sequence[CellNow]
    traces: Sequence[Trace]
    next: str
    left_out: str = ""
    """What no page can tell, in words."""


def in_order(traces: Sequence[Trace]) -> list[Trace]:
    """The oldest first; what a row tells of a moment before the events of that moment."""
    return sorted(traces, key=lambda trace: (trace.at_ms, _ORDER[trace.source], trace.hold, trace.ordinal))


_ORDER = {Source.HOLD: 0, Source.EVENT: 1, Source.REFUSAL: 2}
