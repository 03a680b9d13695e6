"""The database file: its tables, and how a connection is opened."""

import sqlite3
from pathlib import Path

from travio_inventory.store.batches import INTEGER_COLUMNS, TEXT_COLUMNS

SCHEMA_VERSION = 1
STATEMENTS_CACHED = 256
_WRITER_CACHE_KIB = 65_536
_WAL_LEFT_BYTES_MAX = 64 * 1024 * 1024

_COLUMNS = ", ".join([*(f"{name} TEXT" for name in TEXT_COLUMNS), *(f"{name} INTEGER" for name in INTEGER_COLUMNS)])
_SCHEMA = f"""
BEGIN;
CREATE TABLE rows (
    partition TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, segment INTEGER NOT NULL, {_COLUMNS},
    PRIMARY KEY (partition, kind, id, segment)
) WITHOUT ROWID;
CREATE TABLE hints (
    index_name TEXT NOT NULL, bucket TEXT NOT NULL, entry TEXT NOT NULL,
    PRIMARY KEY (index_name, bucket, entry)
) WITHOUT ROWID;
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""


class DatabaseTooNew(Exception):
    """A later release wrote the database; this one could only spoil it."""

    def __init__(self, path: Path, version: int) -> None:
        super().__init__(f"{path} has schema version {version}, this release knows up to {SCHEMA_VERSION}")


def open_writer(path: Path) -> sqlite3.Connection:
    """The one connection that writes; creates the database. A commit is on disk when it returns.
    Raises DatabaseTooNew.
    """
    connection = _connect(path)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise DatabaseTooNew(path, version)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KIB}")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_LEFT_BYTES_MAX}")
        if version == 0:
            connection.executescript(_SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that sees what is committed when its statement begins, and never waits for the writer."""
    connection = _connect(path)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    """No implicit transactions, and no wait for a lock: it would stop the event loop."""
    return sqlite3.connect(
        path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS_CACHED
    )
