"""Sets the time of day of the process that starts with this folder on its PYTHONPATH, while it runs.

Python imports this module by itself. libfaketime would do the same for any program, but the one that Debian has either
makes `time.sleep` fail or moves the monotonic clock as well, and so breaks every timer when the time is set back.
"""

import mmap
import os
import time
from pathlib import Path

OFFSET_BYTES = 8
VARIABLE = "CHAOS_CLOCK_FILE"
"""Names a file with the nanoseconds by which the clock is ahead, a signed integer, little-endian."""

_true_ns = time.time_ns


def _set_clock(path: Path) -> None:
    with path.open("rb") as file:
        offset = mmap.mmap(file.fileno(), OFFSET_BYTES, access=mmap.ACCESS_READ)

    def time_ns() -> int:
        return _true_ns() + int.from_bytes(offset[:OFFSET_BYTES], "little", signed=True)

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9


if VARIABLE in os.environ:
    _set_clock(Path(os.environ[VARIABLE]))
