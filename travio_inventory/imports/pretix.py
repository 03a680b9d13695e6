"""Reads a seating plan of pretix: zones have rows, rows have seats; areas are no seats, kept where they have a text.

Seats are ordered from left to right by their positions, and a wide gap in a row is an aisle; rows stay in the order of
the file. Where rows stand to one another, and their curves, are not kept.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import hypot, isfinite
from pathlib import Path
from typing import NamedTuple

from travio_inventory.imports.documents import PLAN_BYTES_MAX, Table, parse_json, read_text
from travio_inventory.imports.hall_rows import (
    Converted,
    HallFeature,
    HallRow,
    HallSeat,
    Prices,
    plan_of,
)
from travio_inventory.kernel.limits import ID_BYTES_MAX

AISLE_PLACES_MAX = 2


def read_pretix(path: Path, prices: Prices) -> Converted:
    """The plan in the file. Raises WrongFile."""
    source = str(path)
    document = Table(source, "", parse_json(read_text(path, PLAN_BYTES_MAX), source))
    zones = document.tables("zones")
    areas = [area for zone in zones for area in _areas(zone)]
    rows = [row for zone in zones for row in _rows(zone)]
    sections = {row.section for row in rows}
    kept = [area for area in areas if area.label and area.zone in sections]
    features = [HallFeature(area.zone, area.label, area.is_before) for area in kept]
    left_out = Counter(area.kind for area in areas) - Counter(area.kind for area in kept)
    return Converted(plan_of(source, document.take("name", str), rows, prices, features), left_out)


class _Placed(NamedTuple):
    """A seat with its position in the row."""

    x: float
    y: float
    seat: HallSeat


class _Area(NamedTuple):
    """An area of a zone that is no seat; it is kept if it has a label and the zone has seats."""

    zone: str
    kind: str
    label: str
    is_before: bool


def _areas(zone: Table) -> Iterator[_Area]:
    has_rows = bool(zone.values.get("rows"))
    for area in zone.tables("areas") if zone.has("areas") else ():
        kind = "text" if area.take_any("shape", "") == "text" else "area"
        label = _label(area) if has_rows else ""
        is_before = bool(label) and _number(area.table("position"), "y") < _first_y(zone)
        yield _Area(str(zone.values.get("name", "")), kind, label, is_before)


def _label(area: Table) -> str:
    """Its text; "" if there is none that a feature may have."""
    written = area.values.get("text")
    text = str(written.get("text", "")).strip() if isinstance(written, dict) else ""
    return text if text.isprintable() and len(text.encode()) <= ID_BYTES_MAX else ""


def _first_y(zone: Table) -> float:
    """Where the first of its rows is."""
    rows = Table(zone.source, zone.name, zone.values).tables("rows")
    return min(_number(row.table("position"), "y") for row in rows)


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
