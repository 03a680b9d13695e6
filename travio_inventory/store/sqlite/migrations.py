"""Brings a database to this release's schema, one step after the other, all of them or none."""

import os
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from travio_inventory.protocol.batches import INTEGER_COLUMNS, TEXT_COLUMNS

VERSION_BEFORE_MIGRATIONS = 1
"""Written by a release whose tables are not those that the first migration makes."""

# Each takes the database one version further; the first makes it. A migration that was released never changes. Columns
# of `rows` need none: those that are declared and not there are added, whatever the version is.
MIGRATIONS: Sequence[Sequence[str]] = (
    (
        """CREATE TABLE rows (
            partition TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, segment INTEGER NOT NULL,
            PRIMARY KEY (partition, kind, id, segment)
        ) WITHOUT ROWID""",
        """CREATE TABLE hints (
            index_name TEXT NOT NULL, bucket TEXT NOT NULL, entry TEXT NOT NULL,
            PRIMARY KEY (index_name, bucket, entry)
        ) WITHOUT ROWID""",
    ),
)

_KEY = ("partition", "kind", "id", "segment")
_COLUMNS = dict.fromkeys(TEXT_COLUMNS, "TEXT") | dict.fromkeys(INTEGER_COLUMNS, "INTEGER")


class UnfitDatabase(Exception):
    """The database is not one that this release can write to; the message is one line that says what to do."""


class DatabaseTooNew(UnfitDatabase):
    """A later release wrote the database; this one could only spoil it."""


class DatabaseTooOld(UnfitDatabase):
    """No migration leads from the database to this release's schema."""


class DatabaseNotWritable(UnfitDatabase):
    """The database, or what SQLite keeps beside it, cannot be written to."""

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
    is_behind = before < newest or bool(_missing(connection))
    backup = _back_up(connection, path) if before and is_behind else None
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in (statement for migration in migrations[done:] for statement in migration):
            connection.execute(statement)
        for column, kind in _missing(connection):
            connection.execute(f"ALTER TABLE rows ADD COLUMN {column} {kind}")
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
    if version == VERSION_BEFORE_MIGRATIONS or (version == 0 and has_tables):
        raise DatabaseTooOld(
            f"{path} has schema version {version}, from which no release migrates: move it away to begin with an empty "
            "one, or go on with the release that wrote it"
        )
    unknown = sorted(_columns(connection) - {*_KEY, *_COLUMNS})
    if version > newest or unknown:
        has = f"columns that this release does not know ({', '.join(unknown)})" if unknown else f"version {version}"
        raise DatabaseTooNew(
            f"{path} was written by a later release: its schema has {has}, this release knows up to version {newest}; "
            "use that release, or put back the backup that it made"
        )


def _version(connection: sqlite3.Connection) -> int:
    """0 where there is no database yet."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _missing(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """The declared columns that `rows` lacks, each with its type."""
    present = _columns(connection)
    return [(name, kind) for name, kind in _COLUMNS.items() if name not in present]


def _columns(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM pragma_table_info('rows')")}


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
