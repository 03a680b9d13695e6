"""Sells a hot article on one store and says what it took: `python -m verification.hot_article`."""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from travio_inventory.app.run import collect_seldom
from travio_inventory.bench.report import machine
from travio_inventory.protocol.batches import Batches
from travio_inventory.store.sqlite import SqliteBatches
from verification.hot_article.processes import KEYSPACE, TURNS, sold_by_processes
from verification.hot_article.sale import Sale, sold_in_rounds
from verification.kit.stores import in_company, scylla_options, scylla_store
from verification.servers.cassandra import cassandra

KINDS: dict[str, dict[str, int]] = {"1 shard": {}, "16 shards": {"shards": 16}, "16 entries": {"entries": 16}}


@asynccontextmanager
async def opened(on: str, folder: Path) -> AsyncIterator[Batches]:
    """The store, with group commit as a service has it."""
    if on == "sqlite":
        async with SqliteBatches.open(folder) as store:
            yield store
    else:
        with cassandra(folder, optimized=True) as node:
            async with in_company(scylla_store(scylla_options(node, KEYSPACE))) as store:
                yield store


async def measured(store: Batches, *, buyers: int, seconds: float, rounds: int, crowd: int, units: int) -> Any:  # noqa: ANN401 - it is written as JSON
    """The figures. The kinds are taken in turns, so that a loaded machine is as slow for each of them."""
    found: dict[str, list[int]] = {kind: [] for kind in KINDS}
    for _ in range(TURNS):
        for kind, of in KINDS.items():
            per_s = await Sale(store).reserved_per_s(buyers=buyers, seconds=seconds / TURNS, **of)
            found[kind].append(round(per_s))
    return {
        "reservations per second": found,
        "refusals of what is sold out": await Sale(store).refused(buyers=buyers, seconds=seconds),
        "sold in rounds": await sold_in_rounds(store, rounds, units=units, crowd=crowd),
    }


def sold_on(on: str, **asked: Any) -> Any:  # noqa: ANN401 - the options of `measured`, and what it says
    """The figures on a new store, in a process that collects garbage as a service does."""

    async def run(folder: Path) -> Any:  # noqa: ANN401 - it is written as JSON
        async with opened(on, folder) as store:
            collect_seldom()
            return await measured(store, **asked)

    with TemporaryDirectory(prefix="travio-hot-article-", ignore_cleanup_errors=True) as name:
        return asyncio.run(run(Path(name)))


async def by_processes(processes: int, shards: int, *, buyers: int, seconds: float) -> Any:  # noqa: ANN401 - written as JSON
    """The figures of several processes on one server. Most of the machine is theirs and the server's: where it has few
    processors, these are what is measured.
    """
    folder = TemporaryDirectory(prefix="travio-hot-article-", ignore_cleanup_errors=True)
    with folder as name, cassandra(Path(name), optimized=True) as node:
        async with in_company(scylla_store(scylla_options(node, KEYSPACE))) as store:
            found = await sold_by_processes(
                store, node, processes=processes, shards=shards, buyers=buyers, seconds=seconds
            )
    return {"processes": processes, "shards": shards, "buyers": buyers, "reservations per second": found}


def main() -> None:
    """Run it and print the report."""
    parser = argparse.ArgumentParser(prog="python -m verification.hot_article", description=__doc__)
    parser.add_argument("--on", choices=["sqlite", "cql"], default="sqlite", help="the store (%(default)s)")
    parser.add_argument("--buyers", type=int, default=64, help="who ask at once (%(default)s)")
    parser.add_argument("--seconds", type=float, default=15, help="how long each figure takes (%(default)s)")
    parser.add_argument("--rounds", type=int, default=100, help="sales of a few units to a crowd (%(default)s)")
    parser.add_argument("--crowd", type=int, default=5_000, help="the buyers of each (%(default)s)")
    parser.add_argument("--units", type=int, default=100, help="the units of each (%(default)s)")
    parser.add_argument("--processes", type=int, default=0, help="so many processes sell on one server, and only that")
    parser.add_argument("--shards", type=int, default=16, help="in which the entry of one turn lies (%(default)s)")
    chosen = vars(parser.parse_args())
    on, processes, shards = chosen.pop("on"), chosen.pop("processes"), chosen.pop("shards")
    if processes:
        found = asyncio.run(by_processes(processes, shards, buyers=chosen["buyers"], seconds=chosen["seconds"]))
        print(json.dumps({"machine": machine(), **found}, indent=2, default=str))  # noqa: T201 - its output
        return

    found = sold_on(on, **chosen)
    print(json.dumps({"on": on, "machine": machine(), **chosen, **found}, indent=2, default=str))  # noqa: T201 - its output
    sold, there_are = found["sold in rounds"]["sold"], chosen["units"]
    wrong = [each for each in sold if each != there_are]
    print(f"{len(sold)} times {chosen['crowd']} buyers wanted {there_are} units: {len(wrong)} times others were sold")  # noqa: T201 - its output
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
