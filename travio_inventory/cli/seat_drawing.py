"""Draws a vehicle lengthways: each section's rows from left to right, folded to the width of the terminal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby, repeat
from types import MappingProxyType
from typing import NamedTuple

DENSE_SEATS = 200
"""From this many seats on, a seat is one character wide and only every fifth row is named."""
NAMED_ROW_EVERY = 5
PANEL_GAP = 3
WIDTH_MIN = 20
NAME_CHARS_MAX = 6
"""Longest name of a row or column; longer ones are cut."""
AISLE_LINES_MAX = 2
IN_A_ROW = 10
"""Seats that have no places of their own are drawn so many in a row."""
SEPARATORS = "-/. "
SECTION_WORDS = {"train": "car", "launch": "deck"}
NO_SEAT, NO_SEAT_STYLE = "+", "dim"
"""How a door, a toilet, a table is drawn."""


class DrawnState(StrEnum):
    """The state of a seat for the drawn journey."""

    FREE = "free"
    HELD = "held"
    BOOKED = "booked"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


class Paint(NamedTuple):
    """How a state is drawn: on a terminal, in plain text, and its colour."""

    glyph: str
    letter: str
    style: str


PAINTS = {
    DrawnState.FREE: Paint("□", ".", "green"),
    DrawnState.HELD: Paint("◪", "h", "bold yellow"),
    DrawnState.BOOKED: Paint("■", "B", "bold red"),
    DrawnState.BLOCKED: Paint("▨", "x", "bright_black"),
    DrawnState.UNKNOWN: Paint("?", "?", "magenta"),
}


class Span(NamedTuple):
    """A piece of a line in one style."""

    text: str
    style: str = ""


Line = list[Span]


@dataclass(frozen=True, slots=True)
class DrawnSeat:
    """A seat at its place in the layout; `number` is printed on it."""

    id: str
    number: str
    row: int
    column: int
    state: DrawnState
    section: str = ""
    row_label: str = ""


class DrawnFeature(NamedTuple):
    """Something that is no seat, so many rows and columns large."""

    kind: str
    section: str
    row: int
    column: int
    rows: int = 1
    columns: int = 1


class Vehicle(NamedTuple):
    """What is drawn. `titles` are those of its sections, by their ids, in order; there are none where seats have no
    sections.
    """

    seats: Sequence[DrawnSeat]
    vehicle_type: str = ""
    titles: Mapping[str, str] = MappingProxyType({})
    features: Sequence[DrawnFeature] = ()


def plain(line: Line) -> str:
    """The line without styles or trailing blanks."""
    return "".join(span.text for span in line).rstrip()


def counts(seats: Iterable[DrawnSeat]) -> dict[DrawnState, int]:
    """How many seats have each state; 0 for a state without seats, except that UNKNOWN is left out."""
    found = dict.fromkeys(DrawnState, 0)
    for seat in seats:
        found[seat.state] += 1
    return {state: count for state, count in found.items() if count or state is not DrawnState.UNKNOWN}


def legend(vehicle: Vehicle, *, fancy: bool) -> Line:
    """One line with the meaning and count of each symbol."""
    spans = []
    for state, count in counts(vehicle.seats).items():
        paint = PAINTS[state]
        spans += [Span(paint.glyph if fancy else paint.letter, paint.style), Span(f" {count} {state}   ")]
    if kinds := sorted({feature.kind for feature in vehicle.features}):
        spans += [Span(NO_SEAT, NO_SEAT_STYLE), Span(f" {', '.join(kinds)}")]
    return spans


def draw(vehicle: Vehicle, *, width: int, fancy: bool, marked: str = "") -> list[Line]:
    """The vehicle in lines of at most `width` characters; the seat with the id `marked` is emphasised."""
    room = max(width, WIDTH_MIN)
    pen = _Pen(fancy=fancy, dense=len(vehicle.seats) >= DENSE_SEATS, width=room, marked=marked)
    panels = [panel for part in _parts(vehicle._replace(seats=_apart(vehicle.seats))) for panel in pen.panels(part)]
    lines: list[Line] = []
    for band in _bands(panels, room):
        lines += [*_side_by_side(band), []]
    return lines[:-1]


class _Panel(NamedTuple):
    """A drawn section, or a part of one that is longer than a line."""

    lines: list[Line]
    width: int


class _Labels(NamedTuple):
    """Names of a section's rows and columns, taken from the seat numbers."""

    section: str
    rows: dict[int, str]
    columns: dict[int, str]


