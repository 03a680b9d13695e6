"""The files of Grafana: a dashboard as JSON, for import or provisioning."""

import json
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, Final

from verification.dashboards.boards import Board, Panel, Query
from verification.dashboards.panels import BOARDS
from verification.pages.architecture import ROOT

FOLDER: Final = ROOT / "deploy" / "grafana"
SCHEMA_VERSION: Final = 39  # of Grafana 10.4 and later, which bring older ones up to date by themselves
SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS: Final = 3
WIDTH, HEIGHT = 24 // COLUMNS, 8


def files() -> dict[str, str]:
    """What is in the folder, by name."""
    return {f"{board.name}.json": json.dumps(dashboard(board), indent=1) + "\n" for board in BOARDS}


def dashboard(board: Board) -> Mapping[str, Any]:
    """One dashboard. It asks any Prometheus, for any namespaces; where there are none, for all."""
    return {
        "uid": board.name,
        "title": board.title,
        "description": board.meaning,
        "tags": ["travio-inventory"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "links": [
            {
                "type": "dashboards",
                "tags": ["travio-inventory"],
                "title": "Travio inventory",
                "keepTime": True,
                "asDropdown": False,
            }
        ],
        "templating": {"list": [_datasource(), _namespace()]},
        "annotations": {"list": [_alerts()]},
        "panels": [*_panels(board)],
    }


def _datasource() -> Mapping[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _namespace() -> Mapping[str, Any]:
    return {
        "name": "namespace",
        "label": "Namespace",
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": "label_values(travio_info, namespace)", "refId": "namespaces"},
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def _alerts() -> Mapping[str, Any]:
    return {
        "name": "Alerts",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{alertname=~"Travio.*",alertstate="firing"}',
        "titleFormat": "{{alertname}}",
        "step": "30s",
    }


def _panels(board: Board) -> Iterator[Mapping[str, Any]]:
    numbers, top = count(1), 0
    for row in board.rows:
        yield {
            "type": "row",
            "id": next(numbers),
            "title": row.title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"x": 0, "y": top, "w": 24, "h": 1},
        }
        for at, panel in enumerate(row.panels):
            down, across = divmod(at, COLUMNS)
            yield _panel(panel, next(numbers), x=across * WIDTH, y=top + 1 + down * HEIGHT)
        top += 1 + -(-len(row.panels) // COLUMNS) * HEIGHT


def _panel(panel: Panel, number: int, *, x: int, y: int) -> Mapping[str, Any]:
    return {
        "type": "timeseries",
        "id": number,
        "title": panel.title,
        "description": panel.meaning,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, "custom": {"fillOpacity": 5}}, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [_target(query, "ABCDEFGH"[at]) for at, query in enumerate(panel.queries)],
    }


def _target(query: Query, letter: str) -> Mapping[str, Any]:
    return {"refId": letter, "datasource": SOURCE, "expr": query.expression, "legendFormat": query.name, "range": True}
