"""The rules in deploy/prometheus: each alert fires and does not, asks for metrics that exist, and has its runbook."""

import re
import subprocess
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from travio_inventory.telemetry.families import FAMILIES, WORKER_UP, Family, Kind

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "deploy" / "prometheus"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
TESTS: list[dict[str, Any]] = yaml.safe_load((FOLDER / "alerts_test.yaml").read_text())["tests"]
SCENES = [each["name"] for each in TESTS]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
TARGET_LABELS = {"namespace", "pod", "instance", "job"}
"""What Prometheus adds to every series of a target."""
TOOL_SECONDS_MAX = 150


def series() -> dict[str, set[str]]:
    """The names that a query may ask for, each with its labels."""

    def labels(family: Family) -> set[str]:
        return {*family.labels, *TARGET_LABELS, *({"worker"} if family.is_of_each or family is WORKER_UP else ())}

    plain = {family.name: labels(family) for family in FAMILIES}
    histograms = [family for family in FAMILIES if family.kind is Kind.HISTOGRAM]
    parts = {f"{each.name}_{part}": labels(each) | {"le"} for each in histograms for part in ("bucket", "sum", "count")}
    return plain | parts | {name: set() for name in RECORDED}


def selectors(query: str) -> list[tuple[str, set[str]]]:
    """Each series that the query asks for, and the labels it names."""
    promql_parser.parse(query)
    found = re.findall(r"\b([a-z][a-z0-9_]*(?::[a-z0-9_]+)*)(?:\{([^}]*)\})?", query)
    known = series()
    return [(name, set(re.findall(r"(\w+)\s*[=!]", inside))) for name, inside in found if name in known or "_" in name]


def ran(*words: str) -> None:
    done = subprocess.run(words, cwd=FOLDER, capture_output=True, text=True, timeout=TOOL_SECONDS_MAX, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("prometheus_tools")
def test_rules_and_configurations_are_valid() -> None:
    ran("promtool", "check", "config", "prometheus.yaml")
    ran("promtool", "check", "rules", "alerts.yaml")
    ran("amtool", "check-config", "alertmanager.yaml")


@pytest.mark.usefixtures("prometheus_tools")
def test_each_alert_fires_and_does_not_in_its_scenes() -> None:
    assert {name.split()[0] for name in SCENES if " fires: " in name} == ALERTS.keys()
    assert {name.split()[0] for name in SCENES if " does not fire: " in name} == ALERTS.keys()
    ran("promtool", "test", "rules", "alerts_test.yaml")


@pytest.mark.parametrize("scene", TESTS, ids=lambda scene: str(scene["name"]))
def test_a_scene_says_whether_the_alert_of_its_name_is_told_of(scene: dict[str, Any]) -> None:
    """Else a scene could pass whatever becomes of the rule."""
    alert, said = scene["name"].split(maxsplit=1)
    asked = f'(ALERTS{{alertname="{alert}",alertstate="firing"}})'
    found = {bool(each["exp_samples"]) for each in scene["promql_expr_test"] if each["expr"].endswith(asked)}
    assert said.startswith("fires: " if True in found else "does not fire: ")
    assert found


@pytest.mark.thorough
@pytest.mark.usefixtures("prometheus_tools")
def test_a_rule_that_never_fires_is_found(tmp_path: Path) -> None:
    """The scenes are no empty ones: with another threshold one of them fails."""
    text = (FOLDER / "alerts.yaml").read_text()
    assert "travio_relay_lag_seconds) > 60" in text
    (tmp_path / "alerts.yaml").write_text(
        text.replace("travio_relay_lag_seconds) > 60", "travio_relay_lag_seconds) > 600")
    )
    (tmp_path / "alerts_test.yaml").write_text((FOLDER / "alerts_test.yaml").read_text())
    done = subprocess.run(
        ["promtool", "test", "rules", "alerts_test.yaml"],  # noqa: S607 - whichever there is
        cwd=tmp_path, capture_output=True, text=True, timeout=TOOL_SECONDS_MAX, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "TravioRelayBehind" in done.stdout + done.stderr


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.get("alert") or rule["record"]))
def test_every_rule_asks_for_metrics_and_labels_that_exist(rule: dict[str, Any]) -> None:
    known = series()
    asked = [(name, labels) for name, labels in selectors(rule["expr"]) if name not in FUNCTIONS]
    assert asked
    assert [name for name, _ in asked if name not in known] == []
    assert [(name, labels - known[name]) for name, labels in asked if labels - known[name]] == []


FUNCTIONS = {"histogram_quantile", "sort_desc"} | {label for family in FAMILIES for label in family.labels}
"""Words with an underscore in a query that are no series."""


def test_the_runbook_has_a_section_with_three_commands_for_each_alert() -> None:
    sections = re.findall(r"^## (\w+)\n\*(\w+)\.\* .+?^```sh\n(.*?)^```\n\n\S", RUNBOOK, re.MULTILINE | re.DOTALL)
    assert [name for name, _, _ in sections] == re.findall(r"^## (\w+)$", RUNBOOK, re.MULTILINE)
    assert {name: told.lower() for name, told, _ in sections} == {
        name: rule["labels"]["severity"] for name, rule in ALERTS.items()
    }
    assert {name: len(commands.splitlines()) for name, _, commands in sections} == dict.fromkeys(ALERTS, 3)
    for name, rule in ALERTS.items():
        assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{name.lower()}"


def test_alertmanager_names_alerts_that_exist() -> None:
    named = re.findall(r"Travio\w+", (FOLDER / "alertmanager.yaml").read_text())
    assert set(named) <= ALERTS.keys()
