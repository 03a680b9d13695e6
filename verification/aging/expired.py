"""What reads of a seat group cost whose rows have expired, on CQL: `python -m verification.aging.expired`.

A group is filled with holds that have ended and with events, all with one end. Requests to it are timed beside those to
a fresh one: while these rows live, once they have expired, after a compaction, and after one that waits for no repair.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic, perf_counter
from typing import Any, NamedTuple, TypeAlias

from travio_inventory.bench.report import commit, machine
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Batches,
    Kind,
    Partition,
    Row,
    RowKey,
    StoreUnavailable,
    Table,
    Write,
)
from travio_inventory.protocol.event_rows import id_from
from verification.aging.cql_place import bytes_on_disk, compact, set_grace
from verification.kit.stores import scylla_options, scylla_store
from verification.servers.cassandra import Cassandra, cassandra

KEYSPACE = "expired"
SEATS, SEGMENTS = 16, 3
FRESH, AGED = (Partition(Table.SEAT_GROUPS, "aging", name, 0) for name in ("fresh", "aged"))
OPEN_EPOCH = 2
"""The events of the one before have expired."""
EVENTS_OPEN = 20
HOLDS_AT_ONCE = 40
REPEATS = 60
LATER_S = 2.0
"""So much later than its end a row is certainly over."""
HELD: Row = {
    "status": "held", "holder": "ann", "seats": "0 2 A1", "first_segment": 0, "last_segment": 2, "claimant": "x" * 32,
    "created_at_ms": 1_800_000_000_000, "expires_at_ms": 1_800_000_600_000, "extensions": 0,
}  # fmt: skip
TOLD: Row = {"type": "hold.released", "version": 1, "at_ms": 1_800_000_000_000, "actor": "user", "data": "x" * 200}
FREE: Row = {"status": "available"}
TABLE = Table.SEAT_GROUPS

Request: TypeAlias = Callable[[], Awaitable[object]]


def event(epoch: int, subject: str) -> RowKey:
    """The event of that epoch about the subject."""
    return RowKey(Kind.EVENT, f"{id_from(epoch)}~{subject}~0")


def beginning() -> Iterator[Write]:
    """What every group has: its cells, a hold, and events that are not told yet."""
    yield from (
        Write(RowKey(Kind.CELL, f"A{seat}", segment), ABSENT, FREE)
        for seat in range(SEATS)
        for segment in range(SEGMENTS)
    )
    yield Write(RowKey(Kind.HOLD, "live"), ABSENT, HELD)
    yield from (Write(event(OPEN_EPOCH, f"{number}"), {}, TOLD) for number in range(EVENTS_OPEN))


class Group:
    """A seat group, and what is asked of it."""

    def __init__(self, store: Batches, partition: Partition) -> None:
        self._store, self._partition = store, partition
        self._names = count()

    async def begin(self) -> None:
        """Put it on sale."""
        await self._done(list(beginning()))

    async def fill(self, holds: int, keep_s: int) -> int:
        """Make and release so many holds, with an event each; how many were, for a busy server may miss some."""
        released = 0
        for start in range(0, holds, HOLDS_AT_ONCE):
            names = [f"{number:08}" for number in range(start, min(start + HOLDS_AT_ONCE, holds))]
            begin = [Write(RowKey(Kind.HOLD, name), ABSENT, HELD) for name in names]
            await self._store.apply(self._partition, begin)
            outcome = await self._store.apply(self._partition, list(_releases(names, keep_s)))
            released += len(names) if outcome == Applied() else 0
        return released

    def requests(self) -> Mapping[str, Request]:
        """What is timed."""
        start, end = id_from(OPEN_EPOCH), id_from(OPEN_EPOCH + 1)
        read, get = self._store.read, self._store.get
        return {
            "a hold by its id": lambda: get(self._partition, [RowKey(Kind.HOLD, "live")]),
            "a forgotten hold by its id": lambda: get(self._partition, [RowKey(Kind.HOLD, "00000000")]),
            "all cells": lambda: read(self._partition, Kind.CELL),
            "events of an open epoch": lambda: read(self._partition, Kind.EVENT, start=start, end=end),
            "hold and release": self._hold_and_release,
            "events from the first on": lambda: read(self._partition, Kind.EVENT, most=EVENTS_OPEN),
        }

    async def _hold_and_release(self) -> None:
        name = f"timed-{next(self._names)}"
        cell = RowKey(Kind.CELL, "A0", 0)
        await self._done([Write(RowKey(Kind.HOLD, name), ABSENT, HELD), Write(cell, FREE, {"status": "held"})])
        freed = Write(cell, {"status": "held"}, FREE)
        await self._done([*_releases([name], 3_600, OPEN_EPOCH + 1), freed])

    async def _done(self, writes: Sequence[Write]) -> None:
        outcome = await self._store.apply(self._partition, writes)
        if outcome != Applied():
            raise RuntimeError(f"a batch of the measurement was not applied: {outcome}")


def _releases(names: Sequence[str], keep_s: int, epoch: int = OPEN_EPOCH - 1) -> Iterator[Write]:
    for name in names:
        yield Write(RowKey(Kind.HOLD, name), {"status": "held"}, {**HELD, "status": "released"}, keep_s)
        yield Write(event(epoch, name), {}, TOLD, keep_s)


class Compared(NamedTuple):
    """The median time of a request to either group; None where the server gives up, for all the rows that it passes."""

    fresh_ms: float | None
    aged_ms: float | None


async def compared(fresh: Group, old: Group) -> dict[str, Compared]:
    """What each request costs of either, asked in turns, so that a busy moment meets both."""
    asked, found = fresh.requests(), {}
    for what, of_old in old.requests().items():
        times_ms = [(await _ms(asked[what]), await _ms(of_old)) for _ in range(REPEATS)]
        found[what] = Compared(*(_median(column) for column in zip(*times_ms, strict=True)))
    return found


def _median(times_ms: Sequence[float | None]) -> float | None:
    known = [time_ms for time_ms in times_ms if time_ms is not None]
    return round(median(known), 2) if len(known) == len(times_ms) else None


async def _ms(request: Request) -> float | None:
    began = perf_counter()
    try:
        await request()
    except StoreUnavailable:
        return None
    return (perf_counter() - began) * 1_000


async def aged(nodes: Cassandra, holds: int, keep_s: int) -> dict[str, Any]:
    """What requests cost of a fresh group, and of one with so many expired holds, as time goes on."""
    async with scylla_store(scylla_options(nodes, KEYSPACE)) as store:
        fresh, old = Group(store, FRESH), Group(store, AGED)
        await fresh.begin()
        await old.begin()

        async def now() -> dict[str, Any]:
            costs = {what: cost._asdict() for what, cost in (await compared(fresh, old)).items()}
            return {"bytes_on_disk": bytes_on_disk(nodes, KEYSPACE, TABLE), **costs}

        await now()  # servers get fast
        found = {"both are fresh": await now()}
        released = await old.fill(holds, keep_s)
        over = monotonic() + keep_s + LATER_S
        found["the rows live"] = await now()
        await asyncio.sleep(over - monotonic())
        found["the rows have expired"] = await now()
        compact(nodes, KEYSPACE, [TABLE])
        found["after a compaction"] = await now()
        set_grace(nodes, KEYSPACE, 0)
        compact(nodes, KEYSPACE, [TABLE])
        found["after a compaction without a grace"] = await now()
    return {"holds": released, "keep_s": keep_s, "costs": found}


def main() -> None:
    """Run it and write the report."""
    parser = argparse.ArgumentParser(prog="python -m verification.aging.expired", description=__doc__)
    parser.add_argument("--holds", type=int, default=20_000, help="holds that have ended (%(default)s)")
    parser.add_argument("--keep-s", type=int, default=60, help="how long they are kept (%(default)s)")
    asked = parser.parse_args()
    with (
        TemporaryDirectory(prefix="travio-expired-", ignore_cleanup_errors=True) as folder,
        cassandra(Path(folder), optimized=True, takes_commands=True) as nodes,
    ):
        found = asyncio.run(aged(nodes, asked.holds, asked.keep_s))
    report = {"commit": commit(), "machine": machine(), **found}
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