class _Part(NamedTuple):
    """What is drawn together: a section, with its title where it has one."""

    title: str
    seats: Sequence[DrawnSeat]
    features: Mapping[tuple[int, int], DrawnFeature]


def _apart(seats: Sequence[DrawnSeat]) -> list[DrawnSeat]:
    """The seats, each at a place of its own: where two of a section have the same, as where nobody said any, all of
    the section stand in their order.
    """
    apart: list[DrawnSeat] = []
    for _, run in groupby(sorted(seats, key=lambda seat: seat.section), key=lambda seat: seat.section):
        of_section = list(run)
        if len({(seat.row, seat.column) for seat in of_section}) < len(of_section):
            places = map(divmod, range(len(of_section)), repeat(IN_A_ROW))
            of_section = [
                replace(seat, row=row, column=column, row_label="")
                for seat, (row, column) in zip(of_section, places, strict=False)
            ]
        apart += of_section
    return apart


def _parts(vehicle: Vehicle) -> Iterator[_Part]:
    """Each section with seats; without sections, rows that follow one another."""
    if not vehicle.titles:
        word = SECTION_WORDS.get(vehicle.vehicle_type, "")
        for run in _runs(vehicle.seats):
            label = _labels(run).section
            yield _Part(f"{word} {label}".strip() if label else "", run, _no_seats(vehicle.features, run))
        return
    for section, title in vehicle.titles.items():
        seats = [seat for seat in vehicle.seats if seat.section == section]
        if seats:
            own = [feature for feature in vehicle.features if feature.section == section]
            yield _Part(title, sorted(seats, key=lambda seat: (seat.row, seat.column)), _no_seats(own, seats))


def _no_seats(features: Iterable[DrawnFeature], seats: Sequence[DrawnSeat]) -> dict[tuple[int, int], DrawnFeature]:
    """The places without a seat that features have, within the seats' rows and columns or right beside them."""
    rows = range(min(seat.row for seat in seats) - 1, max(seat.row for seat in seats) + 2)
    columns = range(min(seat.column for seat in seats) - 1, max(seat.column for seat in seats) + 2)
    return {
        (row, column): each
        for each in features
        for row in range(max(each.row, rows.start), min(each.row + each.rows, rows.stop))
        for column in range(max(each.column, columns.start), min(each.column + each.columns, columns.stop))
    }


def _runs(seats: Sequence[DrawnSeat]) -> list[list[DrawnSeat]]:
    """Seats whose rows follow one another without a gap belong together."""
    by_row = sorted(seats, key=lambda seat: (seat.row, seat.column))
    row_numbers = sorted({seat.row for seat in seats})
    run_of = {row: row - at for at, row in enumerate(row_numbers)}
    return [list(run) for _, run in groupby(by_row, key=lambda seat: run_of[seat.row])]


def _labels(seats: Sequence[DrawnSeat]) -> _Labels:
    """Number "8-12A" is section 8, row 12, column A, if the neighbours' numbers agree."""
    shared = _shared_start([seat.number for seat in seats])
    cut = max(shared.rfind(separator) for separator in SEPARATORS) + 1
    rows: dict[int, str] = {}
    said: dict[int, set[str]] = {}
    for row, run in groupby(seats, key=lambda seat: seat.row):
        in_row = list(run)
        prefix = _shared_start([seat.number for seat in in_row]) if len(in_row) > 1 else ""
        label = in_row[0].row_label
        rows[row] = (label or prefix[cut:].strip(SEPARATORS))[:NAME_CHARS_MAX]
        for seat in in_row:
            if prefix or label:
                said.setdefault(seat.column, set()).add(seat.number[len(prefix) :])
    columns = {column: names.pop()[:NAME_CHARS_MAX] for column, names in said.items() if len(names) == 1}
    return _Labels(shared[:cut].strip(SEPARATORS), rows, columns)


