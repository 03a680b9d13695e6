"""The embedded store removes what has ended: in order, a little at a time, not at the word of a clock that leaps."""

import asyncio
import gc
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, AsyncExitStack, closing
from dataclasses import replace
from pathlib import Path
from weakref import ref

import pytest

from tests.store.disk import files_of_at_most
from tests.store.partitions import new_partition
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Batches,
    Index,
    IndexEntry,
    Kind,
    Partition,
    Refused,
    RowKey,
    Table,
    Write,
)
from travio_inventory.store.sqlite import Pace, SqliteBatches
from travio_inventory.store.sqlite.database import open_writer
from travio_inventory.store.sqlite.group import Batch, try_group
from travio_inventory.store.sqlite.purge import Purge
from travio_inventory.store.sqlite.statements import partition_text

pytestmark = pytest.mark.long

GROUP = new_partition()
LEDGER = Partition(Table.LEDGERS, "acme", "ann")
NEVER = Pace(interval_s=3_600)
AT_ONCE = Pace(interval_s=0.05, pause_s=0.001, faster_max=1e12)
HOUR_S, DAY_S = 3_600, 86_400
ENDED_S_MAX = 60.0


class Shelf:
    """A database whose time is set by hand: `now_s` may leap, `monotonic_s` does not."""

    def __init__(self, path: Path, pace: Pace) -> None:
        self.connection = open_writer(path)
        self.now_s = self.monotonic_s = 1_000_000.0
        self._pace = pace
        self.start()

    def start(self) -> None:
        """Begin to purge, as the store does when it is opened."""
        self.purge = Purge(self.connection, self._pace, lambda: self.now_s, lambda: self.monotonic_s)

    def keep(self, partition: Partition, name: str, keep_s: int, *, entry: bool = False) -> None:
        """A row of that name, or an entry, for so long."""
        kind = Kind.KEY if partition.table is Table.LEDGERS else Kind.EVENT
        writes = [] if entry else [Write(RowKey(kind, name), ABSENT, {}, keep_s)]
        entries = [IndexEntry(Index.HOLDS, "ann", name, keep_s)] if entry else []
        try_group(
            self.connection,
            [Batch(partition.table, partition_text(partition), writes, entries)],
            self.now_s,
        )
        self.connection.commit()

    def keep_on(self, name: str, keep_s: int) -> None:
        """The row of that name, written again, for so long from now."""
        writes = [Write(RowKey(Kind.EVENT, name), {}, {"version": 1}, keep_s)]
        try_group(self.connection, [Batch(GROUP.table, partition_text(GROUP), writes, ())], self.now_s)
        self.connection.commit()

    def listed(self) -> list[tuple[str, int]]:
        """In which tables how much is listed that ends, in its order."""
        text = "SELECT of_table, json_array_length(keys) FROM ends ORDER BY ends_s, rowid"
        return self.connection.execute(text).fetchall()

    def step(self) -> bool:
        """One portion of the purge."""
        self.connection.execute("BEGIN IMMEDIATE")
        changed = self.purge.step()
        self.connection.commit()
        return changed

    def left(self) -> list[str]:
        """The names that are there, in any table."""
        text = "SELECT id FROM seat_groups UNION SELECT id FROM ledgers UNION SELECT entry FROM listings ORDER BY 1"
        return [name for (name,) in self.connection.execute(text)]


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """An empty one, which removes a row at a time."""
    opened = Shelf(tmp_path / "inventory.db", Pace(rows_at_once=1))
    yield opened
    opened.connection.close()


def test_what_ends_earlier_goes_earlier_whatever_table_it_is_in(shelf: Shelf) -> None:
    for number, kept in enumerate([GROUP, LEDGER, None, GROUP, None, LEDGER]):
        shelf.keep(kept or LEDGER, str(number), 60 * (9 - number), entry=kept is None)
    shelf.now_s += HOUR_S
    shelf.monotonic_s += HOUR_S
    seen = [shelf.left()]
    while shelf.step():
        seen.append(shelf.left())
    assert seen == [[str(number) for number in range(6 - gone)] for gone in range(7)]


def test_a_clock_that_leaps_ahead_ends_things_sixty_times_as_fast_as_time_and_no_faster(shelf: Shelf) -> None:
    for name, keep_s in {"a": 30, "b": HOUR_S, "c": DAY_S, "d": 400 * DAY_S}.items():
        shelf.keep(GROUP, name, keep_s)
    shelf.now_s += 365 * DAY_S
    shelf.step()
    assert shelf.left() == ["a", "b", "c", "d"]
    for passed_s, left in [(1, "bcd"), (57, "bcd"), (3, "cd"), (1_375, "cd"), (6, "d"), (30 * DAY_S, "d")]:
        shelf.monotonic_s += passed_s
        while shelf.step():
            pass
        assert shelf.left() == list(left), passed_s
    shelf.now_s -= 365 * DAY_S
    shelf.keep(GROUP, "e", 60)
    shelf.monotonic_s += DAY_S
    shelf.step()
    assert shelf.left() == ["d", "e"], "a clock that was set right again counts at once"


