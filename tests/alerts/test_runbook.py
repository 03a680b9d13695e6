"""The runbook's commands can be typed as they stand: the command line, the cluster and the logs have what they name."""

import ast
import re
import shlex
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.alerts.test_alerts import FUNCTIONS, RUNBOOK, selectors, series
from travio_inventory.cli.commands import NAME, build

ROOT = Path(__file__).parent.parent.parent
BASE = ROOT / "deploy" / "kubernetes" / "base"
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```$", RUNBOOK, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
PLACEHOLDERS = {"$PROMETHEUS", "$POD", "$REDIS", "$ORGANIZATION", "$TRIP"}
LEVELS = {"ERROR", "WARNING", "CRITICAL", "Traceback"}
"""What each log line has, or a traceback in it, and what kubectl says of a pod."""
TOLD_BY_KUBECTL = {"Last State"}


def parts(command: str) -> list[list[str]]:
    """The words of each program in a pipe."""
    words: list[list[str]] = [[]]
    for word in shlex.split(command):
        if word == "|":
            words.append([])
        else:
            words[-1].append(word)
    return words


PROGRAMS = [(command, words) for command in COMMANDS for words in parts(command)]


def of_program(name: str) -> list[Any]:
    return [pytest.param(words, id=command[:90]) for command, words in PROGRAMS if words[0] == name]


@pytest.mark.parametrize("words", of_program("promtool"))
def test_its_queries_ask_for_metrics_and_labels_that_exist(words: list[str]) -> None:
    assert words[1:4] == ["query", "instant", "$PROMETHEUS"]
    (query,) = words[4:]
    known = series()
    asked = [(name, labels) for name, labels in selectors(query) if name not in FUNCTIONS]
    assert asked
    assert [(name, labels - known[name]) for name, labels in asked if labels - known[name]] == []


def ours() -> list[Any]:
    """Each command line of this service, alone or inside a pod."""
    inside = [(command, words[words.index("--") + 1 :] if "--" in words else words) for command, words in PROGRAMS]
    return [pytest.param(words[1:], id=command[:90]) for command, words in inside if words[0] == NAME]


@pytest.mark.parametrize("words", ours())
def test_its_commands_of_this_service_can_be_typed(words: list[str]) -> None:
    function, _, _ = build().parse_args(words, print_error=False, exit_on_error=False)
    assert function is not None


@pytest.mark.parametrize("words", of_program("kubectl"))
def test_what_it_asks_kubernetes_for_is_deployed(words: list[str]) -> None:
    assert words[1:3] == ["-n", "travio"]
    deployed = [each for file in BASE.glob("*.yaml") for each in yaml.safe_load_all(file.read_text())]
    names = {each["metadata"]["name"] for each in deployed if "metadata" in each}
    labels = {f"{key}={value}" for each in deployed for key, value in labels_of(each).items()}
    asked = [after for word, after in pairwise(words) if word == "-l"]
    assert set(asked) <= labels
    named = [word.partition("/")[2] for word in words if word.startswith("deploy/")]
    assert {*named, *[after for word, after in pairwise(words) if word == "hpa"]} <= names


def labels_of(each: dict[str, Any]) -> dict[str, str]:
    """Those by which its pods are found."""
    found: dict[str, str] = each.get("spec", {}).get("template", {}).get("metadata", {}).get("labels", {})
    return found | {"app.kubernetes.io/name": "travio-inventory"}


@pytest.mark.once
@pytest.mark.parametrize("words", of_program("grep"))
def test_what_it_looks_for_in_logs_is_said_there(words: list[str]) -> None:
    patterns = [after for word, after in pairwise(words) if word == "-e"]
    patterns = patterns or [word for word in words[1:] if not word.startswith("-")][:1]
    assert patterns
    said = texts_of_the_package()
    if "-i" in words:
        assert all(each in said.lower() for each in patterns)
    else:
        assert [each for each in patterns if not is_said(each, said) and each not in LEVELS | TOLD_BY_KUBECTL] == []


def is_said(pattern: str, said: str) -> bool:
    """Whether a line of the log may have it: whole in a text, or its end put into one."""
    return pattern in said or any(
        f"{pattern[:at]}%s" in said and pattern[at:] in said for at in range(1, len(pattern)) if pattern[at - 1] == " "
    )


@cache
def texts_of_the_package() -> str:
    """All texts in the code but docstrings."""
    found = []
    for file in sorted((ROOT / "travio_inventory").rglob("*.py")):
        tree = ast.parse(file.read_text())
        alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in alone)
        found += [node.value for node in constants if isinstance(node.value, str)]
    return "\n".join(found)


def test_its_placeholders_are_explained_or_plain() -> None:
    assert {name for command in COMMANDS for name in re.findall(r"\$\w+", command)} <= PLACEHOLDERS
