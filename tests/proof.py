"""Runs everything that tries to break the promises, one after the other, and writes docs/proof.md: `make proof`."""

import argparse
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from travio_inventory.cli.bench.report import commit, machine

PAGE = Path("docs/proof.md")
CHAOS_PAGE = Path("data/chaos/proof.md")
PART_SECONDS_MAX = 3_600
EXIT_BROKEN = 1


class Part(NamedTuple):
    """One way to try: what it does, and the command of this package that does it."""

    what: str
    words: tuple[str, ...]


class Tried(NamedTuple):
    """What came of it: its last line, and how long it took."""

    part: Part
    status: int
    verdict: str
    seconds: float


def parts(options: argparse.Namespace) -> list[Part]:
    """All of them, as long as was asked for."""
    chaos = ("chaos", "--seconds", str(options.chaos_seconds), "--seed", str(options.seed), "--page", str(CHAOS_PAGE))
    return [
        Part(
            "simulated bad days: virtual time, every fault, blocks of 1, 16 and all seats",
            ("simulation", "--seeds", str(options.seeds), "--from", str(options.seed * 1_000_000), "--plain"),
        ),
        Part("broken designs, each of which must be caught", ("simulation", "--find-broken", "--plain")),
        Part("killed before and after every call of every operation, on SQLite", ("crash_points", "--on", "sqlite")),
        Part("the same on a CQL server with Redis", ("crash_points", "--on", "cql")),
        Part("real processes, three database nodes and Redis on a bad day", chaos),
        Part("attacks on the gRPC server, at a tenth of their scale", ("attack", "--scale", "0.1", "--quiet", "1")),
    ]


def tried(part: Part) -> Tried:
    """Run it, showing what it says."""
    sys.stderr.write(f"== {part.what}\n")
    began = time.monotonic()
    command = [sys.executable, "-m", f"tests.{part.words[0]}", *part.words[1:]]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=PART_SECONDS_MAX, check=False)
    sys.stderr.write(run.stdout)
    said = [line.strip() for line in run.stdout.splitlines() if line.strip()]
    return Tried(part, run.returncode, said[-1] if said else "", time.monotonic() - began)


def page(found: list[Tried]) -> str:
    """The page of figures."""
    known = machine()
    where = f"{known['cores']} cores of {known['cpu']}, Python {known['python']}"
    lines = [
        "# Proof",
        "",
        "Written by `make proof`. What is promised, and what holds it: [invariants](invariants.md).",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {where}.",
        "",
        "| what was tried | verdict | seconds | command |",
        "| --- | --- | --- | --- |",
    ]
    for one in found:
        command = f"`python -m tests.{' '.join(one.part.words)}`"
        verdict = one.verdict if one.status == 0 else f"BROKEN ({one.status}): {one.verdict}"
        lines.append(f"| {one.part.what} | {verdict.replace('|', '/')} | {one.seconds:.0f} | {command} |")
    if CHAOS_PAGE.exists():
        lines += ["", "## Real processes on a bad day", "", *_below(CHAOS_PAGE.read_text())]
    return "\n".join(lines).rstrip() + "\n"


def _below(text: str) -> list[str]:
    """A page as a part of another: without its title and its log, its headings one level down."""
    body = text.partition("\n")[2].partition("\n## As it was")[0]
    return [f"#{line}" if line.startswith("#") else line for line in body.strip().splitlines()]


def main() -> int:
    """Try everything; the exit status says whether all held."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, help="simulated days (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="where seeds begin, and that of chaos")
    parser.add_argument("--chaos-seconds", type=int, default=180, help="of load (default: %(default)s)")
    options = parser.parse_args()
    CHAOS_PAGE.unlink(missing_ok=True)
    found = [tried(part) for part in parts(options)]
    PAGE.write_text(page(found))
    return EXIT_BROKEN if any(one.status for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
