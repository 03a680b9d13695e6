"""Does work in a separate process, whose reports arrive even if it is killed in the middle of one."""

import asyncio
import os
import signal
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any, NoReturn, TypeAlias

LIFE_S_MAX = 400

Say: TypeAlias = Callable[[object], None]
Work: TypeAlias = Callable[[Say], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Failed:
    """The process failed."""

    trace: str


@dataclass(frozen=True)
class Life:
    """All that a process reported, and how it ended: its exit status, negative for the signal that killed it."""

    said: list[object]
    status: int

    @property
    def was_killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return self.status == -signal.SIGKILL


def kill_myself() -> None:
    """Kill this process with SIGKILL; nothing of it happens afterwards."""
    os.kill(os.getpid(), signal.SIGKILL)


def live(work: Work) -> Life:
    """Fork a process that does the work, and return when it has ended, after LIFE_S_MAX at the latest.

    To be called where no thread was ever started.
    """
    ear, mouth = Pipe(duplex=False)
    pid = os.fork()
    if not pid:
        ear.close()
        _live(work, mouth)
    mouth.close()
    with ear:
        said = list(_heard(ear, pid))
    _, status = os.waitpid(pid, 0)
    return Life(said, os.waitstatus_to_exitcode(status))


def _live(work: Work, mouth: Connection) -> NoReturn:
    status = 1
    try:
        asyncio.run(work(mouth.send))
        status = 0
    except BaseException:  # noqa: BLE001 - whatever it is, this process must not return into its parent's code
        with suppress(BaseException):
            mouth.send(Failed(traceback.format_exc()))
    finally:
        os._exit(status)


def _heard(ear: Connection, pid: int) -> Iterator[object]:
    until_s = monotonic() + LIFE_S_MAX
    with suppress(EOFError, OSError):  # OSError: killed in the middle of a report
        while ear.poll(max(0, until_s - monotonic())):
            yield ear.recv()
        os.kill(pid, signal.SIGTERM)
        yield Failed(f"it lived longer than {LIFE_S_MAX} s")
