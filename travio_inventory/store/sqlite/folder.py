"""The data folder: one process at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from travio_inventory.store.sqlite.lease import BEAT_S, Holder, holder_of, is_alive, ourselves, signs_of_life


class DataFolderInUse(Exception):
    """Another process has the data folder. `pid` is 0 if it has not written its name yet."""

    def __init__(self, folder: Path, holder: Holder | None, *, advice: str = "") -> None:
        who = f"process {holder.pid} of {holder.host}" if holder else "process (unknown)"
        super().__init__(f"data folder {folder.absolute()} is in use by {who}{advice}")
        self.folder = folder
        self.pid = holder.pid if holder else 0


@contextmanager
def locked_folder(folder: Path, *, beat_s: float = BEAT_S) -> Iterator[None]:
    """Take the folder, created if needed, for this process alone. Raises DataFolderInUse, OSError.

    The lock ends with the process, however that ends; the file `lock` stays. If it names a process of another machine,
    or of this one before its restart, the start spends a few seconds on checking whether that process lives.
    """
    _make(folder)
    path, us = folder / "lock", ourselves()
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataFolderInUse(folder, holder_of(path)) from None
        holder = holder_of(path)
        if holder is not None and holder.machine != us.machine and is_alive(path, holder, beat_s=beat_s):
            raise DataFolderInUse(folder, holder, advice=": it must be on a disk of one machine")
        with signs_of_life(path, us, beat_s=beat_s):
            yield
    finally:
        os.close(file)


def _make(folder: Path) -> None:
    """Make the folder and its missing parents, so that they survive a power loss."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in missing:
        parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
