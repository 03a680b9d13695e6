"""Measures stock on one store, or has crowds want it on bad days: `python -m verification.stock_load paced`."""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from travio_inventory.app.run import collect_seldom
from travio_inventory.bench.report import machine
from travio_inventory.protocol.batches import Batches, Reads
from travio_inventory.store.group_commit import GroupCommit
from travio_inventory.store.sqlite import SqliteBatches
from verification.kit.stores import scylla_options, scylla_store
from verification.servers.cassandra import cassandra
from verification.stock_load.contended import contended
from verification.stock_load.paced import Paced

ARTICLES = 500
KEYSPACE = "stock_load"
HEAP_MB = 1_536
"""Of Cassandra: with that of tests it would write what is new to files every six seconds."""
STORES = ("sqlite", "cql")
FOLDERS = {"disk": None, "memory": "/dev/shm"}  # noqa: S108 - where Linux keeps files in memory, if it does
"""Where the store has its files."""


@asynccontextmanager
async def opened(on: str, folder: Path) -> AsyncIterator[tuple[Batches, Reads | None]]:
    """The store, with group commit as a service has it, and its views."""
    if on == "sqlite":
        async with SqliteBatches.open(folder) as store:
            yield store, None
    else:
        with cassandra(folder, optimized=True, heap_mb=HEAP_MB) as node:
            async with scylla_store(scylla_options(node, KEYSPACE)) as scylla:
                yield GroupCommit(scylla), scylla.views


async def paced(
    store: Batches,
    views: Reads | None = None,
    *,
    live: int,
    per_second: int,
    seconds: float,
    lines: int,
    warm_up_s: float = 0,
    articles: int = ARTICLES,
) -> dict[str, Any]:
    """Latencies beside so many live reservations, then an update of many lines."""
    calls = Paced(store, articles=articles, live=live, views=views)
    prepared = await calls.prepare()
    called = await calls.calls(per_second=per_second, seconds=seconds, warm_up_s=warm_up_s)
    return prepared | called | {"bulk update": await calls.bulk(lines)}


def found(on: str, files: str = "disk", **asked: Any) -> dict[str, Any]:  # noqa: ANN401 - the options of `paced`
    """The figures on a new store, in a process that collects garbage as a service does."""

    async def run(folder: Path) -> dict[str, Any]:
        async with opened(on, folder) as (store, views):
            collect_seldom()
            return await paced(store, views, **asked)

    with TemporaryDirectory(prefix="travio-stock-load-", dir=FOLDERS[files], ignore_cleanup_errors=True) as name:
        return asyncio.run(run(Path(name)))


def sold(on: str, **asked: Any) -> dict[str, Any]:  # noqa: ANN401 - the options of `contended`
    """What crowds were told on a new store."""

    async def run(folder: Path) -> dict[str, Any]:
        async with opened(on, folder) as (store, _):
            return await contended(store, say=lambda line: print(line, file=sys.stderr, flush=True), **asked)  # noqa: T201 - how far it is

    with TemporaryDirectory(prefix="travio-stock-load-", ignore_cleanup_errors=True) as name:
        return asyncio.run(run(Path(name)))


OPTIONS = {
    "paced": (found, ("files", "live", "per_second", "seconds", "lines", "warm_up_s")),
    "contended": (sold, ("rounds", "units", "crowd", "faults", "seed", "minutes")),
}


def main() -> None:
    """Run it and print the report; ends with an error if anything was sold that was not there."""
    parser = argparse.ArgumentParser(prog="python -m verification.stock_load", description=__doc__)
    parser.add_argument("what", choices=OPTIONS, help="latencies at a rate, or crowds on bad days")
    parser.add_argument("--on", choices=STORES, default="sqlite", help="the store (%(default)s)")
    parser.add_argument("--files", choices=FOLDERS, default="disk", help="where it keeps its files (%(default)s)")
    parser.add_argument("--live", type=int, default=50_000, help="live reservations (%(default)s)")
    parser.add_argument("--per-second", type=int, default=500, help="calls (%(default)s)")
    parser.add_argument("--seconds", type=float, default=30, help="of calls (%(default)s)")
    parser.add_argument(
        "--warm-up-s", type=float, default=20, help="of calls before, in which the database compiles (%(default)s)"
    )
    parser.add_argument("--lines", type=int, default=10_000, help="of the bulk update (%(default)s)")
    parser.add_argument("--rounds", type=int, default=40, help="crowds, one after the other (%(default)s)")
    parser.add_argument("--crowd", type=int, default=5_000, help="buyers in each (%(default)s)")
    parser.add_argument("--minutes", type=float, default=inf, help="no round begins later (no limit)")
    parser.add_argument("--units", type=int, default=100, help="units in each (%(default)s)")
    parser.add_argument("--faults", type=float, default=0.05, help="the share of batches that fail (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the faults (%(default)s)")
    asked = parser.parse_args()
    ask, names = OPTIONS[asked.what]
    said = ask(asked.on, **{name: getattr(asked, name) for name in names})
    print(json.dumps({"on": asked.on, "machine": machine(), **said}, indent=2, default=str))  # noqa: T201 - its output
    if "wrong" in said:
        print(verdict(said))  # noqa: T201 - its output
        raise SystemExit(bool(said["wrong"]))


def verdict(said: dict[str, Any]) -> str:
    """What crowds were told, and what was wrong, in a line."""
    faults, wrong = sum(said["faults"].values()), said["wrong"]
    asked = f"{said['reservations asked for']} reservations asked for, {faults} batches and reads failed"
    return f"{asked}: {', '.join(f'{count} {what}' for what, count in wrong.items()) or '0 units oversold or lost'}"


if __name__ == "__main__":
    main()
