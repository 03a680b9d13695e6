"""`make chaos`: real servers, real load, real faults, and a verdict. Exit status 1 if a promise was broken."""

import argparse
import asyncio
import logging
import secrets
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from verification.chaos.brokers import BROKERS
from verification.chaos.nemesis import FAULTS
from verification.chaos.page import page, verdict_line
from verification.chaos.run import HOLDS_MAX, Options, run
from verification.chaos.shop import Day
from verification.chaos.shop import run as run_shop

SEED_MAX = 1_000_000
BEGAN_S = time.monotonic()


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m verification.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of load; default 60, and about 60 more in all")
    parser.add_argument("--seed", type=int, default=None, help="chooses the faults; default: a new one")
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=3, help="of the database; default 3")
    parser.add_argument("--faults", default=",".join(FAULTS), help="some of: %(default)s")
    parser.add_argument("--holds-max", type=int, default=HOLDS_MAX, help="of one holder; 0: any; default %(default)s")
    parser.add_argument("--brokers", default="", help=f"told events, some of {','.join(BROKERS)}; default none")
    parser.add_argument("--stock", action="store_true", help="of a shop, with orders over Kafka, instead of seats")
    parser.add_argument("--page", type=Path, default=None, help="the page to write; default data/chaos/SEED.md")
    typed = parser.parse_args()
    faults = [name for name in typed.faults.split(",") if name]
    if unknown := set(faults) - set(FAULTS):
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    brokers = [name for name in typed.brokers.split(",") if name]
    if unknown := set(brokers) - BROKERS.keys():
        parser.error(f"no such broker: {', '.join(sorted(unknown))}")
    seed = secrets.randbelow(SEED_MAX) if typed.seed is None else typed.seed
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it tells each time that the broker is away
    if typed.stock:
        sys.exit(_sell_stock(Day(seconds=typed.seconds, seed=seed, nodes=typed.nodes, faults=faults)))
    options = Options(
        seconds=typed.seconds, seed=seed, faults=faults, nodes=typed.nodes, holds_max=typed.holds_max, brokers=brokers
    )
    with TemporaryDirectory(prefix="travio-chaos-", ignore_cleanup_errors=True) as folder:
        result = asyncio.run(run(options, Path(folder), _say))
    where = typed.page or Path("data/chaos") / f"{seed}.md"
    where.parent.mkdir(parents=True, exist_ok=True)
    where.write_text(page(result))
    for violation in result.verdict.violations:
        _say(violation)
    _say(f"{where} tells all of it")
    sys.stdout.write(f"{verdict_line(result)}\n")
    sys.exit(bool(result.verdict.violations or result.too_late))


def _sell_stock(day: Day) -> bool:
    """A bad day of a shop; whether a promise was broken."""
    with TemporaryDirectory(prefix="travio-chaos-", ignore_cleanup_errors=True) as folder:
        found = asyncio.run(run_shop(day, Path(folder), _say))
    for violation in found.violations:
        _say(violation)
    sys.stdout.write(f"seed {day.seed}: {found.verdict}\n")
    return bool(found.violations)


def _say(line: str) -> None:
    """Print it with the seconds since the start."""
    sys.stdout.write(f"{time.monotonic() - BEGAN_S:5.0f}  {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
