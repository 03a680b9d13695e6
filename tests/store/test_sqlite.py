"""The embedded store: what only it promises, on a real disk and with real failures."""

import asyncio
import logging
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import cast

import pytest

from tests.store.disk import no_space_after
from tests.store.endless_writer import BUCKET, PARTITION
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Index,
    IndexEntry,
    Kind,
    NotDone,
    Outcome,
    Refused,
    Row,
    RowKey,
    Unknown,
    Write,
)
from travio_inventory.store.sqlite import DataFolderInUse, Pace, SqliteBatches
from travio_inventory.store.sqlite.committer import Committer
from travio_inventory.store.sqlite.database import open_writer
from travio_inventory.store.sqlite.group import Batch, try_group
from travio_inventory.store.sqlite.statements import partition_text
from verification.kit.child_process import ended

HOLD = RowKey(Kind.HOLD, "hold-1")


def birth(name: object, values: Row | None = None) -> list[Write]:
    """A batch that makes one hold."""
    return [Write(RowKey(Kind.HOLD, str(name)), ABSENT, values or {"status": "held"})]


async def ids(store: SqliteBatches, kind: Kind = Kind.HOLD) -> set[str]:
    """The ids that are stored."""
    return {key.id for key in await store.read(PARTITION, kind)}


async def all_at_once(store: SqliteBatches, names: range) -> list[Outcome]:
    """Try to make these holds, all in flight together."""
    return await asyncio.gather(*(store.apply(PARTITION, birth(name)) for name in names))


