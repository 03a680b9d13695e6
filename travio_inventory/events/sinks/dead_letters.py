"""Keeps what a webhook refused for good: a line for each event, on disk before the event counts as published."""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from anyio import to_thread

from travio_inventory.events.shapes.native import line_of
from travio_inventory.kernel.actor import ActorKind
from travio_inventory.kernel.events import Event, PublishFailed
from travio_inventory.kernel.json_text import encode

BYTES_MAX = 256 * 1024 * 1024
"""A full file has the sink wait: nothing is dropped for want of room."""
SUFFIX = ".jsonl"


class Letter(NamedTuple):
    """An event that was refused, when, with which status, and the beginning of the answer."""

    event: Event
    at_ms: int
    status: int
    answer: str

    @property
    def line(self) -> str:
        """As it is kept."""
        told = json.dumps({"at_ms": self.at_ms, "status": self.status, "answer": self.answer})
        return f'{told[:-1]},"event":{line_of(self.event)}}}\n'


def letter_of(line: str) -> Letter:
    """The letter as it was kept. Raises ValueError, KeyError or TypeError if it is none."""
    found: dict[str, Any] = json.loads(line)
    event = found["event"]
    event = Event(**(event | {"data": encode(event["data"]), "actor": ActorKind(event["actor"])}))
    return Letter(event, found["at_ms"], found["status"], found["answer"])


class DeadLetters:
    """The letters of one sink, in a file of their own."""

    def __init__(self, path: Path, *, bytes_max: int = BYTES_MAX) -> None:
        self._path = path
        self._bytes_max = bytes_max

    async def add(self, letter: Letter) -> None:
        """Keep it; it is on disk when this returns. Raises PublishFailed."""
        try:
            await to_thread.run_sync(self._append, letter.line.encode())
        except OSError as failed:
            raise PublishFailed(f"{self._path}: {failed.strerror or failed}") from failed

    def check(self) -> None:
        """Raises OSError if letters cannot be kept; creates the file if needed."""
        with self._locked():
            pass

    def read(self) -> list[str]:
        """The whole lines, none if there is no file. Raises OSError."""
        try:
            text = self._path.read_text(encoding="utf-8", errors="backslashreplace")
        except FileNotFoundError:
            return []
        return [line for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def replace(self, known: int, left: Sequence[str]) -> None:
        """Keep `left` in place of the first `known` lines; what was added meanwhile stays. Raises OSError."""
        with self._locked():
            new = self._path.with_suffix(".new")
            with new.open("w", encoding="utf-8") as file:
                file.write("".join([*left, *self.read()[known:]]))
                file.flush()
                os.fsync(file.fileno())
            new.rename(self._path)
            self._sync_folder()

    @contextmanager
    def one_sender(self) -> Iterator[None]:
        """Raises BlockingIOError while another process sends these letters again."""
        with self._path.with_suffix(".sending").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield

    def _append(self, line: bytes) -> None:
        with self._locked() as file:
            size = os.fstat(file).st_size
            if size + len(line) > self._bytes_max:
                raise OSError(f"full of dead letters, {size} bytes: send them again, or move the file away")
            if size and os.pread(file, 1, size - 1) != b"\n":
                os.write(file, b"\n")  # a line cut short by a crash: its event is not published, and comes again
            try:
                left = memoryview(line)
                while left:
                    left = left[os.write(file, left) :]
                os.fsync(file)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(file, size)
                raise
            if not size:
                self._sync_folder()

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """The file at our path, which nobody else appends to or replaces."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if self._is_ours(file):
                    yield file
                    return
            finally:
                os.close(file)

    def _is_ours(self, file: int) -> bool:
        """Whether it was not replaced before we had the lock."""
        try:
            return os.path.samestat(os.fstat(file), self._path.stat())
        except FileNotFoundError:
            return False

    def _sync_folder(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
