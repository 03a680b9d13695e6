"""Reads the seats of a section, or of a part of one: a grid of rows and columns, or rows that are listed seat by seat.

A grid has `rows = "1-13"` or `rows = "A-J"`
and `columns = "ABC DE"`: one letter or digit a seat, a space for the aisle; `missing`, `accessible`, `power` and `exit`
choose seats of it: by seat ("12C"), by "row 12", by "column A", or `true` for all. Listed rows are a list of tables
(`listed_rows`). Ids of seats come from templates with {asset}, {section}, {row} and {column}.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from travio_inventory.imports.documents import Table
from travio_inventory.imports.listed_rows import ListedRow, read_rows
from travio_inventory.kernel import limits
from travio_inventory.seats.layout import Seat


def read_seats(table: Table, asset: str, row_before: int, *, section: str = "") -> Iterator[Seat]:
    """The seats of a table of sections: rows without places of their own begin after `row_before`. Raises WrongFile. A
    table without `rows` has no seats.
    """
    if section and not table.has("rows"):
        table.take("id", str)
        table.done()
        return
    labels = _Labels.read(table, asset, section)
    if isinstance(table.values.get("rows"), list):
        rows = read_rows(table, row_before)
        table.done()
        for row in rows:
            yield from _listed(row, labels)
    else:
        yield from _Grid.read(table, labels).seats(row_before)


@dataclass
class _Labels:
    """What the seats of a section share, and the templates of their names."""

    words: dict[str, str]
    seat_id: str
    seat_number: str
    seat_class: str
    seat_type: str
    price_minor: int
    section: str

    @classmethod
    def read(cls, table: Table, asset: str, section: str) -> "_Labels":
        return cls(
            words={"asset": asset, "section": table.take("id", str)},
            seat_id=_template(table, "seat_id", "{asset}-{section}-{row}-{column}"),
            seat_number=_template(table, "seat_number", "{row}{column}"),
            seat_class=table.take("class", str, ""),
            seat_type=table.take("type", str, ""),
            price_minor=table.take("price_minor", int),
            section=section,
        )

    def id(self, row: str, column: str) -> str:
        return self.seat_id.format_map({**self.words, "row": row, "column": column})

    def number(self, row: str, column: str) -> str:
        return self.seat_number.format_map({**self.words, "row": row, "column": column})


def _listed(row: ListedRow, labels: _Labels) -> Iterator[Seat]:
    for place in row.places:
        yield Seat(
            id=place.id or labels.id(row.label, place.label),
            number=labels.number(row.label, place.label),
            row=row.at,
            column=place.column,
            seat_class=labels.seat_class,
            seat_type=labels.seat_type,
            price_minor=labels.price_minor,
            is_accessible=place.label in row.accessible,
            has_power=place.label in row.power,
            is_exit_row=place.label in row.exits,
            section=labels.section,
            row_label=(row.label if labels.section else "") if row.row_label is None else row.row_label,
            label=place.seat_label,
        )


@dataclass
class _Grid:
    """A section of rows that all have the same columns."""

    labels: _Labels
    rows: list[str]
    columns: str
    missing: frozenset[str]
    accessible: frozenset[str]
    power: frozenset[str]
    exits: frozenset[str]

    @classmethod
    def read(cls, table: Table, labels: _Labels) -> "_Grid":
        rows = _rows(table)
        columns = table.take("columns", str)
        letters = columns.replace(" ", "")
        if not letters.isalnum() or len(set(letters)) != len(letters):
            said = f'must be letters or digits, each once, as in "ABC DE"; not {columns!r}'
            raise table.wrong("columns", said)
        if len(rows) * len(letters) > limits.SEATS_MAX:
            raise table.wrong("rows", f"has {len(rows)} rows of {len(letters)}: more than {limits.SEATS_MAX} seats")
        grid = cls(
            labels,
            rows,
            columns,
            missing=_chosen(table, "missing", rows, letters),
            accessible=_chosen(table, "accessible", rows, letters),
            power=_chosen(table, "power", rows, letters),
            exits=_chosen(table, "exit", rows, letters),
        )
        table.done()
        return grid

    def seats(self, row_before: int) -> Iterator[Seat]:
        """The seats; the first row's number is `row_before` + 1."""
        for row_at, row in enumerate(self.rows, row_before + 1):
            for column_at, column in enumerate(self.columns, 1):
                name = row + column
                if column == " " or name in self.missing:
                    continue
                yield Seat(
                    id=self.labels.id(row, column),
                    number=self.labels.number(row, column),
                    row=row_at,
                    column=column_at,
                    seat_class=self.labels.seat_class,
                    seat_type=self.labels.seat_type or _place(self.columns, column_at - 1),
                    price_minor=self.labels.price_minor,
                    is_accessible=name in self.accessible,
                    has_power=name in self.power,
                    is_exit_row=name in self.exits,
                    section=self.labels.section,
                    row_label=row if self.labels.section else "",
                )


def _place(columns: str, at: int) -> str:
    """A seat's place in its row: at the window, on the aisle, or between."""
    if at in (0, len(columns) - 1):
        return "window"
    return "aisle" if " " in (columns[at - 1], columns[at + 1]) else "middle"


def _rows(table: Table) -> list[str]:
    """The labels of "1-13", "A-J", or of one row. Raises WrongFile."""
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
        raise table.wrong("rows", f'must be like "1-13" or "A-J", or a list of tables, not {said!r}')
    return rows


def _template(table: Table, field: str, default: str) -> str:
    said = table.take(field, str, default)
    try:
        said.format_map(dict.fromkeys(("asset", "section", "row", "column"), ""))
    except (KeyError, ValueError, IndexError, AttributeError):
        raise table.wrong(
            field, f"may contain {{asset}}, {{section}}, {{row}} and {{column}}, nothing else: {said!r}"
        ) from None
    return said


def _chosen(table: Table, field: str, rows: list[str], columns: str) -> frozenset[str]:
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
