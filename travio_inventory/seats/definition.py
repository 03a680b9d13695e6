"""What the definition of a trip says of segments, seats, sections and features: arrays of their fields, in order."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, Final

from travio_inventory.kernel.garbage import leave_to_counting
from travio_inventory.seats.layout import Feature, Seat, Section
from travio_inventory.seats.route import Direction, Segment

_NAMES: Final = {kind: tuple(field.name for field in fields(kind)) for kind in (Segment, Seat, Section, Feature)}
_OLDEST: Final = {Segment: 4, Seat: 10}
"""So many fields are always written; those after them only where one of them says something."""


def write_each(of: Iterable[Segment | Seat | Section | Feature]) -> list[list[object]]:
    """Their fields."""
    return list(map(_written, of))


def read_seats(written: Iterable[Sequence[Any]]) -> tuple[Seat, ...]:
    """The seats that a definition, or a part of one, says."""
    seats = tuple([Seat(*seat) for seat in written])
    leave_to_counting(seats)
    return seats


def read_segment(
    origin: str, destination: str, departs_at_s: int = 0, arrives_at_s: int = 0, ahead: str = ""
) -> Segment:
    """The segment with these fields."""
    return Segment(origin, destination, departs_at_s, arrives_at_s, Direction(ahead))


def _written(of: Segment | Seat | Section | Feature) -> list[object]:
    values = [getattr(of, name) for name in _NAMES[type(of)]]
    oldest = _OLDEST.get(type(of), len(values))
    return values if any(values[oldest:]) else values[:oldest]