def _shared_start(texts: Sequence[str]) -> str:
    """The longest common prefix of the texts."""
    first, last = min(texts), max(texts)
    same = (at for at, letter in enumerate(first) if not last.startswith(letter, at))
    return first[: next(same, len(first))]


def _columns_and_aisles(columns: set[int]) -> Iterator[int]:
    """The columns in order, with the empty ones between them; a wide gap is shortened."""
    before = min(columns)
    for column in sorted(columns):
        yield from range(max(before + 1, column - AISLE_LINES_MAX), column)
        yield (before := column)


@dataclass(frozen=True, slots=True)
class _Pen:
    """How to draw: which signs, how dense, how wide."""

    fancy: bool
    dense: bool
    width: int
    marked: str

    def panels(self, part: _Part) -> list[_Panel]:
        """The part, divided to fit the width."""
        labels = _labels(part.seats)
        for row, _ in part.features:
            labels.rows.setdefault(row, "")
        margin = max(map(len, labels.columns.values()), default=0) + 1
        cell = 1 if self.dense else max(map(len, labels.rows.values())) + 1
        rows = sorted(labels.rows)
        step = max(1, (self.width - margin) // max(cell, 1))
        chunks = [rows[at : at + step] for at in range(0, len(rows), step)]
        return [self._panel(part, labels, chunk, margin, cell) for chunk in chunks]

    def _panel(
        self,
        part: _Part,
        labels: _Labels,
        rows: Sequence[int],
        margin: int,
        cell: int,
    ) -> _Panel:
        at: dict[tuple[int, int], DrawnSeat | DrawnFeature] = {**part.features}
        at |= {(seat.row, seat.column): seat for seat in part.seats}
        lines: list[Line] = [[Span(part.title[:WIDTH_MIN], "bold")]] if part.title else []
        lines.append([Span(" " * margin + self._row_names(labels, rows, cell), "dim")])
        for column in _columns_and_aisles({column for _, column in at}):
            name = Span(labels.columns.get(column, "").ljust(margin), "dim")
            lines.append([name, *(self._seat(at.get((row, column)), cell) for row in rows)])
        return _Panel(lines, max(len("".join(span.text for span in line)) for line in lines))

    def _row_names(self, labels: _Labels, rows: Sequence[int], cell: int) -> str:
        """The names of the rows, each over its row; every fifth if they do not fit."""
        names = ""
        for at, row in enumerate(rows):
            name = labels.rows[row]
            left_out = self.dense and at > 0 and name.isdigit() and int(name) % NAMED_ROW_EVERY
            if not left_out and len(names) <= at * cell and at * cell + len(name) <= len(rows) * cell:
                names = names.ljust(at * cell) + name + " "
        return names.rstrip()

    def _seat(self, seat: DrawnSeat | DrawnFeature | None, cell: int) -> Span:
        if seat is None:
            return Span(" " * cell)
        if isinstance(seat, DrawnFeature):
            return Span(NO_SEAT.ljust(cell), NO_SEAT_STYLE)
        paint = PAINTS[seat.state]
        style = f"{paint.style} reverse" if seat.id == self.marked else paint.style
        return Span((paint.glyph if self.fancy else paint.letter).ljust(cell), style)


def _bands(panels: Sequence[_Panel], width: int) -> list[list[_Panel]]:
    """The panels in lines of panels, none wider than `width` unless a single panel is."""
    bands: list[list[_Panel]] = []
    room = 0
    for panel in panels:
        if not bands or room < panel.width:
            bands.append([])
            room = width
        bands[-1].append(panel)
        room -= panel.width + PANEL_GAP
    return bands


def _side_by_side(band: Sequence[_Panel]) -> list[Line]:
    """The panels of one band as lines."""
    lines: list[Line] = []
    for at in range(max(len(panel.lines) for panel in band)):
        line: Line = []
        for panel in band:
            spans = panel.lines[at] if at < len(panel.lines) else []
            used = sum(len(span.text) for span in spans)
            line += [*spans, Span(" " * (panel.width - used + PANEL_GAP))]
        lines.append(line[:-1] if band else line)
    return lines
