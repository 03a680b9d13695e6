"""Ages one store and compares it with a fresh one: `python -m verification.aging --cycles 100000`."""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from travio_inventory.bench.report import commit, machine
from verification.aging.life import Cost, living

SAY_EVERY_S = 10.0
SHARE_OF_LISTS = 10
"""One join of the waiting list and one key for each such number of holds."""


async def aged(cycles: int) -> dict[str, Any]:
    """What calls cost on a fresh database and after this number of cycles, and how large the files are."""
    with TemporaryDirectory(prefix="travio-aging-") as name:
        fresh, old = Path(name, "fresh"), Path(name, "aged")
        async with living(fresh) as life:
            await _live(life.hold_and_release, 1)
            new = await life.costs()
        async with living(old) as life:
            await _live(life.hold_and_release, cycles, "hold and release")
            await _live(life.join_and_leave, cycles // SHARE_OF_LISTS, "join and leave")
            await _live(life.hold_with_a_key, cycles // SHARE_OF_LISTS, "hold with a key")
            after = await life.costs()
        bytes_ = {"fresh": _bytes(fresh), "aged": _bytes(old)}
    return {
        "cycles": cycles,
        "calls": {what: _compared(new[what], after[what]) for what in new},
        "files": bytes_ | {"ratio": round(bytes_["aged"] / bytes_["fresh"], 2)},
    }


async def _live(step: Callable[[], Awaitable[None]], times: int, what: str = "") -> None:
    said = monotonic()
    for number in range(1, times + 1):
        await step()
        if what and (monotonic() - said > SAY_EVERY_S or number == times):
            sys.stderr.write(f"{what}: {number} of {times}\n")
            said = monotonic()


def _compared(new: Cost, after: Cost) -> dict[str, float]:
    return {
        "fresh_ms": new.ms,
        "aged_ms": after.ms,
        "fresh_rows": new.rows,
        "aged_rows": after.rows,
        "time_ratio": round(after.ms / new.ms, 2),
        "rows_ratio": round(after.rows / new.rows, 2) if new.rows else 1.0,
    }


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def main() -> None:
    """Run it and write the report."""
    parser = argparse.ArgumentParser(prog="python -m verification.aging", description=__doc__)
    parser.add_argument("--cycles", type=int, default=100_000, help="holds and releases of one seat (%(default)s)")
    parser.add_argument("--out", type=Path, help="write the report to this file too")
    asked = parser.parse_args()
    report = {"commit": commit(), "machine": machine(), **asyncio.run(aged(asked.cycles))}
    text = json.dumps(report, indent=2)
    if asked.out is not None:
        asked.out.write_text(text + "\n")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