def test_a_clock_that_was_set_right_long_after_the_start_counts_as_soon_as_what_ended_before_is_gone(
    shelf: Shelf,
) -> None:
    shelf.now_s = 1_000.0  # in 1970
    shelf.start()
    shelf.keep(GROUP, "a", DAY_S)
    shelf.now_s += 20_000 * DAY_S
    shelf.keep(GROUP, "b", DAY_S)
    for passed_s in (HOUR_S, HOUR_S, HOUR_S, DAY_S):
        shelf.now_s += passed_s
        shelf.monotonic_s += passed_s
        while shelf.step():
            pass
    assert shelf.left() == []


def test_what_ended_while_nothing_ran_goes_from_the_earliest_end_on(shelf: Shelf) -> None:
    for name, keep_s in {"a": HOUR_S, "b": HOUR_S + 20, "c": 2 * HOUR_S}.items():
        shelf.keep(GROUP, name, keep_s)
    shelf.now_s += DAY_S
    shelf.start()
    while shelf.step():
        pass
    assert shelf.left() == ["b", "c"]
    shelf.monotonic_s += 1
    shelf.step()
    assert shelf.left() == ["c"]


def test_it_looks_at_intervals_and_goes_on_soon_while_there_is_more(shelf: Shelf) -> None:
    pace = Pace()
    assert shelf.purge.is_due()
    assert not shelf.step()
    assert (shelf.purge.is_due(), shelf.purge.due_in_s) == (False, pace.interval_s)
    shelf.keep(GROUP, "a", 1)
    shelf.now_s += 10
    shelf.monotonic_s += 10
    assert shelf.purge.is_due()
    assert shelf.step()
    assert not shelf.purge.is_due()
    assert shelf.purge.due_in_s == pytest.approx(pace.pause_s)
    shelf.purge.put_off()
    assert shelf.purge.due_in_s == pace.interval_s


def test_what_a_group_gives_one_end_is_listed_once_and_goes_in_portions(shelf: Shelf) -> None:
    def born(first: int, count: int, keep_s: int) -> Batch:
        writes = [
            Write(RowKey(Kind.EVENT, f"{number:03}"), ABSENT, {}, keep_s) for number in range(first, first + count)
        ]
        return Batch(GROUP.table, partition_text(GROUP), writes, [IndexEntry(Index.EXPIRY, "b", "here", HOUR_S)])

    refused = Batch(GROUP.table, partition_text(GROUP), [Write(RowKey(Kind.EVENT, "000"), ABSENT, {}, 5)], ())
    run: list[str] = []
    shelf.connection.set_trace_callback(run.append)
    try_group(shelf.connection, [born(0, 100, 60), born(100, 100, 60), born(200, 3, 120), refused], shelf.now_s)
    shelf.connection.commit()
    assert sum(text.startswith("INSERT INTO index_entries") for text in run) == 1, "of equal entries, one"
    assert shelf.listed() == [("seat_groups", 128), ("seat_groups", 72), ("seat_groups", 3), ("index_entries", 1)]
    shelf.now_s += 60
    shelf.monotonic_s += 60
    for left in (75, 3):
        assert shelf.step()
        assert len(shelf.left()) == left
    assert shelf.listed() == [("seat_groups", 3), ("index_entries", 1)]


def test_what_was_written_again_ends_when_it_says_and_a_list_of_such_rows_holds_nobody_up(shelf: Shelf) -> None:
    for keep_s in range(60, 70):
        shelf.keep_on("a", keep_s)
    shelf.now_s += 68
    shelf.monotonic_s += 68
    for left in range(9, 0, -1):
        assert shelf.step()
        assert (shelf.left(), len(shelf.listed())) == (["a"], left), "one portion at a time"
    assert not shelf.step()
    shelf.now_s += 1
    shelf.monotonic_s += 1
    assert shelf.step()
    assert (shelf.left(), shelf.listed(), shelf.purge.written()) == ([], [], 1)


# ---- in the store

MANY = 6_000


