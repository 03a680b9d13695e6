"""Copies of the embedded record: a backup beside the process that writes, and its restore into a folder of its own."""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from travio_inventory.store.sqlite.database import open_reader
from travio_inventory.store.sqlite.folder import locked_folder
from travio_inventory.store.sqlite.migrations import check

DATABASE = "inventory.db"
JOURNALS = ("-wal", "-shm", "-journal")
PAGES_AT_ONCE = 1_024
PAUSE_S = 0.005
"""Between two portions: the writer goes on meanwhile."""


class NoCopy(Exception):
    """Nothing was copied, or restored; the message is one line that says why."""


class Copied(NamedTuple):
    """A file, and how large it is."""

    path: Path
    size_bytes: int


def back_up(folder: Path, file: Path, *, told: Callable[[int, int], None] = lambda _left, _of: None) -> Copied:
    """Copy the record in the folder to a new file, as one moment saw it; the process that has the folder goes on. The
    file is on disk when this returns, whole or not there at all. `told` hears how many pages are left of how many.

    Raises NoCopy, UnfitDatabase.
    """
    source = folder / DATABASE
    if not source.exists():
        raise NoCopy(f"no database in {folder.absolute()}: name the service's folder in TRAVIO_DATA")
    try:
        if file.exists():
            raise NoCopy(f"{file} exists: name a new file")
        _back_up(source, file, told)
    except (OSError, sqlite3.Error) as failed:
        why = failed.strerror if isinstance(failed, OSError) else failed
        raise NoCopy(f"no backup in {file}: {why}") from failed
    return Copied(file, file.stat().st_size)


def _back_up(source: Path, file: Path, told: Callable[[int, int], None]) -> None:
    """Raises OSError, sqlite3.Error, UnfitDatabase, NoCopy; then no part of it is there."""
    part = file.with_name(f"{file.name}.part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))  # it names passengers
        with closing(open_reader(source)) as reading, closing(sqlite3.connect(part, isolation_level=None)) as writing:
            check(reading, source)
            reading.execute("BEGIN")  # else each commit of the writer would begin the copy again
            reading.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            progress = _Progress(told)
            reading.backup(writing, pages=PAGES_AT_ONCE, progress=progress, sleep=PAUSE_S)
            writing.execute("PRAGMA journal_mode = DELETE")
        _check_whole(part)
        _sync(part)
        part.rename(file)
        _sync(file.absolute().parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def restore(file: Path, folder: Path, *, replace: bool = False) -> Path | None:
    """Make the backup the record of the folder, which no process may have; on disk when this returns. With `replace` a
    record that is there is kept beside it: returns where, None if there was none.

    Raises NoCopy, UnfitDatabase, DataFolderInUse, OSError.
    """
    _check_readable(file)
    _check_whole(file)
    if _journal(file, "-wal").exists():
        raise NoCopy(f"{file} is in use, with a part of it in {file.name}-wal: `travio-inventory backup` copies it")
    with locked_folder(folder):
        path, part = folder / DATABASE, folder / f"{DATABASE}.restore.part"
        if path.exists() and not replace:
            raise NoCopy(f"{path.absolute()} exists: --replace puts it aside, under another name")
        try:
            _copy(file, part)
        except OSError as failed:
            part.unlink(missing_ok=True)
            raise NoCopy(f"{folder.absolute()} has no room for it, or cannot be written: {failed.strerror}") from failed
        aside = _put_aside(path)
        part.rename(path)
        _sync(folder)
    return aside


def _put_aside(path: Path) -> Path | None:
    """What is there, whole with what its journal has, under another name; None if there is nothing. A journal whose
    database is gone goes too: SQLite would write what it has into the next one.
    """
    ending = f".{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.replaced"
    is_there = path.exists()
    if is_there:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("PRAGMA journal_mode = DELETE")
    for each in (path, *(_journal(path, kind) for kind in JOURNALS)):
        if each.exists():
            each.rename(f"{each}{ending}")
    return path.with_name(f"{path.name}{ending}") if is_there else None


def _journal(path: Path, kind: str) -> Path:
    """The file beside a database in which SQLite has a part of it."""
    return path.with_name(path.name + kind)


def _copy(file: Path, part: Path) -> None:
    """Raises OSError."""
    part.unlink(missing_ok=True)
    target = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with file.open("rb") as source, os.fdopen(target, "wb") as copy:
        while portion := source.read(1 << 20):
            copy.write(portion)
        copy.flush()
        os.fsync(copy.fileno())


def _check_readable(file: Path) -> None:
    """Raises NoCopy."""
    try:
        file.open("rb").close()
    except FileNotFoundError:
        raise NoCopy(f"there is no file {file}") from None
    except OSError as failed:
        raise NoCopy(f"{file} cannot be read: {failed.strerror}") from failed


def _check_whole(file: Path) -> None:
    """Raises NoCopy for a file that is damaged or no record of ours, UnfitDatabase for one of another release."""
    try:
        with closing(open_reader(file)) as connection:
            (said,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            if said != "ok":
                raise NoCopy(f"{file} is damaged: {said}")
            if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'seat_groups'").fetchone() is None:
                raise NoCopy(f"{file} is no backup of an inventory")
            check(connection, file)
    except sqlite3.DatabaseError as failed:
        raise NoCopy(f"{file} is no backup of an inventory: {failed}") from failed


class _Progress:
    """Tells how far a copy is, ten times a second at most."""

    def __init__(self, told: Callable[[int, int], None]) -> None:
        self._told = told
        self._next_s = 0.0

    def __call__(self, _status: int, left: int, of: int) -> None:
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + 0.1
            self._told(left, of)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
