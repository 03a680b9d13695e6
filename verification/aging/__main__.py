"""Ages one store and compares it with a fresh one, before and after its retention: `python -m verification.aging`."""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from travio_inventory.bench.report import commit, machine
from travio_inventory.protocol.retention import HOLDS_S_MIN, Retention
from verification.aging.cql_place import CqlPlace
from verification.aging.life import HELD_S_MAX, Cost, Life, living
from verification.aging.places import Place, SqlitePlace
from verification.servers.cassandra import cassandra

SAY_EVERY_S = 10.0
SHARE_OF_LISTS = 10
"""One join of the waiting list and one key for each such number of holds."""
FRESH, AGED, AFTER = "fresh", "aged", "after retention"
DAY_S = 86_400

Costs = Mapping[str, Cost]


async def aged(new: Place, old: Place, cycles: int, retention: Retention) -> dict[str, Any]:
    """What calls cost on a fresh store, after this number of cycles, and once what may be forgotten is forgotten; and
    how large the files are each time.
    """
    costs, files = {}, {}
    async with living(new, retention) as life:
        await _live(life, 1)
        costs[FRESH] = await life.costs()
    files[FRESH] = new.bytes()
    async with living(old, retention) as life:
        await _live(life, cycles)
        costs[AGED] = await life.costs()
    files[AGED] = old.bytes()
    await old.pass_retention(retention)
    async with living(old, retention) as life:
        costs[AFTER] = await life.costs()
    files[AFTER] = old.bytes()
    return {
        "cycles": cycles,
        "retention": asdict(retention),
        "calls": {what: _compared({when: found[what] for when, found in costs.items()}) for what in costs[FRESH]},
        "bytes": files | {"ratio": _ratios(files)},
    }


async def _live(life: Life, cycles: int) -> None:
    few = -(-cycles // SHARE_OF_LISTS)
    await _repeat(life.hold_and_release, cycles, "hold and release")
    await _repeat(life.join_and_leave, few, "join and leave")
    await _repeat(life.hold_with_a_key, few, "hold with a key")


async def _repeat(step: Callable[[], Awaitable[None]], times: int, what: str) -> None:
    said = monotonic()
    for number in range(1, times + 1):
        await step()
        if monotonic() - said > SAY_EVERY_S:
            sys.stderr.write(f"{what}: {number} of {times}\n")
            said = monotonic()


def _compared(costs: Mapping[str, Cost]) -> dict[str, dict[str, Any]]:
    ms, rows = {when: cost.ms for when, cost in costs.items()}, {when: cost.rows for when, cost in costs.items()}
    return {"ms": ms | {"ratio": _ratios(ms)}, "rows": rows | {"ratio": _ratios(rows)}}


def _ratios(figures: Mapping[str, float]) -> dict[str, float]:
    """The others by the fresh one."""
    return {when: round(figures[when] / figures[FRESH], 2) if figures[FRESH] else 1.0 for when in (AGED, AFTER)}


@contextmanager
def places(on: str) -> Iterator[tuple[Place, Place]]:
    """One for a store that stays fresh, and one for a store that ages."""
    with TemporaryDirectory(prefix="travio-aging-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if on == "sqlite":
            yield SqlitePlace(folder / "fresh"), SqlitePlace(folder / "aged")
        else:
            with cassandra(folder, optimized=True, takes_commands=True) as nodes:
                yield CqlPlace(nodes, "fresh"), CqlPlace(nodes, "aged")


def main() -> None:
    """Run it and write the report."""
    parser = argparse.ArgumentParser(prog="python -m verification.aging", description=__doc__)
    parser.add_argument("--cycles", type=int, default=100_000, help="holds and releases of one seat (%(default)s)")
    parser.add_argument("--events-s", type=int, default=7 * DAY_S, help="how long events are kept (%(default)s)")
    parser.add_argument("--holds-s", type=int, default=DAY_S, help="how long ended holds are kept (%(default)s)")
    parser.add_argument("--keys-s", type=int, default=DAY_S, help="how long keys are kept (%(default)s)")
    parser.add_argument("--on", choices=["sqlite", "cql"], default="sqlite", help="the store (%(default)s)")
    parser.add_argument("--out", type=Path, help="write the report to this file too")
    asked = parser.parse_args()
    if asked.holds_s < HOLDS_S_MIN:
        parser.error(f"--holds-s is at least {HOLDS_S_MIN}")
    retention = Retention(asked.events_s, asked.holds_s, asked.keys_s, HELD_S_MAX)
    with places(asked.on) as (new, old):
        found = asyncio.run(aged(new, old, asked.cycles, retention))
    text = json.dumps({"commit": commit(), "machine": machine(), **found}, indent=2)
    if asked.out is not None:
        asked.out.write_text(text + "\n")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
