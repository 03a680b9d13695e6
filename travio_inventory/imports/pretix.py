"""Reads a seating plan of pretix: zones have rows, rows have seats; areas are no seats.

Seats are ordered from left to right by their positions, and a wide gap in a row is an aisle; rows stay in the order of
the file. Where rows stand to one another, and their curves, are not kept.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import hypot, isfinite
from pathlib import Path
from typing import NamedTuple

from travio_inventory.imports.documents import Table, parse_json, read_text
from travio_inventory.imports.hall_rows import PLAN_BYTES_MAX, Converted, HallRow, HallSeat, Prices, plan_of

AISLE_PLACES_MAX = 2


def read_pretix(path: Path, prices: Prices) -> Converted:
    """The plan in the file. Raises WrongFile."""
    source = str(path)
    document = Table(source, "", parse_json(read_text(path, PLAN_BYTES_MAX), source))
    zones = document.tables("zones")
    left_out = Counter(kind for zone in zones for kind in _areas(zone))
    rows = [row for zone in zones for row in _rows(zone)]
    return Converted(plan_of(source, document.take("name", str), rows, prices), left_out)


class _Placed(NamedTuple):
    """A seat with its position in the row."""

    x: float
    y: float
    seat: HallSeat


def _areas(zone: Table) -> Iterator[str]:
    areas = zone.tables("areas") if zone.has("areas") else []
    for area in areas:
        yield "text" if area.take_any("shape", "") == "text" else "area"


def _rows(zone: Table) -> Iterator[HallRow]:
    name = zone.take("name", str, "")
    for row in zone.tables("rows"):
        placed = sorted((_placed(seat) for seat in row.tables("seats")), key=lambda each: each[:2])
        if placed:
            yield HallRow(name, row.take("row_number", str), list(_with_gaps(placed)))


def _placed(seat: Table) -> _Placed:
    position = seat.table("position")
    found = HallSeat(seat.take("seat_guid", str), seat.take("seat_number", str), seat.take("category", str))
    return _Placed(_number(position, "x"), _number(position, "y"), found)


def _number(position: Table, field: str) -> float:
    value = position.take_any(field, None)
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
        raise position.wrong(field, f"must be a number, not {value!r}")
    return float(value)


def _with_gaps(placed: Sequence[_Placed]) -> Iterator[HallSeat]:
    """The seats, each with the empty places before it: distances are counted in the row's smallest one."""
    apart = [hypot(after.x - before.x, after.y - before.y) for before, after in pairwise(placed)]
    unit = min(filter(None, apart), default=1.0)
    yield placed[0].seat
    for distance, (_, _, seat) in zip(apart, placed[1:], strict=True):
        yield seat._replace(gap=max(0, min(round(distance / unit) - 1, AISLE_PLACES_MAX)))
