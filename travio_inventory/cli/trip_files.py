"""Reads a trip from a TOML file: stops with times, sections with their rows of seats.

A section is a coach, a car, a deck or a part of one. Its seats are rows times columns: `rows = "1-13"` or `rows =
"A-J"`, `columns = "ABC DE"` (one letter or digit a seat, a space for the aisle). Ids of seats come from templates with
{asset}, {section}, {row} and {column}. `missing`, `accessible`, `power` and `exit` choose seats of the section: by seat
("12C"), by "row 12", by "column A", or `true` for all.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, TypeVar

from travio_inventory.cli.trip_file_fields import in_the_file
from travio_inventory.client.client import ORGANIZATION_DEFAULT
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.trip import ALL_IN_ONE_GROUP, OUR_CHOICE, Seat, Segment, Trip, TripKey

FILE_BYTES_MAX = 1_000_000
ALL_SEATS = "all"
SECTION_GAP_ROWS = 1
"""Empty rows between two sections, so that a map shows where one ends."""

_Value = TypeVar("_Value")
_NAMES = {str: "text", int: "a whole number", list: "a list", dict: "a table", datetime: "a date and time"}


class TripFileError(ValueError):
    """A trip file that cannot be read; the message names the file, the table and the field."""


def read_trip(path: Path, *, organization: str | None = None, trip_id: str | None = None) -> Trip:
    """The trip in the file, under another organization or id if one is given. Raises TripFileError."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise TripFileError(f"{path}: more than {FILE_BYTES_MAX} bytes")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as failed:
        raise TripFileError(f"{path}: {failed.strerror or failed}") from None
    except UnicodeDecodeError as failed:
        raise TripFileError(f"{path}: not UTF-8 text: byte {failed.start + 1}: {failed.reason}") from None
    return parse_trip(text, source=str(path), organization=organization, trip_id=trip_id)


def parse_trip(text: str, *, source: str, organization: str | None = None, trip_id: str | None = None) -> Trip:
    """The trip that the text of the file `source` describes. Raises TripFileError."""
    try:
        plain = tomllib.loads(text)
    except (ValueError, RecursionError) as failed:
        raise TripFileError(f"{source}: not TOML: {failed}") from None
    return trip_from_toml(plain, source=source, organization=organization, trip_id=trip_id)


def trip_from_toml(
    plain: Mapping[str, Any], *, source: str, organization: str | None = None, trip_id: str | None = None
) -> Trip:
    """The trip that the parsed file `source` describes. Raises TripFileError."""
    document = _Table(source, "", plain)
    head = document.table("trip")
    named = TripKey(head.take("organization", str, ORGANIZATION_DEFAULT), head.take("id", str))
    key = TripKey(organization or named.organization, trip_id or named.trip)
    vehicle = head.take("vehicle", str, "")
    asset = head.take("asset", str, vehicle)
    sections = list(_seats_by_section(document.tables("sections"), asset))
    try:
        trip = Trip(
            key=key,
            segments=_segments(document.tables("stops")),
            seats=tuple(chain.from_iterable(sections)),
            seats_per_group=_seats_per_group(head),
            vehicle=vehicle,
            vehicle_type=head.take("vehicle_type", str, ""),
            currency=head.take("currency", str, ""),
        )
    except InvalidRequest as refusal:
        raise TripFileError(f"{source}: {in_the_file(refusal.violations, list(map(len, sections)))}") from None
    head.done()
    document.done()
    return trip


@dataclass
class _Table:
    """A table of the file with its name; its fields are taken one by one."""

    source: str
    name: str
    values: Mapping[str, Any]

    def __post_init__(self) -> None:
        self._left = dict(self.values)

    def wrong(self, field: str, said: str) -> TripFileError:
        """The error to raise: the file, the table, the field and what is wrong with it."""
        where = f"{self.name}.{field}" if self.name else field
        return TripFileError(f"{self.source}: {where}: {said}")

    def take(self, field: str, kind: type[_Value], *default: _Value) -> _Value:
        """The field's value, or the default. Raises TripFileError if it is missing or of another kind."""
        if field not in self._left:
            if default:
                return default[0]
            raise self.wrong(field, "is missing")
        value = self._left.pop(field)
        if not isinstance(value, kind) or isinstance(value, bool):
            said = str(value) if isinstance(value, date | time) else repr(value)
            raise self.wrong(field, f"must be {_NAMES[kind]}, not {said}")
        return value

    def take_any(self, field: str, default: object) -> object:
        """The field's value of any kind, or the default."""
        return self._left.pop(field, default)

    def table(self, field: str) -> "_Table":
        """The table with that name."""
        return _Table(self.source, field, self.take(field, dict))

    def tables(self, field: str) -> "list[_Table]":
        """The tables with that name, at least one."""
        rows = self.take(field, list)
        for at, values in enumerate(rows):
            if not isinstance(values, dict):
                raise self.wrong(f"{field}[{at}]", "must be a table")
        return [_Table(self.source, f"{field}[{at}]", values) for at, values in enumerate(rows)]

    def done(self) -> None:
        """Raises TripFileError for a field that nothing reads: it would be ignored silently."""
        for field in self._left:
            raise self.wrong(field, "no such field")


def _segments(stops: list[_Table]) -> tuple[Segment, ...]:
    read = []
    for stop in stops:
        read.append((stop.take("station", str), _time(stop, "arrives"), _time(stop, "departs")))
        stop.done()
    return tuple(
        Segment(origin, destination, departs_at_s, arrives_at_s)
        for (origin, _, departs_at_s), (destination, arrives_at_s, _) in pairwise(read)
    )


