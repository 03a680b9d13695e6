"""The database file, and how a connection to it is opened."""

import logging
import os
import sqlite3
from pathlib import Path

from travio_inventory.store.sqlite.migrations import DatabaseNotWritable, check, migrate

STATEMENTS_CACHED = 256
_INCREMENTAL = 2
_WRITER_CACHE_KIB = 65_536
_WAL_LEFT_BYTES_MAX = 64 * 1024 * 1024

_log = logging.getLogger(__name__)


def open_writer(path: Path) -> sqlite3.Connection:
    """The one connection that writes; creates the database, or brings it to this release's schema. A commit is on disk
    when it returns. Raises UnfitDatabase.
    """
    _make_private(path)
    connection = _connect(path)
    try:
        check(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KIB}")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_LEFT_BYTES_MAX}")
        backup = migrate(connection, path)
        _let_it_shrink(connection, path)
    except (OSError, sqlite3.OperationalError) as error:
        connection.close()
        raise DatabaseNotWritable(path, error) from error
    except BaseException:
        connection.close()
        raise
    if backup is not None:
        _log.warning("%s was migrated to the schema of this release; the copy from before is %s", path, backup)
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that sees what is committed when its statement begins, and never waits for the writer."""
    connection = _connect(path)
    connection.execute("PRAGMA query_only = ON")
    return connection


def open_guest(path: Path, *, wait_s_max: float) -> sqlite3.Connection:
    """A connection that writes beside the one that is the writer's, and waits for it. A commit is on disk when it
    returns.
    """
    connection = sqlite3.connect(path, timeout=wait_s_max, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _make_private(path: Path) -> None:
    """A new file is its owner's alone, for it names passengers; SQLite gives the files beside it the same mode. Raises
    DatabaseNotWritable.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise DatabaseNotWritable(path, error) from error


def _let_it_shrink(connection: sqlite3.Connection, path: Path) -> None:
    """A file that cannot give back empty pages, because it is new or of an earlier release, is written anew, once.
    Without the room for that it is served as it is, and the next start tries again.
    """
    if connection.execute("PRAGMA auto_vacuum").fetchone() != (_INCREMENTAL,):
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        try:
            connection.execute("VACUUM")
        except sqlite3.OperationalError as error:
            _log.warning(
                "%s cannot be written anew (%s), so it will not shrink when rows are forgotten: make room for its size "
                "in its folder and in that of temporary files (TMPDIR), and start again",
                path,
                error,
            )


def _connect(path: Path) -> sqlite3.Connection:
    """No implicit transactions, and no wait for a lock: it would stop the event loop."""
    return sqlite3.connect(
        path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS_CACHED
    )
