"""Writes a seat plan as `seat_plans` reads it: the same plan, its rows listed compactly."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain, count, groupby, pairwise, repeat
from typing import Any

from travio_inventory.imports.layouts import SECTION_GAP_ROWS
from travio_inventory.imports.listed_rows import GAP, RANGE
from travio_inventory.imports.seat_plans import ALL_SEATS, SeatPlan
from travio_inventory.seats.layout import Feature, Seat
from travio_inventory.seats.trip import ALL_IN_ONE_GROUP, OUR_CHOICE

GAP_MAX = 4
"""Empty places within a row; after more of them the row goes on in another table."""
RUN_MIN = 3
"""From so many consecutive numbers on they are written as a range."""
DIGITS = "0123456789"

Fields = dict[str, Any]


def plan_fields(plan: SeatPlan) -> Fields:
    """The plan as tables, lists, texts and numbers, which `plan_from` reads back."""
    size = size_field(plan.seats_per_group)
    head = {"name": plan.name, "vehicle_type": plan.vehicle_type or None, "currency": plan.currency or None}
    return {"plan": without_none({**head, "seats_per_group": size}), "sections": list(_tables(plan))}


def size_field(seats_per_group: int) -> int | str | None:
    """How a file says it."""
    return {OUR_CHOICE: None, ALL_IN_ONE_GROUP: ALL_SEATS}.get(seats_per_group, seats_per_group)


def plan_toml(plan: SeatPlan) -> str:
    """The plan as a TOML file."""
    fields = plan_fields(plan)
    return "\n".join(["[plan]", *assignments(fields["plan"]), *section_lines(fields["sections"])]) + "\n"


def section_lines(sections: Sequence[Fields]) -> Iterator[str]:
    """The tables of the sections in TOML."""
    for section in sections:
        lists = {name: section.pop(name) for name in ("rows", "features") if name in section}
        yield from ("", "[[sections]]", *assignments(section))
        for name, tables in lists.items():
            yield from (f"{name} = [", *(f"  {{ {', '.join(assignments(table))} }}," for table in tables), "]")


def plan_json(plan: SeatPlan) -> str:
    """The plan as a JSON file."""
    return json.dumps(plan_fields(plan), indent=1, ensure_ascii=False) + "\n"


def assignments(fields: Fields) -> Iterator[str]:
    """The fields of a table in TOML; times are moments in UTC."""
    for name, value in fields.items():
        if isinstance(value, datetime):
            yield f"{name} = {value:%Y-%m-%dT%H:%M:%SZ}"
        else:
            # TOML's basic strings are JSON's, but for the delete character, and they have no surrogates.
            yield f"{name} = " + json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _tables(plan: SeatPlan) -> Iterator[Fields]:
    """Tables for each section of the plan, or for all of its seats if it has no sections."""
    numbers = count(1)
    for section in plan.sections or (None,):
        section_id = section.id if section else ""
        seats = [seat for seat in plan.seats if seat.section == section_id]
        features = [_feature(each) for each in plan.features if each.section == section_id]
        tables = list(_tables_of(seats, has_sections=section is not None)) or [{}]
        first = {"label": section.label, "kind": section.kind or None} if section else {}
        for table, said in zip(tables, chain([first], repeat({})), strict=False):
            own_id = section_id if section else str(next(numbers))
            own_features = features or None if said is first else None
            yield without_none({"id": own_id, **said, **table, "features": own_features})


def _feature(feature: Feature) -> Fields:
    place = {"row": feature.row, "column": feature.column}
    size = {name: said for name, said in (("rows", feature.rows), ("columns", feature.columns)) if said > 1}
    return without_none({"kind": feature.kind, **place, **size, "label": feature.label or None})


def _tables_of(seats: Sequence[Seat], *, has_sections: bool) -> Iterator[Fields]:
    """A table for each run of rows with the same classes, types and prices, in layout order."""
    row_before = 0
    kinds: dict[tuple[str, str, int], list[Seat]] = {}
    for seat in seats:
        kinds.setdefault((seat.seat_class, seat.seat_type, seat.price_minor), []).append(seat)
    for (seat_class, seat_type, price_minor), members in kinds.items():
        style = _Style(members, has_sections=has_sections)
        lines = list(_lines(members))
        befores = [row_before, *(line[0].row for line in lines)]
        rows = [style.row(line, before + 1) for before, line in zip(befores, lines, strict=False)]
        row_before = max(befores) + SECTION_GAP_ROWS
        head = {"class": seat_class or None, "type": seat_type or None, "price_minor": price_minor}
        yield without_none({**head, **style.templates, "rows": rows})


def _lines(seats: Sequence[Seat]) -> Iterator[list[Seat]]:
    """The seats of a row that one table can list: places in order without a wide gap, no number twice."""
    for _, in_row in groupby(seats, key=lambda seat: seat.row):
        line: list[Seat] = []
        for seat in in_row:
            if line and not (
                line[-1].column < seat.column <= line[-1].column + GAP_MAX + 1
                and all(seat.number != other.number for other in line)
                and seat.row_label == line[0].row_label
            ):
                yield line
                line = []
            line.append(seat)
        yield line


class _Style:
    """How a table writes its rows: numbers begin with their row ("12A"), or rows have labels and numbers do not."""

    def __init__(self, seats: Sequence[Seat], *, has_sections: bool) -> None:
        self._has_sections = has_sections
        self._is_labelled = has_sections and all(
            seat.row_label and not seat.number.startswith(seat.row_label) for seat in seats
        )
        self._seat_id = next(filter(None, (self._template(seats, between) for between in ("", "-"))), None)

    @property
    def templates(self) -> Fields:
        return {"seat_id": self._seat_id, "seat_number": "{column}" if self._is_labelled else None}

    def row(self, line: Sequence[Seat], next_row: int) -> Fields:
        """The line as a table of the list."""
        label = line[0].row_label if self._is_labelled else _row_label([seat.number for seat in line])
        names = [seat.number if self._is_labelled else seat.number.removeprefix(label) for seat in line]
        spoken = label if self._has_sections else ""
        return without_none(
            {
                "row": label or None,
                "label": None if line[0].row_label == spoken else line[0].row_label,
                "at": None if line[0].row == next_row else line[0].row,
                "first_column": None if line[0].column == 1 else line[0].column,
                "seats": _places(line, names),
                "ids": None if self._seat_id else [seat.id for seat in line],
                "seat_labels": [seat.label for seat in line] if any(seat.label for seat in line) else None,
                "accessible": _chosen(names, [seat.is_accessible for seat in line]),
                "power": _chosen(names, [seat.has_power for seat in line]),
                "exit": _chosen(names, [seat.is_exit_row for seat in line]),
            }
        )

    def _template(self, seats: Sequence[Seat], between: str) -> str | None:
        """The template of all ids, if they are a text followed by the row, this and the column."""
        prefixes = set()
        for seat in seats:
            end = f"{seat.row_label}{between}{seat.number}" if self._is_labelled else seat.number
            prefixes.add(seat.id.removesuffix(end) if seat.number and seat.id.endswith(end) else None)
        prefix = prefixes.pop() if len(prefixes) == 1 else None
        if prefix is None or (between and not self._is_labelled):
            return None
        return f"{_literal(prefix)}{{row}}{between}{{column}}"


def _literal(text: str) -> str:
    """The text in a template."""
    return text.replace("{", "{{").replace("}", "}}")


def _row_label(numbers: Sequence[str]) -> str:
    """What all numbers of the row begin with, before their digits; "" if a number is nothing else."""
    first, last = min(numbers), max(numbers)
    same = next((at for at, sign in enumerate(first) if not last.startswith(sign, at)), len(first))
    label = first[:same].rstrip(DIGITS)
    return "" if label in numbers else label


def _places(line: Sequence[Seat], names: Sequence[str]) -> str | list[str | int]:
    """Labels and empty places: as text where that can be read back, else as a list."""
    gaps = [0, *(after.column - before.column - 1 for before, after in pairwise(line))]
    if all(_is_word(name) for name in names):
        return " ".join(_words(list(zip(gaps, names, strict=True))))
    places: list[str | int] = []
    for gap, name in zip(gaps, names, strict=True):
        places += [gap, name] if gap else [name]
    return places


def _is_word(name: str) -> bool:
    """Whether a text of labels can have it: it is one word there, neither an empty place nor a range."""
    return name.split() == [name] and name != GAP and RANGE.fullmatch(name) is None


def _words(places: Sequence[tuple[int, str]]) -> Iterator[str]:
    """The labels, with ranges for numbers that follow one another, and signs for empty places."""
    runs: list[list[str]] = []
    for gap, name in places:
        runs += [[GAP]] * gap
        if runs and not gap and _follows(runs[-1][-1], name):
            runs[-1].append(name)
        else:
            runs.append([name])
    for run in runs:
        if len(run) < RUN_MIN:
            yield from run
        else:
            yield f"{run[0]}-{run[-1]}"


def _follows(before: str, name: str) -> bool:
    return _is_number(before) and _is_number(name) and int(name) == int(before) + 1


def _is_number(name: str) -> bool:
    """Whether a range writes the number just so."""
    return name.isascii() and name.isdigit() and len(name) <= 4 and str(int(name)) == name


def _chosen(names: Sequence[str], wanted: Sequence[bool]) -> bool | list[str] | None:
    if all(wanted):
        return True
    return [name for name, is_wanted in zip(names, wanted, strict=True) if is_wanted] or None


def without_none(fields: Fields) -> Fields:
    """Those that say something."""
    return {name: value for name, value in fields.items() if value is not None}
