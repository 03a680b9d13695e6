"""Starts a server of the bench's own on a free port and one core, waits until it answers, and stops it."""

import asyncio
import errno
import os
import re
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from types import TracebackType

from travio_inventory.bench import calls
from travio_inventory.bench.free_ports import free_port
from travio_inventory.bench.lean_channel import LeanChannel
from travio_inventory.telemetry.turns import LONGEST_TURN

SERVER_CORE = 0
CLIENT_CORE = 1
HOST = "127.0.0.1"
START_SECONDS_MAX = 60.0
"""Some hundred times what a start takes on an idle machine: a busy one must not be taken for a failure."""
STOP_SECONDS_MAX = 15.0
POLL_SECONDS = 0.005
FIGURES_SECONDS_MAX = 5.0
LOG_CHARS_SHOWN_MAX = 2_000
STARTS_MAX = 3
"""The last ones on other ports, if somebody took those that were free."""
PORT, HTTP_PORT = "{port}", "{http_port}"
TAKEN = os.strerror(errno.EADDRINUSE).lower()
"""What every server says that may not listen; some write it small."""

FOR_ANYBODY = {"TRAVIO_AUTH": "off"} | dict.fromkeys(
    (
        "TRAVIO_AUTH_ANONYMOUS",
        "TRAVIO_JWT_SECRET",
        "TRAVIO_JWT_JWKS_URL",
        "TRAVIO_JWT_ISSUER",
        "TRAVIO_JWT_AUDIENCE",
        "TRAVIO_MTLS_CA_FILE",
        "TRAVIO_MTLS_CALLERS",
    ),
    "",
)
"""What is measured is no authentication, whatever the environment says of it."""

_FIGURE = re.compile(r"([\w.]+) (\w+)=(\d+) p50")
_TURN = re.compile(rf"{LONGEST_TURN}=(\d+)")


class ServerFailed(Exception):
    """The server did not start, or did not stop as it should."""


class _PortTaken(ServerFailed):
    """Another process took the port after it was chosen."""