def _time(stop: _Table, field: str) -> int:
    """Unix seconds, 0 if the file has none."""
    if field not in stop.values:
        return 0
    moment = stop.take(field, datetime)
    if moment.tzinfo is None:
        said = moment.isoformat()
        raise stop.wrong(field, f"{said} has no offset from UTC; end it with Z for UTC, or with the place's +HH:MM")
    return int(moment.timestamp())


def _seats_per_group(head: _Table) -> int:
    value = head.take_any("seats_per_group", None)
    if value is None:
        return OUR_CHOICE
    if value == ALL_SEATS:
        return ALL_IN_ONE_GROUP
    if not isinstance(value, int) or isinstance(value, bool):
        raise head.wrong("seats_per_group", f'must be a whole number or "{ALL_SEATS}", not {value!r}')
    if value < 1:
        raise head.wrong("seats_per_group", "must be at least 1")
    return value


def _seats_by_section(sections: list[_Table], asset: str) -> Iterator[list[Seat]]:
    """The seats of each section, one section behind the other with a gap between them."""
    row_before = 0
    for table in sections:
        section = _Section.read(table, asset)
        yield list(section.seats(row_before))
        row_before += len(section.rows) + SECTION_GAP_ROWS


@dataclass
class _Section:
    """A section's layout as in the file."""

    asset: str
    id: str
    rows: list[str]
    columns: str
    seat_id: str
    seat_number: str
    seat_class: str
    seat_type: str
    price_minor: int
    missing: frozenset[str]
    accessible: frozenset[str]
    power: frozenset[str]
    exits: frozenset[str]

    @classmethod
    def read(cls, table: _Table, asset: str) -> "_Section":
        rows = _rows(table)
        columns = table.take("columns", str)
        letters = columns.replace(" ", "")
        if not letters.isalnum() or len(set(letters)) != len(letters):
            said = f'must be letters or digits, each once, as in "ABC DE"; not {columns!r}'
            raise table.wrong("columns", said)
        section = cls(
            asset=asset,
            id=table.take("id", str),
            rows=rows,
            columns=columns,
            seat_id=_template(table, "seat_id", "{asset}-{section}-{row}-{column}"),
            seat_number=_template(table, "seat_number", "{row}{column}"),
            seat_class=table.take("class", str, ""),
            seat_type=table.take("type", str, ""),
            price_minor=table.take("price_minor", int),
            missing=_chosen(table, "missing", rows, letters),
            accessible=_chosen(table, "accessible", rows, letters),
            power=_chosen(table, "power", rows, letters),
            exits=_chosen(table, "exit", rows, letters),
        )
        table.done()
        return section

    def seats(self, row_before: int) -> Iterator[Seat]:
        """The seats; the first row's number is `row_before` + 1."""
        for row_at, row in enumerate(self.rows, row_before + 1):
            for column_at, column in enumerate(self.columns, 1):
                name = row + column
                if column == " " or name in self.missing:
                    continue
                words = {"asset": self.asset, "section": self.id, "row": row, "column": column}
                yield Seat(
                    id=self.seat_id.format_map(words),
                    number=self.seat_number.format_map(words),
                    row=row_at,
                    column=column_at,
                    seat_class=self.seat_class,
                    seat_type=self.seat_type or _place(self.columns, column_at - 1),
                    price_minor=self.price_minor,
                    is_accessible=name in self.accessible,
                    has_power=name in self.power,
                    is_exit_row=name in self.exits,
                )


def _place(columns: str, at: int) -> str:
    """A seat's place in its row: at the window, on the aisle, or between."""
    if at in (0, len(columns) - 1):
        return "window"
    return "aisle" if " " in (columns[at - 1], columns[at + 1]) else "middle"


def _rows(table: _Table) -> list[str]:
    """The labels of "1-13", "A-J", or of one row. Raises TripFileError."""
    said = table.take("rows", str)
    first, dash, last = said.partition("-")
    last = last if dash else first
    if first.isascii() and last.isascii() and first.isdigit() and last.isdigit() and len(last) <= 4:
        rows = [str(row) for row in range(int(first), int(last) + 1)]
    elif len(first) == len(last) == 1 and (first + last).isascii() and (first + last).isupper():
        rows = [chr(row) for row in range(ord(first), ord(last) + 1)]
    else:
        rows = []
    if not rows:
        raise table.wrong("rows", f'must be like "1-13" or "A-J", not {said!r}')
    return rows


def _template(table: _Table, field: str, default: str) -> str:
    said = table.take(field, str, default)
    try:
        said.format_map(dict.fromkeys(("asset", "section", "row", "column"), ""))
    except (KeyError, ValueError, IndexError, AttributeError):
        raise table.wrong(
            field, f"may contain {{asset}}, {{section}}, {{row}} and {{column}}, nothing else: {said!r}"
        ) from None
    return said


def _chosen(table: _Table, field: str, rows: list[str], columns: str) -> frozenset[str]:
    """The seats that the field selects, as row and column joined."""
    said = table.take_any(field, [])
    names = {"all": {row + column for row in rows for column in columns}}
    names |= {f"row {row}": {row + column for column in columns} for row in rows}
    names |= {f"column {column}": {row + column for row in rows} for column in columns}
    names |= {name: {name} for name in names["all"]}
    wanted = ["all"] if said is True else said
    if not isinstance(wanted, list):
        raise table.wrong(field, f"must be true or a list of seats, not {said!r}")
    chosen: set[str] = set()
    for word in wanted:
        if not isinstance(word, str) or word not in names:
            known = f'"{rows[0]}{columns[0]}", "row {rows[0]}", "column {columns[0]}" or true for all'
            raise table.wrong(field, f"{word!r} is not a seat here; write {known}")
        chosen |= names[word]
    return frozenset(chosen)
