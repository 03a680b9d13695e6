"""The owner of a data folder, in its file `lock`: a lock for this machine, and signs of life for all others."""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

BEAT_S = 2.0
SILENT_BEATS = 3
"""After so many beats without a sign the holder counts as dead."""
END_S_MAX = 2.0
TEXT_BYTES_MAX = 1_000
_LOOK_EVERY_S = 0.1
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Holder(NamedTuple):
    """The process that has the folder. `machine` changes with each start of the machine."""

    pid: int
    host: str
    machine: str
    beat: int = 0


def ourselves() -> Holder:
    """This process."""
    host = socket.gethostname()
    return Holder(os.getpid(), host, _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else host)


def holder_of(path: Path) -> Holder | None:
    """The holder in the file; None if there is none, as after an orderly end. Raises OSError."""
    try:
        return Holder(**json.loads(path.read_bytes()[:TEXT_BYTES_MAX]))
    except (ValueError, TypeError):
        return None


def is_alive(path: Path, holder: Holder, *, beat_s: float = BEAT_S) -> bool:
    """Whether the holder, on another machine whose locks may not be visible here, gives a sign of life. Blocks until it
    does, or for SILENT_BEATS. Compares no clocks. Raises OSError.
    """
    until_s = time.monotonic() + SILENT_BEATS * beat_s
    while time.monotonic() < until_s:
        time.sleep(_LOOK_EVERY_S * beat_s)
        if holder_of(path) not in (holder, None):
            return True
    return False


@contextmanager
def signs_of_life(path: Path, holder: Holder, *, beat_s: float = BEAT_S) -> Iterator[None]:
    """Write the holder into the file, with a new beat at intervals, and remove it at the end. Raises OSError."""
    _write(path, holder)
    is_over = Event()
    beating = Thread(target=_beat, args=(path, holder, is_over, beat_s), daemon=True)
    beating.start()
    try:
        yield
    finally:
        is_over.set()
        beating.join(END_S_MAX)  # a disk that hangs does not delay the end


def _beat(path: Path, holder: Holder, is_over: Event, beat_s: float) -> None:
    beat = 0
    while not is_over.wait(beat_s):
        beat += 1
        with suppress(OSError):  # the next write may succeed
            _write(path, holder._replace(beat=beat))
    with suppress(OSError):
        _write(path, None)


def _write(path: Path, holder: Holder | None) -> None:
    """Written in one piece, and on its way to other machines when this returns."""
    text = json.dumps(holder._asdict()).encode() if holder else b""
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(file, text, 0)
        os.ftruncate(file, len(text))
        os.fsync(file)
    finally:
        os.close(file)
