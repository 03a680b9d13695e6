"""What a dashboard is made of: rows of panels, each with its expressions."""

from typing import NamedTuple

from travio_inventory.telemetry import families as f
from verification.dashboards.asked import quantile


class Query(NamedTuple):
    """An expression, and the name of its lines: labels stand in double braces."""

    expression: str
    name: str


class Panel(NamedTuple):
    """Lines over time. `unit` is one of Grafana's."""

    title: str
    unit: str
    meaning: str
    queries: tuple[Query, ...]


class Row(NamedTuple):
    """Panels side by side, under a title."""

    title: str
    panels: tuple[Panel, ...]


class Board(NamedTuple):
    """A dashboard; `name` is that of its file and its address."""

    name: str
    title: str
    meaning: str
    rows: tuple[Row, ...]


def panel(title: str, unit: str, meaning: str, *queries: tuple[str, str]) -> Panel:
    """A panel of these expressions with the names of their lines."""
    return Panel(title, unit, meaning, tuple(Query(*each) for each in queries))


def quantiles(family: f.Family, by: tuple[str, ...] = (), **where: str) -> list[tuple[str, str]]:
    """The median and what one in a hundred exceeds."""
    of = " ".join(f"{{{{{label}}}}}" for label in by)
    return [
        (quantile(share, family, by, **where), f"{named} {of}".strip())
        for share, named in ((0.5, "p50"), (0.99, "p99"))
    ]
