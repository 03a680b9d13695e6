"""How soon the event loop and the threads of a store pass the interpreter to each other."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

# A busy event loop lets go of the interpreter for a microsecond at every system call. A thread that waits for
# it is woken each time, comes too late, and begins its interval anew: with the default of 5 ms, the news of a
# commit was seen to take seconds.
SWITCH_INTERVAL_S = 0.000_02


@contextmanager
def switching_fast() -> Iterator[None]:
    """While the block lasts, threads of this process take turns at least so often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, SWITCH_INTERVAL_S))
    try:
        yield
    finally:
        sys.setswitchinterval(before)
