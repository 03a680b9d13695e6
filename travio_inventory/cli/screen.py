"""The output of a command: colours on a terminal, plain lines elsewhere, JSON with --json."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

PLAIN_WIDTH = 80
JSON_INDENT = 2
GAP, INDENT = "  ", "    "
SIGNS = "□◪■▨"
"""A terminal with these signs has all that drawings of seats use."""


def printable(text: object) -> str:
    """The text on one line, without control characters: what others wrote must not control the terminal."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in str(text))


def _has(signs: str, encoding: str | None) -> bool:
    """Whether the encoding has all of the signs."""
    try:
        signs.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


class Screen:
    """Writes to one stream; checks once whether it is a terminal."""

    def __init__(self, *, as_json: bool = False, out: TextIO | None = None) -> None:
        self.as_json = as_json
        self._out = out or sys.stdout
        self.is_terminal = self._out.isatty()
        self.fancy = self.is_terminal and not as_json and _has(SIGNS, self._out.encoding)
        self._console_made: Console | None = None
        self.has_answered = False
        """Whether a program has its answer, which is one value of JSON: nothing may follow it."""

    @property
    def width(self) -> int:
        """Characters per line."""
        return self._console().width if self.is_terminal else PLAIN_WIDTH

    def answer(self, value: object, show: Callable[[], None]) -> None:
        """Write the value as JSON with --json; otherwise let `show` write it for people."""
        if self.as_json:
            self.raw(json.dumps(value, indent=JSON_INDENT))
            self.has_answered = True
        else:
            show()

    def line(self, value: object) -> None:
        """The value as JSON on one line, as others follow."""
        self.raw(json.dumps(value))

    def raw(self, text: str) -> None:
        """One line as it is."""
        self._out.write(text + "\n")
        self._out.flush()

    def over(self, text: str) -> None:
        """A line in place of the last such line, on a terminal; the next line begins after `over("")`."""
        if self.fancy:
            self._out.write(f"\r\x1b[K{printable(text)}")
            self._out.flush()

    def clear(self) -> None:
        """Begin again at the top of an empty terminal."""
        if self.fancy:
            self._out.write("\x1b[H\x1b[2J")

    def say(self, text: str, style: str = "") -> None:
        """One line, in a rich style on a terminal."""
        self.draw([[(printable(text), style)]])

    def draw(self, lines: Iterable[Sequence[tuple[str, str]]]) -> None:
        """Lines of styled pieces."""
        for line in lines:
            if not self.fancy:
                self.raw("".join(text for text, _ in line).rstrip())
                continue
            self._console().print(Text.assemble(*line), soft_wrap=True)

    def fields(self, values: Mapping[str, object]) -> None:
        """One line per value, the names aligned."""
        width = max(map(len, values), default=0)
        for name, value in values.items():
            self.draw([[(name.ljust(width), "dim"), ("  " + printable(value), "")]])

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Rows under column names: aligned, without rules; on a narrow terminal a row takes several lines."""
        cells = [[printable(cell) for cell in row] for row in rows]
        widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
        self.stream(columns, cells, widths)

    def stream(self, columns: Sequence[str], rows: Iterable[Sequence[object]], widths: Sequence[int]) -> None:
        """A table whose rows are shown as they come; a cell wider than its column shifts the next ones."""
        room = self.width if self.is_terminal else None
        self.draw(_aligned(columns, widths, room, "bold"))
        for row in rows:
            self.draw(_aligned([printable(cell) for cell in row], widths, room, ""))

    def _console(self) -> Console:
        if self._console_made is None:
            self._console_made = Console(file=self._out, highlight=False)
        return self._console_made


def _folded(widths: Sequence[int], room: int | None) -> list[range]:
    """Which columns share a line of so many characters; None is an endless line."""
    lines = [range(1)]
    used = widths[0]
    for at, width in enumerate(widths[1:], 1):
        used += len(GAP) + width
        if room is not None and used > room:
            lines.append(range(at, at))
            used = len(INDENT) + width
        lines[-1] = range(lines[-1].start, at + 1)
    return lines


def _aligned(
    cells: Sequence[str], widths: Sequence[int], room: int | None, style: str
) -> Iterator[list[tuple[str, str]]]:
    """A row on its lines; the first one is emphasised."""
    padded = [cell + " " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True)]
    for line in _folded([cell_len(cell) for cell in padded], room):
        text = GAP.join(padded[line.start : line.stop]).rstrip()
        if not text and line.start:
            continue
        yield [((INDENT if line.start else "") + text, style)]
