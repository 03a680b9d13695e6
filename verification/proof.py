"""Runs everything that tries to break the promises, one after the other, and writes docs/proof.md: `make proof`.

The result of each part stands in docs/proof.json until the part is run again, so that `--only` changes its rows alone.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Timer
from typing import Any, NamedTuple

from travio_inventory.bench.report import commit, machine
from verification.chaos.brokers import BROKERS
from verification.chaos.nemesis import FAULTS
from verification.chaos.page import table

PAGE = Path("docs/proof.md")
KEPT = Path("docs/proof.json")
FOLDER = Path("data/proof")
ATTACKS = FOLDER / "attacks.json"
PART_SECONDS_MAX = 3_600
EXIT_BROKEN = 1


class Part(NamedTuple):
    """One part: what it does, the command of this package that does it, and the file that it writes, if it does."""

    what: str
    words: tuple[str, ...]
    file: Path | None = None

    @property
    def title(self) -> str:
        """In short."""
        return self.what.partition(":")[0]

    @property
    def command(self) -> list[str]:
        """The command, after `python -m`."""
        program, *options = self.words
        return [f"verification.{program}", *options]


class PartResult(NamedTuple):
    """The result: the exit status, the last line, how long it took, which code was tried when and where, and more."""

    command: str
    status: int
    verdict: str
    seconds: float
    commit: str
    day: str
    machine: str
    told: list[str]


def parts(asked: argparse.Namespace) -> list[Part]:
    """All parts, with the requested durations."""
    nodeless = ",".join(name for name, fault in FAULTS.items() if "node" not in name and fault.lane != "broker")
    of_brokers = ",".join(name for name, fault in FAULTS.items() if fault.lane == "broker")
    seeds = ("--seeds", str(asked.seeds), "--from", str(asked.seed * 1_000_000))
    return [
        _chaos("a good day: one database node and no fault", asked.seed, 60, "--nodes", "1", "--faults", ""),
        _chaos("a bad day: three database nodes and Redis, every fault", asked.seed, asked.seconds, "--nodes", "3"),
        _chaos(
            "crowds: one database node and Redis, every fault but those of its nodes",
            asked.seed,
            asked.crowd_seconds,
            *("--nodes", "1", "--faults", nodeless),
        ),
        Part(
            "stock on a bad day: one database node, Redis and a broker of orders, every fault but those of its nodes",
            (
                *("chaos", "--stock", "--seconds", str(asked.seconds), "--seed", str(asked.seed)),
                *("--nodes", "1", "--faults", nodeless),
            ),
        ),
        _chaos(
            "brokers on a bad day: every sink's broker is killed, stopped, full and slow, beside what befalls services",
            asked.seed,
            asked.seconds,
            *("--nodes", "1", "--brokers", ",".join(BROKERS), "--faults", f"{nodeless},{of_brokers}"),
        ),
        *(
            Part(
                f"crowds that want 100 units of stock, one of twenty batches fails, on {name}",
                ("stock_load", "contended", "--on", on, "--rounds", str(rounds), "--seed", str(asked.seed)),
            )
            for on, name, rounds in (("sqlite", "SQLite", 40), ("cql", "a CQL server", 1))
        ),
        Part(
            "5,000 buyers want 100 units, a hundred times, on SQLite",
            ("hot_article", "--seconds", "3", "--rounds", "100"),
        ),
        Part(
            "attacks: on the gRPC server, over HTTP and on sockets",
            ("attack", "--scale", str(asked.scale), "--out", str(ATTACKS)),
            ATTACKS,
        ),
        Part("killed before and after every call of every operation, on SQLite", ("crash_points", "--on", "sqlite")),
        Part("the same on a CQL server with Redis", ("crash_points", "--on", "cql")),
        Part("broken designs, each of which must be caught", ("simulation", "--find-broken")),
        Part(
            "simulated bad days: virtual time, every fault, seat groups of 1, 16 and all seats",
            ("simulation", *seeds),
        ),
    ]


def _chaos(what: str, seed: int, seconds: int, *more: str) -> Part:
    file = FOLDER / f"{what.partition(':')[0].replace(' ', '-')}.md"
    words = ("chaos", "--seconds", str(seconds), "--seed", str(seed), *more)
    return Part(what, (*words, "--page", str(file)), file)


def tried(part: Part, at_commit: str) -> PartResult:
    """Run it, with the processes that it starts, for an hour at most, and show its output."""
    sys.stderr.write(f"== {part.what}\n")
    if part.file is not None:
        part.file.unlink(missing_ok=True)
    began, said = time.monotonic(), [""]
    command = [sys.executable, "-m", *part.command]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as run:
        assert run.stdout is not None
        limit = Timer(PART_SECONDS_MAX, os.killpg, (run.pid, signal.SIGKILL))
        limit.start()
        try:
            for line in run.stdout:
                sys.stderr.write(line)
                said.append(line.strip() or said[-1])
        except KeyboardInterrupt:
            os.killpg(run.pid, signal.SIGINT)
            raise
        finally:
            limit.cancel()
    shown = f"python -m {' '.join(word or repr(word) for word in part.command)}"
    seconds = round(time.monotonic() - began)
    known, day = machine(), f"{datetime.now(UTC):%Y-%m-%d}"
    where = f"{known['cores']} cores of {known['cpu']}, Python {known['python']}"
    return PartResult(shown, run.returncode, said[-1], seconds, at_commit, day, where, _told(part.file))


def _told(file: Path | None) -> list[str]:
    """What the file says, as lines of a part of the page."""
    if file is None or not file.exists():
        return []
    text = file.read_text()
    return list(_attacks(json.loads(text)["attacks"])) if file.suffix == ".json" else _below(text)


def page(asked: Sequence[Part], found: Mapping[str, PartResult]) -> str:
    """The page of figures, with all parts that were ever run."""
    done = [(part, found[part.what]) for part in asked if part.what in found]
    rows = [
        (part.what, _verdict(one), one.seconds, f"{one.day}, {one.commit}", one.machine, f"`{one.command}`")
        for part, one in done
    ]
    lines = [
        "# Proof",
        "",
        "Written by `make proof`. What is promised, and what holds it: [invariants](invariants.md).",
        *table(("what was tried", "verdict", "seconds", "day, commit", "machine", "command"), rows),
    ]
    for part, one in done:
        if one.told:
            lines += ["", f"## {part.title.capitalize()}", "", *one.told]
    return "\n".join(lines).rstrip() + "\n"


def _verdict(one: PartResult) -> str:
    said = one.verdict.replace("|", "/")
    return said if one.status == 0 else f"BROKEN ({one.status}): {said}"


def _below(text: str) -> list[str]:
    """A page as a part of another: without its title and its log, its headings one level down."""
    body = text.partition("\n")[2].partition("\n## As it was")[0]
    return [f"#{line}" if line.startswith("#") else line for line in body.strip().splitlines()]


def _attacks(outcomes: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What each attack cost the well-behaved callers and the service."""
    yield "Well-behaved callers read maps, hold and release all the while, 60 times a second; one in 20 is new."
    head = ("attack", "what it did", "others' p99 before / during / after, ms", "their errors", "memory, MB", "kept")
    yield from table(head, map(_attack, outcomes))


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


