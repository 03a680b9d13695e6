"""Asks a Prometheus what the dashboards ask it, and draws the answers."""

import re
from collections.abc import Iterator
from math import isfinite
from typing import Final

from verification.dashboards.boards import Board, Panel, Query
from verification.dashboards.panels import BOARDS
from verification.kit.charts import Chart, Line, sheet
from verification.servers.prometheus import Prometheus

WINDOW: Final = "15s"
"""What Grafana makes of `$__rate_interval` depends on the scrape interval, which is a second here."""
STEPS_MAX: Final = 90
COLUMNS: Final = 3
LABEL: Final = re.compile(r"\{\{(\w+)\}\}")


def as_grafana_asks(expression: str) -> str:
    """With the variables filled in, for all namespaces."""
    return expression.replace("$__rate_interval", WINDOW).replace("$namespace", ".*")


def queries() -> Iterator[tuple[Panel, Query]]:
    """Every expression of every panel."""
    return ((panel, query) for board in BOARDS for row in board.rows for panel in row.panels for query in panel.queries)


def unanswered(asked: Prometheus) -> list[str]:
    """The expressions that have no answer now, or none that is a number, each with its panel."""
    return [
        f"{panel.title}: {query.expression}"
        for panel, query in queries()
        if not any(isfinite(y) for each in asked.query(as_grafana_asks(query.expression)) for _, y in each.points)
    ]


def drawn(board: Board, asked: Prometheus, *, start_s: float, end_s: float) -> str:
    """What a dashboard shows of that time, as one picture."""
    step_s = max(1.0, (end_s - start_s) / STEPS_MAX)
    charts = []
    for row in board.rows:
        for panel in row.panels:
            lines = [line for query in panel.queries for line in _lines(query, asked, start_s, end_s, step_s)]
            charts.append(Chart(panel.title, panel.unit, lines))
    return sheet(charts, columns=COLUMNS)


def _lines(query: Query, asked: Prometheus, start_s: float, end_s: float, step_s: float) -> Iterator[Line]:
    for found in asked.query_range(as_grafana_asks(query.expression), start_s=start_s, end_s=end_s, step_s=step_s):
        name = query.name
        for label in LABEL.findall(name):
            name = name.replace(f"{{{{{label}}}}}", found.labels.get(label, ""))
        yield Line(name.strip(), [(at - start_s, y) for at, y in found.points if isfinite(y)])
