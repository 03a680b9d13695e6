"""Reports of the bench: what they say of the machine and the code, and where they are written."""

import json
from pathlib import Path

from travio_inventory.bench.report import command, commit, machine, versions
from travio_inventory.cli.screen import Screen


def report_of(server: dict[str, object], results: dict[str, object], wrong: list[str]) -> dict[str, object]:
    """The results, with all that they depend on."""
    return {
        "command": command(),
        "commit": commit(),
        "machine": machine(),
        "versions": versions(),
        "server": server,
        "results": results,
        "wrong": wrong,
    }


def finish(screen: Screen, report: dict[str, object], out: Path | None) -> None:
    """Write the report: to the file if one is named, and to the screen as JSON or text."""
    if out is not None:
        out.write_text(json.dumps(report, indent=2) + "\n")
    screen.answer(report, lambda: _show(screen, report))


def _show(screen: Screen, report: dict[str, object]) -> None:
    results = report["results"]
    if isinstance(results, dict):
        screen.fields({name: _words(value) for name, value in results.items()})
    wrong = report["wrong"]
    if isinstance(wrong, list) and wrong:
        for line in wrong:
            screen.say(f"WRONG: {line}", "bold red")
    else:
        screen.say("the counts and the store are correct", "green")


def _words(value: object) -> str:
    """A nested value on one line."""
    if isinstance(value, dict):
        return "  ".join(f"{name} {_words(inner)}" for name, inner in value.items())
    return "-" if value is None else str(value)
