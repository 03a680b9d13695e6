"""Reads rows of a section that are listed seat by seat, for halls and vehicles whose rows are not alike.

`seats = "1-6 _ 7 8"` has a label per seat, ranges of numbers, and `_` for an empty place. In a list, as `["1 A", 2,
"b"]`, labels are any text, and a number is so many empty places. Either way a label is once in its row.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from travio_inventory.imports.documents import Table
from travio_inventory.kernel import limits

GAP = "_"
RANGE = re.compile(r"(\d{1,9})-(\d{1,9})", re.ASCII)


@dataclass(frozen=True)
class Place:
    """A seat of a listed row; without an id of its own it has the template's. `seat_label` is for people."""

    label: str
    column: int
    id: str
    seat_label: str = ""


@dataclass(frozen=True)
class ListedRow:
    """A row of the section; `at` is its row on the map. Without a `row_label` people call it by its label."""

    label: str
    at: int
    row_label: str | None
    places: tuple[Place, ...]
    accessible: frozenset[str]
    power: frozenset[str]
    exits: frozenset[str]


def read_rows(section: Table, row_before: int) -> list[ListedRow]:
    """The rows; each is behind the one before unless it says where it is. Raises WrongFile."""
    rows: list[ListedRow] = []
    for table in section.tables("rows"):
        rows.append(_row(table, row_before + 1))
        row_before = rows[-1].at
    return rows


def _row(table: Table, next_row: int) -> ListedRow:
    at = _whole(table, "at", next_row)
    labels = list(_labels(table, "seats", table.take_any("seats", None)))
    known = [label for label in labels if label is not None]
    if not known:
        raise table.wrong("seats", "has no seat")
    if len(set(known)) != len(known):
        twice = next(label for label in known if known.count(label) > 1)
        raise table.wrong("seats", f"{twice!r} is there twice")
    places = _places(table, labels, _whole(table, "first_column", 1))
    row = ListedRow(
        label=table.take("row", str, ""),
        at=at,
        row_label=table.take("label", str) if table.has("label") else None,
        places=places,
        accessible=_chosen(table, "accessible", known),
        power=_chosen(table, "power", known),
        exits=_chosen(table, "exit", known),
    )
    table.done()
    return row


def _whole(table: Table, field: str, default: int) -> int:
    value = table.take(field, int, default)
    if not 0 <= value <= limits.ROW_MAX:
        raise table.wrong(field, f"must be 0 to {limits.ROW_MAX}, not {value}")
    return value


def _places(table: Table, labels: list[str | None], first_column: int) -> tuple[Place, ...]:
    seats = [(label, column) for column, label in enumerate(labels, first_column) if label is not None]
    ids, seat_labels = _texts(table, "ids", len(seats)), _texts(table, "seat_labels", len(seats))
    return tuple(
        Place(label, column, seat_id, seat_label)
        for (label, column), seat_id, seat_label in zip(seats, ids, seat_labels, strict=True)
    )


def _texts(table: Table, field: str, count: int) -> list[str]:
    """A text for each seat, "" for each if there are none."""
    if not table.has(field):
        return [""] * count
    texts = table.take(field, list)
    if len(texts) != count:
        raise table.wrong(field, f"has {len(texts)} {field} for {count} seats")
    for at, each in enumerate(texts):
        if not isinstance(each, str) or (field == "ids" and not each):
            raise table.wrong(f"{field}[{at}]", f"must be text, not {each!r}")
    return texts


def _labels(table: Table, field: str, said: object) -> Iterator[str | None]:
    """The label of each place, None for an empty one. Raises WrongFile."""
    match said:
        case str():
            for word in said.split():
                yield from _in_text(table, field, word)
        case list():
            for at, each in enumerate(said):
                yield from _in_list(table, f"{field}[{at}]", each)
        case None:
            raise table.wrong(field, "is missing")
        case _:
            raise table.wrong(field, f'must be text as in "1-6 _ 7", or a list, not {said!r}')


def _in_text(table: Table, field: str, word: str) -> Iterator[str | None]:
    found = RANGE.fullmatch(word)
    if found is None:
        yield None if word == GAP else word
        return
    first, last = int(found[1]), int(found[2])
    if not first <= last < first + limits.SEATS_MAX:
        raise table.wrong(field, f"{word!r} is no range of seats")
    yield from (str(number) for number in range(first, last + 1))


def _in_list(table: Table, field: str, each: object) -> Iterator[str | None]:
    match each:
        case str():
            yield each
        case bool():
            raise table.wrong(field, f"must be a label, or a number of empty places, not {each!r}")
        case int() if 1 <= each <= limits.ROW_MAX:
            yield from [None] * each
        case _:
            raise table.wrong(field, f"must be a label, or a number of empty places, not {each!r}")


def _chosen(table: Table, field: str, labels: list[str]) -> frozenset[str]:
    """The labels that the field selects: none, all of them (`true`), or those it lists."""
    said = table.take_any(field, [])
    if said is True:
        return frozenset(labels)
    chosen = frozenset(label for label in _labels(table, field, said) if label is not None)
    for label in sorted(chosen - set(labels)):
        raise table.wrong(field, f"{label!r} is no seat of this row")
    return chosen
