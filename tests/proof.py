"""Runs everything that tries to break the promises, one after the other, and writes docs/proof.md: `make proof`."""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Timer
from typing import Any, NamedTuple

from tests.chaos.nemesis import FAULTS
from travio_inventory.cli.bench.report import commit, machine

PAGE = Path("docs/proof.md")
FOLDER = Path("data/proof")
ATTACKS = FOLDER / "attacks.json"
PART_SECONDS_MAX = 3_600
EXIT_BROKEN = 1


class Part(NamedTuple):
    """One way to try: what it does, the command of this package that does it, and the page that it writes itself."""

    what: str
    words: tuple[str, ...]
    page: Path | None = None


class Tried(NamedTuple):
    """What came of it: its last line, and how long it took."""

    part: Part
    status: int
    verdict: str
    seconds: float


def parts(asked: argparse.Namespace) -> list[Part]:
    """All of them, as long as was asked for."""
    seeds = ("--seeds", str(asked.seeds), "--from", str(asked.seed * 1_000_000))
    return [
        _chaos("a good day: one database node and no fault", asked.seed, 60, "--nodes", "1", "--faults", ""),
        _chaos("a bad day: three database nodes and Redis, every fault", asked.seed, asked.seconds, "--nodes", "3"),
        _chaos(
            "crowds: one database node and Redis, every fault but those of its nodes",
            asked.seed,
            asked.crowd_seconds,
            *("--nodes", "1", "--faults", ",".join(name for name in FAULTS if "node" not in name)),
        ),
        Part("attacks on the gRPC server", ("attack", "--scale", str(asked.scale), "--out", str(ATTACKS))),
        Part("killed before and after every call of every operation, on SQLite", ("crash_points", "--on", "sqlite")),
        Part("the same on a CQL server with Redis", ("crash_points", "--on", "cql")),
        Part("broken designs, each of which must be caught", ("simulation", "--find-broken")),
        Part(
            "simulated bad days: virtual time, every fault, blocks of 1, 16 and all seats",
            ("simulation", *seeds),
        ),
    ]


def _chaos(what: str, seed: int, seconds: int, *more: str) -> Part:
    page = FOLDER / f"{what.partition(':')[0].replace(' ', '-')}.md"
    return Part(what, ("chaos", "--seconds", str(seconds), "--seed", str(seed), *more, "--page", str(page)), page)


def tried(part: Part) -> Tried:
    """Run it, showing what it says."""
    sys.stderr.write(f"== {part.what}\n")
    began, said = time.monotonic(), [""]
    command = [sys.executable, "-m", f"tests.{part.words[0]}", *part.words[1:]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        limit = Timer(PART_SECONDS_MAX, run.kill)
        limit.start()
        for line in run.stdout:
            sys.stderr.write(line)
            said.append(line.strip() or said[-1])
        limit.cancel()
    return Tried(part, run.returncode, said[-1], time.monotonic() - began)


def page(found: Sequence[Tried]) -> str:
    """The page of figures."""
    known = machine()
    where = f"{known['cores']} cores of {known['cpu']}, Python {known['python']}"
    rows = [(one.part.what, _verdict(one), f"{one.seconds:.0f}", f"`{_command(one.part)}`") for one in found]
    lines = [
        "# Proof",
        "",
        "Written by `make proof`. What is promised, and what holds it: [invariants](invariants.md).",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {where}.",
        *_table(("what was tried", "verdict", "seconds", "command"), rows),
    ]
    for one in found:
        if one.part.page is not None and one.part.page.exists():
            title = one.part.what.partition(":")[0].capitalize()
            lines += ["", f"## {title}", "", *_below(one.part.page.read_text())]
    if ATTACKS.exists():
        lines += ["", "## Attacks", *_attacks(json.loads(ATTACKS.read_text())["attacks"])]
    return "\n".join(lines).rstrip() + "\n"


def _command(part: Part) -> str:
    return f"python -m tests.{' '.join(word or repr(word) for word in part.words)}"


def _verdict(one: Tried) -> str:
    said = one.verdict.replace("|", "/")
    return said if one.status == 0 else f"BROKEN ({one.status}): {said}"


def _below(text: str) -> list[str]:
    """A page as a part of another: without its title and its log, its headings one level down."""
    body = text.partition("\n")[2].partition("\n## As it was")[0]
    return [f"#{line}" if line.startswith("#") else line for line in body.strip().splitlines()]


def _attacks(outcomes: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What each cost the well-behaved callers, and the service."""
    yield ""
    yield "Well-behaved callers read maps, hold and release all the while, 60 times a second; one in 20 is new."
    head = ("attack", "what it did", "others' p99 before / during / after, ms", "their errors", "memory, MB", "kept")
    yield from _table(head, map(_attack, outcomes))


def _attack(outcome: dict[str, Any]) -> Sequence[object]:
    phases, memory_mb = outcome["others"].values(), outcome["memory_mb"]
    errors = sum(sum(phase["errors"].values()) + phase["turned_away"] for phase in phases)
    return (
        outcome["attack"],
        ", ".join(f"{count:,} {what}" for what, count in outcome["did"].items()),
        " / ".join(f"{phase['latency_ms'].get('p99', 0):.0f}" for phase in phases),
        errors,
        " / ".join(f"{memory_mb[when]:.0f}" for when in ("before", "peak", "after")),
        "; ".join(outcome["broken"]) or "yes",
    )


def _table(head: Sequence[str], rows: "Iterator[Sequence[object]] | Sequence[Sequence[object]]") -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["", *(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)]


def main() -> int:
    """Try everything; the exit status says whether all held. The page is written after each part."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, help="simulated days (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="where seeds begin, and those of chaos")
    parser.add_argument("--seconds", type=int, default=90, help="of a bad day on real processes (default: %(default)s)")
    parser.add_argument("--crowd-seconds", type=int, default=90, help="of crowds on them (default: %(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="of the attacks (default: %(default)s)")
    asked = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    ATTACKS.unlink(missing_ok=True)
    found: list[Tried] = []
    for part in parts(asked):
        if part.page is not None:
            part.page.unlink(missing_ok=True)
        found.append(tried(part))
        PAGE.write_text(page(found))
    return EXIT_BROKEN if any(one.status for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
