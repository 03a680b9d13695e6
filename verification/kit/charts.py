"""Charts with lines as SVG, drawn without a library: some of them side by side are one picture."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from math import floor, log10
from typing import Final, NamedTuple

WIDTH = 400
LEFT, RIGHT, TOP, PLOT_HEIGHT = 62, 12, 30, 140
COLOURS: Final = (
    "#3366cc",
    "#dc3912",
    "#ff9900",
    "#109618",
    "#990099",
    "#0099c6",
    "#dd4477",
    "#66aa00",
    "#b82e2e",
    "#666",
)
LINES_MAX: Final = len(COLOURS)
"""A chart shows so many lines, the largest ones."""
TICKS: Final = 4
LEGEND_TOP, LEGEND_COLUMNS, LEGEND_ROW, NAME_CHARS = 24, 2, 11, 27
GAP: Final = 14
"""Between what a chart says and the title below it."""


class Line(NamedTuple):
    """A name, and points from left to right."""

    name: str
    points: Sequence[tuple[float, float]]


class Chart(NamedTuple):
    """Lines over the same axes. `unit` is one of UNITS, and the axis begins with 0."""

    title: str
    unit: str
    lines: Sequence[Line]
    x_unit: str = "s"


def _plain(value: float) -> str:
    for scale, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= scale:
            return f"{value / scale:.3g}{letter}"
    return f"{value:.3g}"


def _seconds(value: float) -> str:
    if value >= 7_200:
        return f"{value / 3_600:.3g} h"
    return f"{value:.3g} s" if value >= 1 or value == 0 else f"{value * 1_000:.3g} ms"


UNITS: Final[Mapping[str, Callable[[float], str]]] = {
    "short": _plain,
    "reqps": lambda value: f"{_plain(value)}/s",
    "s": _seconds,
    "percentunit": lambda value: f"{value * 100:.3g} %",
    "bytes": lambda value: f"{value / 2**20:.3g} MiB",
}


def sheet(charts: Sequence[Chart], *, columns: int) -> str:
    """One picture of all of them; a row is as high as its longest legend needs."""
    width, height = columns * WIDTH, 0
    placed = []
    for row in (charts[at : at + columns] for at in range(0, len(charts), columns)):
        placed += [f'<g transform="translate({at * WIDTH} {height})">{_chart(each)}</g>' for at, each in enumerate(row)]
        height += max(map(_height, row))
    box = f'viewBox="0 0 {width} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="sans-serif" font-size="11">'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="#fff"/>', *placed, "</svg>", ""])


def _height(chart: Chart) -> int:
    rows = -(-min(len(chart.lines), LINES_MAX) // LEGEND_COLUMNS)
    return TOP + PLOT_HEIGHT + LEGEND_TOP + rows * LEGEND_ROW + GAP


def _chart(chart: Chart) -> str:
    lines = sorted(chart.lines, key=lambda line: -max((y for _, y in line.points), default=0))[:LINES_MAX]
    spots = [point for line in lines for point in line.points]
    x_from, x_to = min((x for x, _ in spots), default=0), max((x for x, _ in spots), default=1)
    y_step = _round_step(max((y for _, y in spots), default=1))
    y_to = y_step * TICKS
    told, across = UNITS[chart.unit], UNITS[chart.x_unit]

    def x_of(x: float) -> float:
        return LEFT + (x - x_from) / ((x_to - x_from) or 1) * (WIDTH - LEFT - RIGHT)

    def y_of(y: float) -> float:
        return TOP + PLOT_HEIGHT * (1 - y / y_to)

    drawn = [f'<text x="{LEFT}" y="17" font-weight="bold" font-size="12">{escape(chart.title)}</text>']
    for tick in range(TICKS + 1):
        y = y_of(tick * y_step)
        drawn.append(f'<path d="M{LEFT} {y:.0f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        drawn.append(_label(LEFT - 5, y + 4, "end", told(tick * y_step)))
    for at, anchor in enumerate(("start", "middle", "end")):
        x = x_from + (x_to - x_from) * at / 2
        drawn.append(_label(x_of(x), TOP + PLOT_HEIGHT + 14, anchor, across(x)))
    for number, line in enumerate(lines):
        path = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in line.points)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[number]}" stroke-width="1.5"/>')
        drawn.append(_legend(number, line.name))
    return "".join(drawn)


def _label(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="#555">{escape(text)}</text>'


def _legend(number: int, name: str) -> str:
    column, row = number % LEGEND_COLUMNS, number // LEGEND_COLUMNS
    x, y = LEFT + column * (WIDTH - LEFT) // LEGEND_COLUMNS, TOP + PLOT_HEIGHT + LEGEND_TOP + row * LEGEND_ROW
    short = name if len(name) <= NAME_CHARS else f"{name[: NAME_CHARS - 1]}…"
    return (
        f'<rect x="{x}" y="{y}" width="8" height="3" fill="{COLOURS[number]}"/>'
        f'<text x="{x + 11}" y="{y + 5}" font-size="9" fill="#333">{escape(short)}</text>'
    )


def _round_step(largest: float) -> float:
    """A step of 1, 2, 2.5 or 5 times a power of ten, so that TICKS of them reach the largest."""
    least = largest / TICKS
    if least <= 0:
        return 1 / TICKS
    power = 10 ** floor(log10(least))
    return float(next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= least * 0.999))
