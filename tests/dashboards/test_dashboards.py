"""The dashboards in deploy/grafana: they ask for what exists, show every metric, and a real Prometheus has answers."""

import json
import re
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import promql_parser
import pytest

from tests.alerts.test_alerts import FUNCTIONS, selectors, series
from travio_inventory.telemetry.families import FAMILIES
from verification.dashboards.answers import as_grafana_asks, drawn, queries, unanswered
from verification.dashboards.deployment import deployed
from verification.dashboards.grafana import FOLDER, files
from verification.dashboards.load import sell
from verification.dashboards.panels import BOARDS
from verification.kit.charts import LINES_MAX, UNITS, Chart, Line, sheet
from verification.servers.fixtures import need

SALE_S = 10
DOCS = Path(__file__).parent.parent.parent / "docs"


def expressions() -> Iterator[str]:
    """What the files ask, panel by panel, as Grafana would ask it."""
    for path in sorted(FOLDER.glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield as_grafana_asks(target["expr"])


def test_the_files_are_those_that_are_written_from_the_panels() -> None:
    assert {path.name: path.read_text() for path in FOLDER.iterdir()} == files(), "run `make docs`"


def test_every_expression_asks_for_metrics_and_labels_that_exist() -> None:
    known, asked = series(), list(expressions())
    assert len(asked) == len(list(queries()))
    for expression in asked:
        promql_parser.parse(expression)
        found = [(name, labels) for name, labels in selectors(expression) if name not in FUNCTIONS]
        assert found, expression
        assert [name for name, _ in found if name not in known] == []
        assert [(name, labels - known[name]) for name, labels in found if labels - known[name]] == []


def test_every_metric_is_on_a_dashboard() -> None:
    text = " ".join(expressions())
    missing = [each.name for each in FAMILIES if not re.search(rf"\b{each.name}(_bucket|_count|_sum)?\{{", text)]
    assert missing == []


def test_lines_are_named_by_labels_that_their_expression_leaves() -> None:
    for _, query in queries():
        named = re.findall(r"\{\{(\w+)\}\}", query.name)
        for label in named:
            assert re.search(rf"\bby \([^)]*\b{label}\b", query.expression), query


def test_every_panel_has_a_place_and_a_number_of_its_own() -> None:
    for path in FOLDER.glob("*.json"):
        panels: list[dict[str, Any]] = json.loads(path.read_text())["panels"]
        cells = [
            (x, y)
            for at in (panel["gridPos"] for panel in panels)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        ]
        assert len(cells) == len(set(cells))
        assert max(x for x, _ in cells) < 24
        assert len({panel["id"] for panel in panels}) == len(panels)
        assert {panel["fieldConfig"]["defaults"]["unit"] for panel in panels if "targets" in panel} <= UNITS.keys()


@pytest.mark.thorough
@pytest.mark.server
async def test_prometheus_answers_every_panel_after_a_sale(tmp_path: Path) -> None:
    for server in ("scylla", "redis", "kafka", "prometheus"):
        need(server)
    async with deployed(tmp_path) as deployment:
        began_s = time.time()
        await sell(deployment, SALE_S)
        assert unanswered(deployment.prometheus) == []
        for board in BOARDS:
            picture = drawn(board, deployment.prometheus, start_s=began_s, end_s=time.time())
            assert picture.count("<polyline") >= sum(len(row.panels) for row in board.rows)
        assert deployment.prometheus.query("travio_of_nobody") == []


def test_the_document_shows_a_picture_of_every_dashboard() -> None:
    shown = re.findall(r"\(pictures/(travio-inventory-\w+)\.svg\)", (DOCS / "dashboards.md").read_text())
    assert shown == [board.name for board in BOARDS]
    for board in BOARDS:
        picture = (DOCS / "pictures" / f"{board.name}.svg").read_text()
        titles = re.findall(r'font-weight="bold" font-size="12">([^<]+)<', picture)
        assert titles == [panel.title for row in board.rows for panel in row.panels], (
            "python -m verification.dashboards --pictures 120"
        )


def test_a_chart_has_its_largest_lines_within_its_frame() -> None:
    lines = [Line(f"line {number}", [(0, number), (10, 2 * number)]) for number in range(20)]
    [picture] = [sheet([Chart("A & B", "s", lines)], columns=1)]
    assert "A &amp; B" in picture
    assert "line 19" in picture
    assert "line 9<" not in picture
    heights = [
        float(y) for points in re.findall(r'points="([^"]+)"', picture) for y in re.findall(r",([\d.]+)", points)
    ]
    assert min(heights) >= 30
    assert max(heights) <= 170
    assert ">0 s<" in picture
    assert ">40 s<" in picture


def test_no_legend_touches_the_title_below_it() -> None:
    """However many lines it names: the rows of a picture are as high as they must be, and no higher."""
    heights = []
    for lines in (0, 1, 9, 10, 20):
        named = Chart("with lines", "s", [Line(f"line {number}", [(0, number)]) for number in range(lines)])
        picture = sheet([Chart("beside", "s", []), named, Chart("below", "s", [])], columns=2)
        places = {title: int(y) for y, title in re.findall(r'translate\(\d+ (\d+)\)"><text[^>]*>(\w+)', picture)}
        rows = [float(y) for y in re.findall(r'<text x="\d+" y="(\d+)" font-size="9"', picture)]
        assert len(rows) == min(lines, LINES_MAX)
        assert all(later - earlier in (0, 11) for earlier, later in pairwise(rows))
        title_y, title_font = 17, 12
        assert max(rows, default=0) + 8 <= places["below"] + title_y - title_font
        heights.append(places["below"])
    assert heights == sorted(heights)
    assert heights[0] < heights[2] == heights[3] == heights[4]


def test_a_chart_without_figures_is_empty() -> None:
    assert "<polyline" not in sheet([Chart("nothing", "bytes", [])], columns=3)
