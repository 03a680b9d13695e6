"""The data folder: one process at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DataFolderInUse(Exception):
    """Another process has the data folder. `pid` is 0 where it has not yet said who it is."""

    def __init__(self, folder: Path, pid: int) -> None:
        super().__init__(f"data folder {folder} is in use by process {pid or '(unknown)'}")
        self.folder = folder
        self.pid = pid


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Have the folder, made if need be, to ourselves. Raises DataFolderInUse.

    The lock goes with the process, however that ends; the file `lock` stays and means nothing by itself.
    """
    _make(folder)
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataFolderInUse(folder, int(os.read(file, 20) or 0)) from None
        os.ftruncate(file, 0)
        os.write(file, str(os.getpid()).encode())
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