async def keep_many(folder: Path, *, pace: Pace = NEVER) -> None:
    """A database with many rows that end in a second."""
    async with SqliteBatches.open(folder, pace=pace) as store:
        for start in range(0, MANY, 300):
            rows = range(start, start + 300)
            data = {"data": "x" * 200}
            await asyncio.gather(
                *(store.apply(GROUP, [Write(RowKey(Kind.EVENT, f"{row:06}"), ABSENT, data, 1)]) for row in rows)
            )
    await asyncio.sleep(2.1)


def reading(folder: Path) -> AbstractContextManager[sqlite3.Connection]:
    """The closed database."""
    return closing(sqlite3.connect(folder / "inventory.db"))


async def count(store: Batches) -> int:
    """How many of the rows are there."""
    return len(await store.read(GROUP, Kind.EVENT))


async def none_left(store: Batches) -> None:
    """Wait until all have gone."""
    ends = time.monotonic() + ENDED_S_MAX
    while await count(store):
        assert time.monotonic() < ends
        await asyncio.sleep(0.01)


@pytest.mark.once
async def test_much_that_has_ended_makes_no_batch_wait_and_the_file_shrinks(tmp_path: Path) -> None:
    await keep_many(tmp_path)
    path = tmp_path / "inventory.db"
    full = path.stat().st_size
    async with SqliteBatches.open(tmp_path, pace=AT_ONCE) as store:
        born = [Write(RowKey(Kind.HOLD, "h"), ABSENT, {"status": "held"})]
        assert await store.apply(GROUP, born) == Applied()
        assert await count(store) > MANY / 2, "the batch waited for the purge"
        await none_left(store)
        await asyncio.sleep(1)
    new = tmp_path / "new"
    async with SqliteBatches.open(new) as store:
        await store.apply(GROUP, born)
    assert path.stat().st_size < 2 * (new / "inventory.db").stat().st_size < full / 5
    with reading(tmp_path) as shell:
        assert shell.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.once
async def test_it_stops_with_the_store_and_goes_on_with_the_next(tmp_path: Path) -> None:
    await keep_many(tmp_path)
    async with SqliteBatches.open(tmp_path, pace=replace(AT_ONCE, pause_s=0)) as store:
        closed = ref(store)
        await asyncio.sleep(0.01)
    del store
    gc.collect()
    assert closed() is None, "the loop still has something of it"
    with reading(tmp_path) as shell:
        assert shell.execute("SELECT count(*) FROM seat_groups").fetchone() > (0,)
    async with SqliteBatches.open(tmp_path, pace=AT_ONCE) as store:
        await none_left(store)


@pytest.mark.once
async def test_a_full_disk_is_tried_again_at_intervals_and_nothing_is_lost(tmp_path: Path) -> None:
    await keep_many(tmp_path)
    async with SqliteBatches.open(tmp_path, pace=Pace(interval_s=0.3, pause_s=0.001, faster_max=1e12)) as store:
        with files_of_at_most(4_096):
            await asyncio.sleep(1)
            assert await count(store) == MANY
            assert 1 <= store.counts.failures <= 5
        await none_left(store)


@pytest.mark.once
async def test_entries_that_are_there_already_cost_a_refused_batch_no_commit(tmp_path: Path) -> None:
    async with SqliteBatches.open(tmp_path) as store:
        born = [Write(RowKey(Kind.HOLD, "h"), ABSENT, {"status": "held"})]
        entries = [IndexEntry(Index.EXPIRY, "b", "here", 30 * DAY_S), IndexEntry(Index.HOLDS, "b", "here", 30 * DAY_S)]
        await store.apply(GROUP, born, entries)
        for _ in range(3):
            assert isinstance(await store.apply(GROUP, born, entries), Refused)
            await asyncio.sleep(1)
        assert store.counts.steps == 1


@pytest.mark.once
async def test_a_file_that_there_is_no_room_to_write_anew_is_served_and_does_not_shrink(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await keep_many(tmp_path)
    with reading(tmp_path) as shell:
        shell.executescript("PRAGMA auto_vacuum = NONE; VACUUM")
    path = tmp_path / "inventory.db"
    full = path.stat().st_size
    async with AsyncExitStack() as stack:
        with files_of_at_most(full // 2):
            store = await stack.enter_async_context(SqliteBatches.open(tmp_path, pace=AT_ONCE))
        assert "will not shrink" in caplog.text
        await none_left(store)
        await asyncio.sleep(0.2)
        steps = store.counts.steps
        await asyncio.sleep(0.5)
        assert store.counts.steps == steps, "it frees pages for ever"
    assert path.stat().st_size == full
    async with SqliteBatches.open(tmp_path, pace=AT_ONCE):
        pass
    assert path.stat().st_size < full / 5
