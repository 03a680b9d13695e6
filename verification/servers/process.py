"""A server as a child process that cannot outlive this one, however this one ends."""

import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

POLL_S = 0.05
LOG_TAIL_LINES = 30
STOP_S_MAX = 60

# The shell becomes the server and leaves a reader on our end of a pipe. When we are gone, however that came about, the
# kernel closes the pipe, and the reader kills the process group that it shares with the server. The signal that Linux
# can send when a parent dies would not do: it comes when the starting thread ends, which may be long before we do.
LEASH = 'exec 3<&0; (read -r line; kill -9 0) <&3 & exec "$@" </dev/null 3<&-'


class ServerFailedError(Exception):
    """A server did not start or did not obey; the message ends with the end of its log."""


class ServerProcess:
    """One server in a folder of its own, which is its working directory; its output is appended to `server.log`."""

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.folder = folder
        self.log = folder / "server.log"
        self._command = [*command]
        self._environment = {**os.environ, **(environment or {})}
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or start it again if it has ended. It need not answer yet when this returns."""
        assert not self.runs, f"{self.name} runs already"
        self.kill()
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                ["/bin/sh", "-c", LEASH, "sh", *self._command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=self._environment,
                start_new_session=True,
            )

    @property
    def runs(self) -> bool:
        """Whether it has been started and has not ended; a paused one runs."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """Its process id. Raises ServerFailedError if it does not run."""
        if self._child is None or not self.runs:
            raise ServerFailedError(f"{self.name} does not run\n{self.log_tail()}")
        return self._child.pid

    def pause(self) -> None:
        """SIGSTOP: connections stay open, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT: it continues."""
        os.kill(self.pid, signal.SIGCONT)

    def fill(self) -> None:
        """No file of it can grow from now on, as on a full disk, until it is started again."""
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (0, 0))

    def terminate(self) -> None:
        """SIGTERM: let it end by itself, within STOP_S_MAX seconds; after that, kill it."""
        if self._child is not None and self.runs:
            self._child.terminate()
            try:
                self._child.wait(STOP_S_MAX)
            finally:
                self.kill()

    def kill(self) -> None:
        """SIGKILL, to its reader too; when this returns, both are dead. Does nothing if it was never started."""
        if self._child is None:
            return
        with suppress(ProcessLookupError):
            # The kernel does not reuse an id that a process group has, and the reader was in the group until now.
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child = None

    def log_tail(self) -> str:
        """The end of its log, with the path of the whole."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([f"--- the end of {self.log}", *lines[-LOG_TAIL_LINES:]])


class OneProcess:
    """A server that is one process. Its data is kept until its folder goes, whatever happens to the process."""

    process: ServerProcess

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        self.process.terminate()

    def pause(self) -> None:
        """SIGSTOP: connections stay open, nothing answers."""
        self.process.pause()

    def resume(self) -> None:
        """SIGCONT."""
        self.process.resume()

    def fill(self) -> None:
        """Its disk is full, until it is started again."""
        self.process.fill()


def wait_until(ready: Callable[[], bool], what: str, servers: Sequence[ServerProcess], *, limit_s: float) -> None:
    """Return once `ready` says so. Raises ServerFailedError when a server ends meanwhile, or after the limit."""
    deadline = time.monotonic() + limit_s
    while not ready():
        logs = "\n".join(server.log_tail() for server in servers)
        for server in servers:
            if not server.runs:
                raise ServerFailedError(f"{server.name} ended by itself before {what}\n{logs}")
        if time.monotonic() > deadline:
            raise ServerFailedError(f"still not after {limit_s:g} s: {what}\n{logs}")
        time.sleep(POLL_S)
