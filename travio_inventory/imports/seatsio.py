"""Reads a chart of seats.io from its detailed chart report, as the report `byLabel` gives it.

The report lists what can be booked, with its labels and its neighbours: rows are sorted by their labels, seats by their
neighbours, and where those end is an aisle. A chart's drawing is another file, whose format is not documented.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from travio_inventory.imports.documents import PLAN_BYTES_MAX, Table, WrongFile, parse_json, read_text
from travio_inventory.imports.hall_rows import Converted, HallRow, HallSeat, Prices, natural, plan_of

SEAT = "seat"


def read_seatsio(path: Path, prices: Prices) -> Converted:
    """The plan in the file, which has its name from the file. Raises WrongFile."""
    source = str(path)
    report = parse_json(read_text(path, PLAN_BYTES_MAX), source)
    if "subChart" in report:
        said = "this is the drawing of a chart, whose format is not documented; save the chart report byLabel instead"
        raise WrongFile(f"{source}: {said}")
    document = Table(source, "", report)
    objects = [each for field in report for each in document.tables(field)]
    kinds = [each.take("objectType", str) for each in objects]
    left_out = Counter(kind for kind in kinds if kind != SEAT)
    rows: dict[tuple[str, str], dict[str, _Object]] = {}
    for each in (_object(table) for table, kind in zip(objects, kinds, strict=True) if kind == SEAT):
        if each.id in rows.setdefault((each.section, each.row), {}):
            raise WrongFile(f"{source}: {each.id}: two seats have this label")
        rows[each.section, each.row][each.id] = each
    ordered = sorted(rows, key=lambda key: (natural(key[0]), natural(key[1])))
    hall = [HallRow(section, row, list(_from_left(rows[section, row]))) for section, row in ordered]
    return Converted(plan_of(source, path.stem, hall, prices), left_out)


class _Object(NamedTuple):
    """A seat of the report."""

    id: str
    section: str
    row: str
    left: str
    right: str
    seat: HallSeat


def _object(table: Table) -> _Object:
    label = table.take("label", str)
    labels = table.table("labels")
    parent = labels.table("parent") if labels.has("parent") else Table(table.source, labels.name, {"label": ""})
    seat = HallSeat(
        id=label,
        label=labels.table("own").take("label", str),
        seat_class=_text(table, "categoryLabel"),
        is_accessible=table.take("isAccessible", bool, False),
    )
    return _Object(
        id=label,
        section=_text(labels, "section"),
        row=parent.take("label", str),
        left=_text(table, "leftNeighbour"),
        right=_text(table, "rightNeighbour"),
        seat=seat,
    )


def _text(table: Table, field: str) -> str:
    """The field's text; "" if there is none, or null."""
    value = table.take_any(field, None)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise table.wrong(field, f"must be text, not {value!r}")
    return value


def _from_left(row: Mapping[str, _Object]) -> Iterator[HallSeat]:
    """The seats of a row in order: runs of neighbours, with an empty place between two runs."""
    left = dict(sorted(row.items(), key=lambda each: natural(each[1].seat.label)))
    gap = 0
    while left:
        first = next((each for each in left.values() if each.left not in left), next(iter(left.values())))
        each: _Object | None = left.pop(first.id)
        while each is not None:
            yield each.seat._replace(gap=gap)
            gap = 0
            each = left.pop(each.right, None)
        gap = 1
