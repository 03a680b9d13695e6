"""Appends events to a file, one JSON object per line, on disk before they count as published."""

import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from anyio import to_thread

from travio_inventory.events.shapes.native import line_of
from travio_inventory.kernel.events import Event, SinkDown

CHUNK_BYTES = 65_536


class JsonLines:
    """Sink. Keeps the file open, created if needed, from the first event on; one process at a time.

    A line cut short by a crash or a full disk is removed before the next is written: its event was never published and
    comes again. If the file was moved away, for example by log rotation, a new one is created.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._one_at_a_time = Lock()

    async def publish(self, events: Sequence[Event]) -> None:
        """Append the events and wait until they are on disk. Raises SinkDown."""
        if not events:
            return
        lines = "".join(f"{line_of(event)}\n" for event in events).encode()
        try:
            await to_thread.run_sync(self._append, lines)
        except OSError as failed:
            raise SinkDown(f"{self._path}: {failed.strerror or failed}") from failed

    def check(self) -> None:
        """Raises OSError if events cannot be appended; creates the file if needed, and writes nothing."""
        os.close(self._descriptor())

    def close(self) -> None:
        """Close the file; publishing again opens it again."""
        with self._one_at_a_time:
            self._close()

    def _append(self, lines: bytes) -> None:
        with self._one_at_a_time:
            try:
                file = self._open()
                left = memoryview(lines)
                while left:
                    left = left[os.write(file, left) :]
                os.fsync(file)
            except OSError:
                self._close()  # leftovers are removed when the file is opened again
                raise

    def _open(self) -> int:
        """The file at our path, ending in a whole line."""
        if self._file is not None and not self._is_at_path(self._file):
            self._close()
        if self._file is None:
            self._file = self._descriptor()
            os.ftruncate(self._file, _whole_lines_end(self._file))
            _sync_folder(self._path.parent)
        return self._file

    def _descriptor(self) -> int:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _is_at_path(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), self._path.stat())
        except FileNotFoundError:
            return False

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _whole_lines_end(file: int) -> int:
    """Where the last whole line of the file ends."""
    end = os.fstat(file).st_size
    while end:
        start = max(end - CHUNK_BYTES, 0)
        line_end = os.pread(file, end - start, start).rfind(b"\n")
        if line_end >= 0:
            return start + line_end + 1
        end = start
    return 0


def _sync_folder(folder: Path) -> None:
    """Make a new file's name as durable as its content."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