def tree_commit(tree: Path) -> str:
    """The commit of the tree; what this program writes there is no change of it."""
    command = ["git", "diff", "--name-only", "HEAD"]
    changed = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False).stdout.split()
    return commit().removesuffix("+") if set(changed) <= {str(PAGE), str(KEPT)} else commit()


def kept() -> dict[str, PartResult]:
    """The results that were found before, by what was tried."""
    return {what: PartResult(**one) for what, one in json.loads(KEPT.read_text()).items()}


def arguments() -> argparse.ArgumentParser:
    """The options of the command."""
    parser = argparse.ArgumentParser(prog="python -m verification.proof", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, help="simulated days (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="where seeds begin, and those of chaos")
    parser.add_argument("--seconds", type=int, default=90, help="of a bad day on real processes (default: %(default)s)")
    parser.add_argument("--crowd-seconds", type=int, default=90, help="of crowds on them (default: %(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="of the attacks (default: %(default)s)")
    parser.add_argument("--only", default="", metavar="TEXT", help="parts that have this in their name")
    return parser


def main() -> int:
    """Run all parts; the exit status says whether all promises held. The page is written after each part."""
    asked = arguments().parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    everything = parts(asked)
    found = kept()
    at_commit = tree_commit(Path.cwd())
    chosen = [part for part in everything if asked.only in part.what]
    for part in chosen:
        found[part.what] = tried(part, at_commit)
        KEPT.write_text(json.dumps({what: one._asdict() for what, one in found.items()}, indent=2) + "\n")
        PAGE.write_text(page(everything, found))
    return EXIT_BROKEN if any(found[part.what].status for part in chosen) else 0


if __name__ == "__main__":
    sys.exit(main())