@contextmanager
def writer(folder: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    """A process that writes to the folder until it is killed."""
    command = [sys.executable, "-m", "tests.store.endless_writer", str(folder), name]
    with ended(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as process:
        yield process


async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    """Three lives on one folder; each is killed under load, after at least 1,500 answers."""
    acknowledged: set[str] = set()
    for life in ("one", "two", "three"):
        with writer(tmp_path, life) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(1500)]
            process.kill()
            lines += process.stdout.readlines()
        acknowledged |= {line.strip() for line in lines if line.endswith("\n")}
    assert len(acknowledged) >= 4500
    async with SqliteBatches.open(tmp_path) as store:
        holds = await ids(store)
        assert acknowledged <= holds
        assert holds == await ids(store, Kind.EVENT) == set(await store.read_index(Index.EXPIRY, BUCKET))


async def test_a_folder_has_one_process_at_a_time(tmp_path: Path) -> None:
    with writer(tmp_path, "one") as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        with pytest.raises(DataFolderInUse, match=f"{tmp_path} is in use by process {process.pid}") as refusal:
            await SqliteBatches.open(tmp_path).__aenter__()
        assert (refusal.value.folder, refusal.value.pid) == (tmp_path, process.pid)
    async with SqliteBatches.open(tmp_path):
        with pytest.raises(DataFolderInUse, match=str(os.getpid())):
            await SqliteBatches.open(tmp_path).__aenter__()


async def test_the_folder_is_made_and_opened_again_with_all_that_was_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    async with SqliteBatches.open(folder) as store:
        await store.apply(PARTITION, birth("a"), [IndexEntry(Index.JOURNAL, "b", "x")])
    async with SqliteBatches.open(folder) as store:
        assert await ids(store) == {"a"}
        assert await store.read_index(Index.JOURNAL, "b") == ["x"]


async def test_batches_that_wait_together_share_a_commit(tmp_path: Path) -> None:
    async with SqliteBatches.open(tmp_path) as store:
        outcomes = await all_at_once(store, range(1000))
        assert all(isinstance(outcome, Applied) for outcome in outcomes)
        assert store.counts.batches == 1000
        assert 1 <= store.counts.steps <= 5
        await all_at_once(store, range(1000))
        assert store.counts.batches == 2000
        assert store.counts.steps <= 5, "a refusal has nothing to commit"


@pytest.mark.parametrize("standing", [None, "7"])
async def test_new_rows_that_are_alike_are_one_statement_and_all_or_none(tmp_path: Path, standing: str | None) -> None:
    async with SqliteBatches.open(tmp_path) as store:
        if standing is not None:
            await store.apply(PARTITION, birth(standing))
    new, said = {"status": "held"}, list[str]()
    writes = [Write(RowKey(Kind.HOLD, str(at)), ABSENT, new) for at in range(20)]
    with closing(open_writer(tmp_path / "inventory.db")) as connection:
        connection.set_trace_callback(said.append)
        outcome = try_group(connection, [Batch(PARTITION.table, partition_text(PARTITION), writes, [])], 0.0)
        connection.execute("COMMIT")
    assert len([text for text in said if text.startswith("INSERT")]) == 1
    assert outcome.changed == (standing is None)
    async with SqliteBatches.open(tmp_path) as store:
        assert len(await ids(store)) == (20 if standing is None else 1)


async def test_a_group_answers_each_batch_by_what_came_before_it(tmp_path: Path) -> None:
    """One transaction, in the order of the calls: created, refused, changed, refused, changed back."""
    batches = [
        Write(HOLD, ABSENT, {"status": "held"}),
        Write(HOLD, ABSENT, {"status": "aborted"}),
        Write(HOLD, {"status": "held"}, {"status": "confirmed"}),
        Write(HOLD, {"status": "held"}, {"status": "released"}),
        Write(HOLD, {"status": "confirmed"}, {"status": "cancelled"}),
    ]
    async with SqliteBatches.open(tmp_path) as store:
        outcomes = await asyncio.gather(*(store.apply(PARTITION, [write]) for write in batches))
        assert store.counts.steps == 1
        assert outcomes == [
            Applied(),
            Refused({HOLD: {"status": "held"}}),
            Applied(),
            Refused({HOLD: {"status": "confirmed"}}),
            Applied(),
        ]
        assert await store.get(PARTITION, [HOLD]) == {HOLD: {"status": "cancelled"}}


async def test_a_caller_that_is_cancelled_undoes_nothing_and_harms_nobody(tmp_path: Path) -> None:
    async with SqliteBatches.open(tmp_path) as store:
        tasks = [asyncio.create_task(store.apply(PARTITION, birth(name))) for name in range(40)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError, Applied] * 20
        assert await ids(store) == set(map(str, range(40)))


async def test_closing_finishes_what_waits(tmp_path: Path) -> None:
    async with SqliteBatches.open(tmp_path) as store:
        tasks = [asyncio.create_task(store.apply(PARTITION, birth(name))) for name in range(900)]
        await asyncio.sleep(0)
    assert {type(await task) for task in tasks} == {Applied}
    assert isinstance(await store.apply(PARTITION, birth("late")), NotDone)
    async with SqliteBatches.open(tmp_path) as store:
        assert await ids(store) == set(map(str, range(900)))


async def test_a_full_queue_turns_batches_away(tmp_path: Path) -> None:
    async with SqliteBatches.open(tmp_path, queue_batches_max=10) as store:
        outcomes = await all_at_once(store, range(25))
        assert [type(outcome) for outcome in outcomes] == [Applied] * 10 + [NotDone] * 15
        assert await ids(store) == set(map(str, range(10)))
        assert isinstance(await store.apply(PARTITION, birth("next")), Applied)


async def test_a_batch_that_waited_too_long_for_its_turn_is_not_done(tmp_path: Path) -> None:
    async with SqliteBatches.open(tmp_path, wait_ms_max=3_000) as store:
        waiting = asyncio.create_task(store.apply(PARTITION, birth("a")))
        await asyncio.sleep(0)
        time.sleep(3.1)  # noqa: ASYNC251 - the loop must be late
        assert isinstance(await waiting, NotDone)
        assert await ids(store) == set()
        assert isinstance(await store.apply(PARTITION, birth("b")), Applied)


@pytest.fixture
def disk_works(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The disk hangs until this is set."""
    works, commit = threading.Event(), Committer._commit

    def hangs(self: Committer) -> Exception | None:
        works.wait(60)
        return commit(self)

    monkeypatch.setattr(Committer, "_commit", hangs)
    yield works
    works.set()


async def test_nobody_waits_for_a_disk_that_takes_too_long(tmp_path: Path, disk_works: threading.Event) -> None:
    async with SqliteBatches.open(tmp_path, wait_ms_max=2_000) as store:
        unanswered = asyncio.create_task(store.apply(PARTITION, birth("unanswered")))
        for _ in range(5):
            await asyncio.sleep(0)  # it has begun by then
        queued = asyncio.create_task(store.apply(PARTITION, birth("queued")))
        assert isinstance(await unanswered, Unknown)
        assert isinstance(await queued, NotDone)
        assert isinstance(await store.apply(PARTITION, birth("next")), NotDone)
        disk_works.set()
    async with SqliteBatches.open(tmp_path) as store:
        assert await ids(store) == {"unanswered"}


async def test_a_failed_commit_is_unknown_and_the_store_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with SqliteBatches.open(tmp_path) as store:
        await store.apply(PARTITION, birth("before"))
        with no_space_after(tmp_path / "inventory.db-wal"):
            for name in ("a", "b", "c"):
                assert isinstance(await store.apply(PARTITION, birth(name)), Unknown)
            assert isinstance(await store.apply(PARTITION, birth("before")), Refused), "nothing to write"
            assert await ids(store) == {"before"}
        assert [type(outcome) for outcome in await all_at_once(store, range(3))] == [Applied] * 3
        assert await ids(store) == {"before", "0", "1", "2"}
        assert store.counts.failures == 3
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1


@pytest.mark.once
async def test_a_group_that_cannot_begin_is_not_done_and_the_store_goes_on(tmp_path: Path) -> None:
    """A SQLite shell has the write lock."""
    async with SqliteBatches.open(tmp_path) as store:
        with closing(sqlite3.connect(tmp_path / "inventory.db", isolation_level=None)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            assert [type(outcome) for outcome in await all_at_once(store, range(3))] == [NotDone] * 3
            assert await ids(store) == set()
            shell.execute("COMMIT")
        assert isinstance(await store.apply(PARTITION, birth("a")), Applied)
        assert await ids(store) == {"a"}


async def test_a_group_that_fails_half_way_is_not_done_and_the_store_goes_on(tmp_path: Path) -> None:
    """A table was dropped; the batch that needs it comes after one that does not."""
    entries = [IndexEntry(Index.EXPIRY, "b", "x")]
    async with SqliteBatches.open(tmp_path) as store:
        with closing(sqlite3.connect(tmp_path / "inventory.db", isolation_level=None)) as shell:
            shell.execute("ALTER TABLE index_entries RENAME TO elsewhere")
            both = (store.apply(PARTITION, birth("a")), store.apply(PARTITION, birth("b"), entries))
            assert [type(outcome) for outcome in await asyncio.gather(*both)] == [NotDone] * 2
            assert await ids(store) == set()
            shell.execute("ALTER TABLE elsewhere RENAME TO index_entries")
        assert isinstance(await store.apply(PARTITION, birth("a"), entries), Applied)
        assert await ids(store) == {"a"}


async def test_a_batch_that_no_store_can_take_fails_only_its_caller(tmp_path: Path) -> None:
    """All are tried in one transaction; the first write of each bad one would be fine."""
    good = Write(RowKey(Kind.CELL, "A1"), {}, {"owner": "x"})
    bad: list[tuple[type[Exception], Row]] = [
        (OverflowError, {"expires_at_ms": 2**63}),
        (ValueError, {"colour": "red"}),
        (UnicodeEncodeError, {"holder": "\ud800"}),
    ]
    async with SqliteBatches.open(tmp_path) as store:
        outcomes = await asyncio.gather(
            store.apply(PARTITION, birth("a")),
            *(store.apply(PARTITION, [good, *birth(place, values)]) for place, (_, values) in enumerate(bad)),
            *(store.apply(PARTITION, birth(place, values)) for place, (_, values) in enumerate(bad)),
            store.apply(PARTITION, birth("b")),
            return_exceptions=True,
        )
        wrong = [error for error, _ in bad]
        assert [type(outcome) for outcome in outcomes] == [Applied, *wrong, *wrong, Applied]
        assert await ids(store) == {"a", "b"}
        assert await ids(store, Kind.CELL) == set()


async def test_what_was_forgotten_is_counted_once_it_is_on_disk(tmp_path: Path) -> None:
    now_s = [1_000_000.0]
    often = Pace(interval_s=0.05, pause_s=0.001, faster_max=1e12)
    async with SqliteBatches.open(tmp_path, pace=often, now_s=lambda: now_s[0]) as store:
        for name in range(3):
            await store.apply(PARTITION, [each._replace(keep_s=60) for each in birth(name)])
        await store.apply(PARTITION, birth("for ever"))
        with no_space_after(tmp_path / "inventory.db-wal"):
            now_s[0] += 61
            while store.counts.failures < 2:  # noqa: ASYNC110 - the purge tells nobody
                await asyncio.sleep(0.01)
            assert store.counts.forgotten == 0
        while await ids(store) > {"for ever"}:  # noqa: ASYNC110 - the purge tells nobody
            await asyncio.sleep(0.01)
        await store.apply(PARTITION, birth("later"))
        assert store.counts.forgotten == 3


async def test_a_long_read_lets_others_take_their_turns(tmp_path: Path) -> None:
    """20,000 rows, written in one batch and changed while they are read: the read still shows one moment."""
    cells = [RowKey(Kind.CELL, f"{place:05}") for place in range(20_000)]
    async with SqliteBatches.open(tmp_path) as store:
        await store.apply(PARTITION, [Write(cell, ABSENT, {"owner": "x"}) for cell in cells])
        reading = asyncio.create_task(store.read(PARTITION, Kind.CELL))
        await asyncio.sleep(0)
        turns = 0
        while not reading.done():
            await store.apply(PARTITION, [Write(cells[-1], {}, {"owner": "y"})])
            assert await store.get(PARTITION, cells[-1:]) == {cells[-1]: {"owner": "y"}}
            turns += 1
        rows = await reading
        assert list(rows) == cells
        assert {row["owner"] for row in rows.values()} == {"x"}
        assert turns >= 2


async def test_many_long_reads_wait_for_each_other(tmp_path: Path) -> None:
    cells = [RowKey(Kind.CELL, f"{place:04}") for place in range(600)]
    async with SqliteBatches.open(tmp_path) as store:
        await store.apply(PARTITION, [Write(cell, ABSENT, {"owner": "x"}) for cell in cells])
        found = await asyncio.gather(*(store.read(PARTITION, Kind.CELL) for _ in range(50)))
        assert [len(rows) for rows in found] == [600] * 50


async def test_the_interpreter_switches_threads_fast_while_the_store_is_open(tmp_path: Path) -> None:
    """Without it the news of a commit waits for seconds, now and then, on a loop that is never idle."""
    before = sys.getswitchinterval()
    async with SqliteBatches.open(tmp_path):
        assert sys.getswitchinterval() <= 0.000_05 < before
    assert sys.getswitchinterval() == before


async def test_a_group_that_raises_an_unexpected_error_is_not_done_and_the_store_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise MemoryError

    async with SqliteBatches.open(tmp_path) as store, asyncio.timeout(60):
        with monkeypatch.context() as patch:
            patch.setattr("travio_inventory.store.sqlite.batches.try_group", broken)
            assert [type(outcome) for outcome in await all_at_once(store, range(3))] == [NotDone] * 3
        assert isinstance(await store.apply(PARTITION, birth("a")), Applied)
        assert await ids(store) == {"a"}


class Disk:
    """A connection whose commits do what the test says."""

    def __init__(self, commit: Callable[[], None]) -> None:
        self.commit = commit


async def test_a_commit_that_raises_an_unexpected_error_is_reported() -> None:
    def broken() -> None:
        raise MemoryError

    told: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
    committer = Committer(cast("sqlite3.Connection", Disk(broken)), asyncio.get_running_loop())
    committer.commit(told.set_result)
    async with asyncio.timeout(60):
        assert isinstance(await told, MemoryError)
    committer.close()


async def test_closing_does_not_wait_for_ever_for_a_disk_that_hangs(
    tmp_path: Path, disk_works: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("travio_inventory.store.sqlite.batches.CLOSE_S_MAX", 0.1)
    async with asyncio.timeout(60):
        async with SqliteBatches.open(tmp_path, wait_ms_max=2_000) as store:
            assert isinstance(await store.apply(PARTITION, birth("a")), Unknown)
        disk_works.set()
        (left,) = [thread for thread in threading.enumerate() if thread.name == "sqlite-commit"]
        await asyncio.to_thread(left.join)