class OwnServer:
    """A process that serves gRPC while the block lasts, started by that command line."""

    def __init__(
        self, command: Sequence[str], environment: dict[str, str], *, wanted: int = 0, core: int | None = None
    ) -> None:
        """`{port}` in the words and the variables is the port: the wanted one if it is free."""
        self._command = command
        self._environment = environment
        self._core = core
        self._wanted, self._http_wanted = wanted, 0
        self._says_its_pid = False
        self._process: asyncio.subprocess.Process | None = None
        self.host = HOST
        self.port = free_port(wanted=wanted)
        self.http_port = 0
        self.folder = Path(tempfile.mkdtemp(prefix="travio-"))
        self.start_seconds = 0.0
        self._log_read_bytes = 0

    @classmethod
    def of_inventory(cls, *, wanted: int = 0, core: int | None = None, engine: str = "") -> "OwnServer":
        """The service itself; see `of_command`. What reads and writes HTTP/2 is `engine`, if one is named."""
        server = cls.of_command([sys.executable, "-m", "travio_inventory.cli", "serve"], wanted=wanted, core=core)
        server._says_its_pid = True
        server._environment |= FOR_ANYBODY | ({"TRAVIO_SERVER": engine} if engine else {})
        return server

    @classmethod
    def of_command(cls, command: Sequence[str], *, wanted: int = 0, core: int | None = None) -> "OwnServer":
        """What the command serves, at the port that the environment names, or `{port}` in its words: a release of this
        service has an empty data folder and no TLS; other settings come from the environment.
        """
        server = cls(command, {}, wanted=wanted, core=core)
        server._environment |= {
            "TRAVIO_LOG_LEVEL": "INFO",
            "TRAVIO_LOG_FORMAT": "text",
            "TRAVIO_GRPC_HOST": HOST,
            "TRAVIO_TLS_CERT": "",
            "TRAVIO_TLS_KEY": "",
            "TRAVIO_GRPC_PORT": PORT,
            "TRAVIO_HTTP_PORT": "off",
            "METRICS_PORT": "off",  # without the prefix: releases before it know no such setting
            "TRAVIO_DATA": str(server.folder / "data"),
        }
        return server

    def serve_http(self, wanted: int = 0) -> None:
        """Serve HTTP as well, on a free port: the wanted one if it is."""
        self._http_wanted = wanted
        self.http_port = free_port(wanted=wanted)
        self._environment |= {"TRAVIO_HTTP_HOST": HOST, "TRAVIO_HTTP_PORT": HTTP_PORT}

    def allow_watching_calls(self, count: int) -> None:
        """Let so many calls watch, unless the environment says how many may."""
        name = "TRAVIO_WATCHING_CALLS_MAX"
        self._environment |= {name: os.environ.get(name, str(count))}

    @classmethod
    def of_yardstick(cls, code: str, *, core: int | None = None) -> "OwnServer":
        """The no-op behind one of `noop_server.SERVERS`."""
        return cls([sys.executable, "-m", "travio_inventory.bench.noop_server", code, PORT], {}, core=core)

    @property
    def pid(self) -> int:
        """The process. Raises RuntimeError outside the block."""
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    async def ended(self) -> None:
        """Wait until the process ends by itself. Raises RuntimeError outside the block."""
        if self._process is None:
            raise RuntimeError("the server is not running")
        await self._process.wait()

    async def figures(self) -> Counter[str]:
        """What the service has counted since its start: calls by "what outcome". Raises ServerFailed."""
        said = await self._say_figures((self.folder / "server.log").stat().st_size)
        return Counter({f"{what} {outcome}": int(calls) for what, outcome, calls in _FIGURE.findall(said)})

    async def longest_turn_ms(self) -> float:
        """The longest turn of the service's event loop since this was last asked. Raises ServerFailed."""
        said = await self._say_figures(self._log_read_bytes)
        self._log_read_bytes += len(said)
        return max(map(int, _TURN.findall(said))) / 1_000

    async def _say_figures(self, start: int) -> str:
        """What is in the log from there on, up to the figures that the service says now."""
        log = self.folder / "server.log"
        before = log.stat().st_size
        os.kill(self.pid, signal.SIGUSR1)
        ends = perf_counter() + FIGURES_SECONDS_MAX
        while perf_counter() < ends:
            with log.open("rb") as lines:
                lines.seek(start)
                said = lines.read()
            if b"figures: " in said[before - start :] and said.endswith(b"\n"):
                return said.decode("ascii", "replace")
            await asyncio.sleep(POLL_SECONDS)
        raise ServerFailed("the service did not say its figures")

    async def __aenter__(self) -> "OwnServer":
        if not shutil.which(self._command[0]):
            shutil.rmtree(self.folder)
            raise ServerFailed(f"{self._command[0]}: there is no such command")
        try:
            for _ in range(STARTS_MAX - 1):
                try:
                    await self._start()
                except _PortTaken:
                    self._choose_ports()
                else:
                    return self
            await self._start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        return self

    def _choose_ports(self) -> None:
        """Others than those that somebody listens on by now."""
        self.port = free_port(wanted=self._wanted)
        if self.http_port:
            self.http_port = free_port(wanted=self._http_wanted)

    async def _start(self) -> None:
        """Raises ServerFailed."""
        began = perf_counter()
        with (self.folder / "server.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *map(self._with_ports, self._command),
                env={**os.environ, **{name: self._with_ports(said) for name, said in self._environment.items()}},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            if self._core is not None:
                pin(self._process.pid, self._core)
            await self._until_it_answers(self._process, began + START_SECONDS_MAX)
        except BaseException:
            await self._stop(self._process)
            raise
        self.start_seconds = perf_counter() - began

    def _with_ports(self, word: str) -> str:
        return word.replace(PORT, str(self.port)).replace(HTTP_PORT, str(self.http_port))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            await self._stop(self._process)
        shutil.rmtree(self.folder, ignore_errors=True)

    async def _until_it_answers(self, process: asyncio.subprocess.Process, ends: float) -> None:
        """Any gRPC answer will do: a trip that is not there is one. Raises ServerFailed."""
        while perf_counter() < ends and process.returncode is None:
            if await _answers(self.host, self.port) and await self._listens_for_http() and self._is_itself(process.pid):
                return
            await asyncio.sleep(POLL_SECONDS)
        said = self._log()[-LOG_CHARS_SHOWN_MAX:].strip()
        failed = _PortTaken if process.returncode is not None and TAKEN in said.lower() else ServerFailed
        raise failed(f"the server did not start: {said or 'it said nothing'}")

    def _is_itself(self, pid: int) -> bool:
        """Whether this process answered, and not another one that took the port meanwhile; the service's log tells."""
        return not self._says_its_pid or f"pid {pid}\n" in self._log()

    def _log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")

    async def _listens_for_http(self) -> bool:
        """Whether it does if it should."""
        if self.http_port:
            try:
                _, writer = await asyncio.open_connection(self.host, self.http_port)
            except OSError:
                return False
            writer.close()
        return True

    async def _stop(self, process: asyncio.subprocess.Process) -> None:
        """SIGTERM, and after a while SIGKILL."""
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS_MAX)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _answers(host: str, port: int) -> bool:
    try:
        channel = await LeanChannel.connect(host, port)
    except OSError:
        return False
    try:
        request = calls.write("GetTripRequest", trip_id="none", organization_id=calls.ORGANIZATION)
        await asyncio.wait_for(channel.call(calls.method("GetTrip"), request), START_SECONDS_MAX)
    except OSError:
        return False
    else:
        return True
    finally:
        channel.close()


def cores_apart() -> tuple[int | None, int | None]:
    """A core for the server and another for the bench; None if there are not two."""
    if not {SERVER_CORE, CLIENT_CORE} <= os.sched_getaffinity(0):
        return None, None
    return SERVER_CORE, CLIENT_CORE


def pin(pid: int, core: int) -> None:
    """Keep the process, and threads it starts from now on, on one core."""
    os.sched_setaffinity(pid, {core})
