"""Reads the tables of sections in a file into sections with their seats, and what is no seat.

Where a table has a `label` or a `kind`, each `id` is a section with rows of its own, and tables with the same id are
parts of it. Otherwise the tables are one behind the other, in no section, with a gap between them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from travio_inventory.imports.documents import Table
from travio_inventory.imports.sections import read_seats
from travio_inventory.seats.layout import Feature, Seat, Section

SECTION_GAP_ROWS = 1
"""Empty rows between two tables, so that a map shows where one ends."""


@dataclass(frozen=True)
class FileLayout:
    """What the tables have: the seats of each, the sections that they are in, and the features of all."""

    tables: tuple[tuple[Seat, ...], ...]
    sections: tuple[Section, ...]
    features: tuple[Feature, ...]

    @property
    def seats(self) -> tuple[Seat, ...]:
        """The seats of all tables."""
        return tuple(chain.from_iterable(self.tables))


def read_layout(tables: Sequence[Table], asset: str) -> FileLayout:
    """The layout in these tables; `asset` is in the ids of seats. Raises WrongFile."""
    has_sections = any(table.has("label") or table.has("kind") for table in tables)
    found: dict[str, Section] = {}
    seats, features = [], []
    last_rows: dict[str, int] = {}
    for table in tables:
        section = _section(table, found) if has_sections else ""
        own_features = list(_features(table, section))
        before = last_rows[section] + SECTION_GAP_ROWS if section in last_rows else 0
        own = tuple(read_seats(table, asset, before, section=section))
        last_rows[section] = max([before, *(seat.row for seat in own)])
        seats.append(own)
        features += own_features
    return FileLayout(tuple(seats), tuple(found.values()), tuple(features))


def _section(table: Table, found: dict[str, Section]) -> str:
    """The id of the table's section, which is found from then on; a later part of it need not say its label again."""
    section_id = str(table.values.get("id", ""))
    known = found.get(section_id, Section(section_id))
    label, kind = table.take("label", str, known.label), table.take("kind", str, known.kind)
    for name, said, before in (("label", label, known.label), ("kind", kind, known.kind)):
        if section_id in found and said != before:
            raise table.wrong(name, f"section {section_id!r} has another {name} above: {before!r}")
    found[section_id] = Section(section_id, label, kind)
    return section_id


def _features(table: Table, section: str) -> Iterator[Feature]:
    for each in table.tables("features") if table.has("features") else ():
        yield Feature(
            kind=each.take("kind", str),
            row=each.take("row", int),
            column=each.take("column", int),
            section=section,
            rows=each.take("rows", int, 1),
            columns=each.take("columns", int, 1),
            label=each.take("label", str, ""),
        )
        each.done()
