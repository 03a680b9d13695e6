"""The embedded store's schema: databases of earlier releases are migrated, and unfit ones are left unchanged."""

import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.store.disk import files_of_at_most
from tests.store.old_database import TRIP, VERSION_3
from travio_inventory.protocol.batches import Kind, Partition, RowKey, Table
from travio_inventory.protocol.plain_tables import PlainTable
from travio_inventory.protocol.tables import TABLES
from travio_inventory.seats.hold import Confirmed, Held
from travio_inventory.seats.refusals import SeatUnavailable
from travio_inventory.store.sqlite import (
    DatabaseNotWritable,
    DatabaseTooNew,
    DatabaseTooOld,
    SqliteBatches,
    UnfitDatabase,
)
from travio_inventory.store.sqlite.migrations import MIGRATIONS, migrate
from verification.kit.asking import definition, open_trip
from verification.kit.sale import Market

NOBODY = 65_534
GROUP_0 = Partition(Table.SEAT_GROUPS, "org", "t1", 0)

Schema = dict[str, set[tuple[str, str, int, int]]]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database of version 3, as it was written, without a column that was declared later."""
    path = tmp_path / "inventory.db"
    shutil.copy(VERSION_3, path)
    with closing(sqlite3.connect(path)) as shell:
        shell.execute("ALTER TABLE seat_groups DROP COLUMN taken")
    return path


def schema_of(path: Path) -> Schema:
    """The columns of each table: name, type, not null, place in the key."""
    with closing(sqlite3.connect(path)) as shell:
        tables = [name for (name,) in shell.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {
            table: {(name, kind, required, key) for _, name, kind, required, _, key in columns}
            for table in tables
            for columns in [shell.execute(f"PRAGMA table_info({table})")]
        }


def traits_of(path: Path) -> tuple[list[str], int]:
    """Its indexes, and how it shrinks: 2 is in portions."""
    with closing(sqlite3.connect(path)) as shell:
        indexes = [text for (text,) in shell.execute("SELECT sql FROM sqlite_schema WHERE type = 'index' ORDER BY 1")]
        return indexes, shell.execute("PRAGMA auto_vacuum").fetchone()[0]


def dump_of(path: Path) -> Sequence[str]:
    """All that a database says."""
    with closing(sqlite3.connect(path)) as shell:
        return [*shell.iterdump(), str(shell.execute("PRAGMA user_version").fetchone())]


def run(path: Path, *statements: str) -> None:
    """Do what a SQLite shell does."""
    with closing(sqlite3.connect(path)) as shell:
        for statement in statements:
            shell.execute(statement)


def backups(folder: Path) -> list[Path]:
    """The copies that migrations made."""
    return sorted(folder.glob("inventory.db.*.backup"))


def allow(path: Path, mode: int) -> None:
    """The permissions of the path."""
    path.chmod(mode)


@contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    """As a user who may use only existing files of the folder. Root could write anything."""
    if os.geteuid():
        yield
        return
    os.chown(folder, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


# ---- forward


async def test_a_database_of_an_earlier_release_is_migrated_with_all_that_is_in_it(
    old: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = dump_of(old)
    async with SqliteBatches.open(old.parent) as store:
        holds = await store.read(GROUP_0, Kind.HOLD)
        assert {row["status"] for row in holds.values()} == {"held", "confirmed"}
        assert (await store.get(GROUP_0, [RowKey(Kind.CELL, "A2", 2)]))[RowKey(Kind.CELL, "A2", 2)]["status"] == "sold"
    (backup,) = backups(old.parent)
    assert dump_of(backup) == before
    assert [record.message for record in caplog.records if str(backup) in record.message]
    async with SqliteBatches.open(old.parent):
        assert backups(old.parent) == [backup], "a database that is up to date is not copied"


async def test_what_an_old_database_says_is_understood(tmp_path: Path) -> None:
    """Seats that were taken are taken, keys are bound, and what was sold can be given back."""
    shutil.copy(VERSION_3, tmp_path / "inventory.db")
    async with SqliteBatches.open(tmp_path) as store, Market(store) as market:
        sale = market.prepare(TRIP)
        assert await definition(sale.inventory, TRIP.key) == TRIP
        await open_trip(sale.inventory, TRIP)
        shown = {"A1": "held", "A2": "sold", "A4": "blocked", "A6": "held"}
        assert await sale.map() == {seat.id: shown.get(seat.id, "available") for seat in TRIP.seats}
        hold = await sale.hold("A1 A6", "A-C", key="k")
        booking = await sale.hold("A2", by="bob", key="k")
        assert isinstance(hold.state, Held)
        assert booking.state == Confirmed("order-1")
        with pytest.raises(SeatUnavailable):
            await sale.hold("A2", "B-C")
        assert await sale.holds() == [hold]
        assert [each.seats for each in await sale.holds("bob")] == [("A2",), ("A5",)]
        assert [(each.trip, each.seat_class, each.seats) for each in await sale.waits("bob")] == [
            (TRIP.key, "first", 2)
        ]
        await sale.release(hold)
        await sale.cancel(booking)
        assert (await sale.unblock("A4")).unblocked == 1
        await sale.assert_legal()
        assert set((await sale.map()).values()) == {"available"}


async def test_a_migrated_database_has_the_schema_of_a_new_one(old: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    for folder in (old.parent, new):
        async with SqliteBatches.open(folder):
            pass
    assert schema_of(old) == schema_of(new / "inventory.db")
    assert schema_of(old).keys() == {*TABLES, *PlainTable, "ends"}
    for table, declared in TABLES.items():
        ours = {"partition", "kind", "id", "segment", "ends_s"}
        assert {name for name, *_ in schema_of(old)[table]} == ours | declared.columns.keys()
    assert traits_of(old) == traits_of(new / "inventory.db") == (traits_of(old)[0], 2)


MORE = (*MIGRATIONS, ("CREATE TABLE more (x TEXT)", "INSERT INTO more SELECT id FROM trips"), ("DROP TABLE listings",))
HALF = (*MIGRATIONS, ("CREATE TABLE more (x TEXT)", "DELETE FROM seat_groups"), ("DROP TABLE nowhere",))


def test_each_migration_is_run_once_and_in_order(old: Path) -> None:
    for times in range(2):
        with closing(sqlite3.connect(old, isolation_level=None)) as connection:
            assert (migrate(connection, old, MORE) is None) == bool(times)
            assert connection.execute("PRAGMA user_version").fetchone() == (10,)
    assert schema_of(old).keys() == {*TABLES, "index_entries", "ends", "more"}
    new = old.with_name("new.db")
    with closing(sqlite3.connect(new, isolation_level=None)) as connection:
        assert migrate(connection, new, MORE) is None
    assert schema_of(new) == schema_of(old)


def test_a_migration_that_fails_changes_nothing(old: Path) -> None:
    before = dump_of(old)
    with (
        closing(sqlite3.connect(old, isolation_level=None)) as connection,
        pytest.raises(sqlite3.OperationalError, match="nowhere"),
    ):
        migrate(connection, old, HALF)
    assert dump_of(old) == before
    assert [dump_of(backup) for backup in backups(old.parent)] == [before]


# ---- what is unfit


@pytest.mark.parametrize(
    ("statements", "refused", "said"),
    [
        (["PRAGMA user_version = 1"], DatabaseTooOld, "version 1, from which no release migrates: move it away"),
        (["PRAGMA user_version = 2"], DatabaseTooOld, "version 2, from which no release migrates: move it away"),
        (["PRAGMA user_version = 0"], DatabaseTooOld, "version 0, from which no release migrates: move it away"),
        (["PRAGMA user_version = 99"], DatabaseTooNew, "version 99, this release knows up to version 8; use that"),
        (
            ["ALTER TABLE ledgers ADD COLUMN colour TEXT"],
            DatabaseTooNew,
            r"does not know \(ledgers.colour\), .*; use that",
        ),
    ],
)
async def test_what_no_migration_leads_from_is_refused_in_one_line_and_left_alone(
    old: Path, statements: list[str], refused: type[UnfitDatabase], said: str
) -> None:
    run(old, *statements)
    before = dump_of(old)
    for _ in range(2):
        with pytest.raises(refused, match=said) as failure:
            await SqliteBatches.open(old.parent).__aenter__()
        assert "\n" not in str(failure.value)
    assert dump_of(old) == before
    assert not backups(old.parent)


async def test_a_database_that_somebody_else_has_put_back_is_not_opened() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(VERSION_3, folder / "inventory.db")
        allow(folder / "inventory.db", 0o444)
        with as_nobody(folder), pytest.raises(DatabaseNotWritable, match=r"readonly database; .*chown") as failure:
            await SqliteBatches.open(folder).__aenter__()
        assert "\n" not in str(failure.value)


async def test_a_folder_that_cannot_be_written_to_is_not_opened() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(VERSION_3, folder / "inventory.db")
        allow(folder, 0o555)
        with as_nobody(folder), pytest.raises(PermissionError, match="lock"):
            await SqliteBatches.open(folder).__aenter__()


async def test_a_database_that_cannot_be_copied_is_not_migrated(old: Path) -> None:
    before = dump_of(old)
    with files_of_at_most(4_096), pytest.raises(DatabaseNotWritable, match=str(old)):
        await SqliteBatches.open(old.parent).__aenter__()
    assert dump_of(old) == before
    async with SqliteBatches.open(old.parent):
        assert len(backups(old.parent)) == 1
    assert not [*old.parent.glob("*.part")]


async def test_a_disk_that_is_full_stops_the_start(old: Path) -> None:
    async with SqliteBatches.open(old.parent):
        pass
    with files_of_at_most(1_024), pytest.raises(DatabaseNotWritable):
        await SqliteBatches.open(old.parent).__aenter__()
    async with SqliteBatches.open(old.parent) as store:
        assert await store.read(GROUP_0, Kind.HOLD)
