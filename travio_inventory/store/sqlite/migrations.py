"""Brings a database to this release's schema, one step after the other, all of them or none."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from travio_inventory.protocol.columns import Type
from travio_inventory.protocol.tables import TABLES

VERSION_BEFORE_MIGRATIONS = 2
"""Written by a release whose tables are not those that the first migration makes."""

_CONDITIONAL = """CREATE TABLE {} (
    partition TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, segment INTEGER NOT NULL,
    PRIMARY KEY (partition, kind, id, segment)
) WITHOUT ROWID"""
_PLAIN = """CREATE TABLE {} (
    index_name TEXT NOT NULL, bucket TEXT NOT NULL, entry TEXT NOT NULL,
    PRIMARY KEY (index_name, bucket, entry)
) WITHOUT ROWID"""

_TABLES = ("seat_groups", "ledgers", "trips", "waitlists", "cursors")
_PLAIN_TABLES = ("index_entries", "listings")
_END = "ALTER TABLE {} ADD COLUMN ends_s REAL"
_ENDS = (
    "CREATE TABLE ends (ends_s REAL NOT NULL, of_table TEXT NOT NULL, keys TEXT NOT NULL)",
    "CREATE INDEX ends_in_order ON ends (ends_s)",
)

# Each takes the database one version further; the first makes it. A migration that was released never changes, and a
# table that is declared later has one. Columns need none: those that are declared and not there are added, whatever the
# version is.
MIGRATIONS: Sequence[Sequence[str]] = (
    (*map(_CONDITIONAL.format, _TABLES), *map(_PLAIN.format, _PLAIN_TABLES)),
    (*map(_END.format, (*_TABLES, *_PLAIN_TABLES)), *_ENDS),
    (_CONDITIONAL.format("seat_plans"), _END.format("seat_plans")),
    (_CONDITIONAL.format("inbox"), _END.format("inbox")),
    (*map(_CONDITIONAL.format, ("stock", "warehouses")), *map(_END.format, ("stock", "warehouses"))),
    (_CONDITIONAL.format("dead_letters"), _END.format("dead_letters")),
)

_OURS = frozenset({"partition", "kind", "id", "segment", "ends_s"})
_AFFINITY = {Type.TEXT: "TEXT", Type.BIGINT: "INTEGER"}


class UnfitDatabase(Exception):
    """This release cannot write to the database; the message is one line that says what to do."""


class DatabaseTooNew(UnfitDatabase):
    """A later release wrote the database; this one could only damage it."""


class DatabaseTooOld(UnfitDatabase):
    """No migration leads from the database to this release's schema."""


class DatabaseNotWritable(UnfitDatabase):
    """The database, or one of SQLite's files beside it, is not writable."""

    def __init__(self, path: Path, error: Exception) -> None:
        me = f"user {os.geteuid()}"
        super().__init__(
            f"{path} cannot be written to by {me}: {error}; see that the disk has room, and that the folder and all in "
            f"it is {me}'s (chown)"
        )


def migrate(
    connection: sqlite3.Connection, path: Path, migrations: Sequence[Sequence[str]] = MIGRATIONS
) -> Path | None:
    """Bring the database to this release's schema; where it had another one, it is copied to a file beside it before.
    That file, or None where nothing was to be changed.

    The version is written in any case, so that a database that cannot be written to is found now. Raises sqlite3.Error
    and OSError; then the database is as it was.
    """
    before, newest = _version(connection), VERSION_BEFORE_MIGRATIONS + len(migrations)
    done = max(before - VERSION_BEFORE_MIGRATIONS, 0)
    is_behind = before < newest or any(_missing(connection))
    backup = _back_up(connection, path) if before and is_behind else None
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in (statement for migration in migrations[done:] for statement in migration):
            connection.execute(statement)
        for column in list(_missing(connection)):
            connection.execute(f"ALTER TABLE {column.table} ADD COLUMN {column.name} {column.affinity}")
        connection.execute(f"PRAGMA user_version = {newest}")
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return backup


def check(connection: sqlite3.Connection, path: Path, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Raises DatabaseTooOld or DatabaseTooNew."""
    version, newest = _version(connection), VERSION_BEFORE_MIGRATIONS + len(migrations)
    has_tables = connection.execute("SELECT 1 FROM sqlite_schema").fetchone() is not None
    if version <= VERSION_BEFORE_MIGRATIONS and has_tables:
        raise DatabaseTooOld(
            f"{path} has schema version {version}, from which no release migrates: move it away to begin with an empty "
            "one, or go on with the release that wrote it"
        )
    unknown = sorted(_unknown(connection))
    if version > newest or unknown:
        has = f"columns that this release does not know ({', '.join(unknown)})" if unknown else f"version {version}"
        raise DatabaseTooNew(
            f"{path} was written by a later release: its schema has {has}, this release knows up to version {newest}; "
            "use that release, or put back the backup that it made"
        )


def is_of_this_release(connection: sqlite3.Connection) -> bool:
    """Whether nothing of the database is to be migrated."""
    newest = VERSION_BEFORE_MIGRATIONS + len(MIGRATIONS)
    return _version(connection) == newest and not any(_missing(connection))


def _version(connection: sqlite3.Connection) -> int:
    """0 where there is no database yet."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


class _Missing(NamedTuple):
    table: str
    name: str
    affinity: str


def _missing(connection: sqlite3.Connection) -> Iterator[_Missing]:
    """The declared columns that the tables lack."""
    for table, declared in TABLES.items():
        present = _columns(connection, table)
        for name, kind in declared.columns.items():
            if name not in present:
                yield _Missing(table, name, _AFFINITY[kind])


def _unknown(connection: sqlite3.Connection) -> Iterator[str]:
    """The columns of the tables that nobody has declared."""
    for table, declared in TABLES.items():
        for name in _columns(connection, table) - _OURS - declared.columns.keys():
            yield f"{table}.{name}"


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}


def _back_up(connection: sqlite3.Connection, path: Path) -> Path:
    """A copy of the database beside it, on disk when this returns."""
    backup = path.with_name(f"{path.name}.{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.backup")
    part = path.with_name(f"{path.name}.backup.part")  # of one that was cut short, at most
    part.unlink(missing_ok=True)
    connection.execute("VACUUM INTO ?", (str(part),))
    _sync(part)
    part.rename(backup)
    _sync(path.parent)
    return backup


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
