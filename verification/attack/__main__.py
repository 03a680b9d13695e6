"""Starts a service, attacks it, and reports what that cost the others: `python -m verification.attack --help`."""

import asyncio
import json
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from travio_inventory.bench import report
from travio_inventory.cli.screen import Screen
from verification.attack.attacks import ATTACKS
from verification.attack.siege import MEMORY_GROWTH_MB_MAX, Outcome, as_plain, siege

QUIET_SECONDS = 3.0
"""The time before and after each attack, for comparison."""
COLUMNS = (
    "attack", "s", "p50 ms before/during/after", "p99 ms", "max ms", "errors", "new callers not served",
    "MB before/peak/after", "kept", "was told",
)  # fmt: skip


def main() -> int:
    """The exit status: 1 if a promise was broken."""
    asked = _asked()
    chosen = [attack for attack in ATTACKS if not asked.attack or attack.name in asked.attack]
    outcomes: list[Outcome] = []
    with report.Board("attacks", COLUMNS) as board:
        for attack in chosen:
            outcome = asyncio.run(_attacked(attack.name, asked))
            outcomes.append(outcome)
            board.add(*_row(outcome))
    if asked.out is not None:
        asked.out.write_text(json.dumps(_report(asked, outcomes), indent=2) + "\n")
    return _tell(outcomes)


async def _attacked(name: str, asked: Namespace) -> Outcome:
    """One attack on a service that is started for it, with an empty data folder."""
    attack = next(attack for attack in ATTACKS if attack.name == name)
    with tempfile.TemporaryDirectory(prefix="travio-attack-") as folder:
        async with siege(Path(folder), with_tokens=attack.with_tokens, TRAVIO_SERVER=asked.server) as besieged:
            return await besieged.bear(attack, scale=asked.scale, quiet_seconds=asked.quiet)


def _row(outcome: Outcome) -> list[str]:
    phases = outcome.before, outcome.during, outcome.after
    latencies = ("/".join(f"{phase.latency_ms.get(name, 0):.0f}" for phase in phases) for name in ("p50", "p99", "max"))
    memory = outcome.memory_mb
    told = sorted(outcome.told.items(), key=lambda item: -item[1])
    return [
        outcome.attack.name,
        f"{outcome.seconds:.1f}",
        *latencies,
        str(sum(sum(phase.errors.values()) for phase in phases)),
        f"{outcome.during.turned_away} of {outcome.during.newcomers}",
        f"{memory['before']:.0f}/{memory['peak']:.0f}/{memory['after']:.0f}",
        "BROKEN" if outcome.broken else "yes",
        ", ".join(f"{said} {count}" for said, count in told),
    ]


def _report(asked: Namespace, outcomes: list[Outcome]) -> dict[str, Any]:
    return {
        "command": report.command(),
        "commit": report.commit(),
        "machine": report.machine(),
        "versions": report.versions(),
        "server": asked.server,
        "scale": asked.scale,
        "memory_growth_mb_max": MEMORY_GROWTH_MB_MAX,
        "attacks": [as_plain(outcome) for outcome in outcomes],
    }


def _tell(outcomes: list[Outcome]) -> int:
    screen = Screen()
    broken = [(outcome.attack.name, said) for outcome in outcomes for said in outcome.broken]
    for name, said in broken:
        screen.say(f"BROKEN {name}: {said}", "bold red")
    verdict = f"{len(broken)} promises broken" if broken else "every promise kept"
    screen.say(f"{len(outcomes)} attacks: {verdict}", "bold red" if broken else "green")
    return 1 if broken else 0


def _asked() -> Namespace:
    names = [attack.name for attack in ATTACKS]
    parser = ArgumentParser(
        prog="python -m verification.attack", description=__doc__, epilog="attacks: " + "; ".join(names)
    )
    parser.add_argument("--attack", nargs="+", choices=names, metavar="NAME", help="only these")
    parser.add_argument("--server", choices=("lean", "grpclib"), default="lean", help="what serves gRPC (%(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="how much of each attack (%(default)s)")
    parser.add_argument("--quiet", type=float, default=QUIET_SECONDS, help="seconds before and after (%(default)s)")
    parser.add_argument("--out", type=Path, help="file for all figures, as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
