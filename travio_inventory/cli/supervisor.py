"""Runs several processes of the service on one port: restarts those that die, stops all together, tells metrics."""

import asyncio
import logging
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import anyio
from anyio.abc import Process, TaskGroup, UNIXDatagramSocket

from travio_inventory.app import run
from travio_inventory.app.backends import StartFailed
from travio_inventory.app.listening import EVERY_ADDRESS, GRPC, HTTP, cannot_listen
from travio_inventory.app.metrics_listener import metrics_listening
from travio_inventory.app.serving import Face
from travio_inventory.kernel.addresses import Address
from travio_inventory.settings import MetricsSettings, Settings
from travio_inventory.settings.logs import WORKERS_MAX
from travio_inventory.telemetry.logs import set_up_logs
from travio_inventory.telemetry.notify import (
    ADDRESS_VARIABLE,
    OWNER_VARIABLE,
    READY,
    STOPPING,
    kept_alive,
    notify,
    silence_seconds_max,
)
from travio_inventory.telemetry.telling import ProcessTold, asked

log = logging.getLogger(__name__)

PROCESSES_MAX = WORKERS_MAX
PAUSE_SECONDS_MIN = 0.1
PAUSE_SECONDS_MAX = 5.0
LIVED_SECONDS = 10.0
"""After so long a life of a process, the back-off of its restarts begins anew."""
STOP_MARGIN_SECONDS = 10.0
EXIT_FAILED = 1
EXIT_WRONG = 2
EXIT_SIGNALLED = 128
METRICS_SOCKET_VARIABLE = "TRAVIO_METRICS_SOCKET"
STOPPED_STATUSES = (0, -signal.SIGTERM)
"""Exit status of a process that drained, and of one that was stopped before it served."""


def serve(settings: Settings, processes: int, *, only: Face | None = None) -> int:
    """Serve with so many processes, over gRPC and HTTP or `only` over one of them, until SIGTERM or SIGINT; then all
    drain. A second signal ends them at once. At SIGUSR1 each logs its figures, at SIGHUP
    each loads certificates and secrets that have changed.

    Returns an exit status: 0 if all drained; 128 + the second signal; EXIT_WRONG, with one line, for wrong input;
    EXIT_FAILED, or that of the first process if it never became ready.

    The kernel distributes connections among the processes (SO_REUSEPORT; on Linux evenly). The first process relays
    events, since events.jsonl has one writer; events of the others from the last moment of a stop are published after
    the next start. If the supervisor is killed, its processes drain and end. Metrics and health of all are told by the
    supervisor.
    """
    if wrong := why_not(settings, processes):
        sys.stderr.write(f"--workers {processes}: {wrong}\n")
        return EXIT_WRONG
    set_up_logs(level=settings.logs.level, form=settings.logs.format)
    with ExitStack() as stack:
        try:
            ports = [stack.enter_context(_reserved(place)) for place in _places(settings, only)]
        except StartFailed as failed:
            log.critical("cannot start: %s", failed)
            return EXIT_FAILED
        stop_seconds_max = 2 * settings.limits.drain_seconds + STOP_MARGIN_SECONDS
        options = ["--only", only] if only else []
        supervisor = Supervisor(
            [sys.executable, "-m", "travio_inventory.cli.supervised", str(stop_seconds_max), *options],
            [
                _environment(ports, number, is_sharing=number > 0 and settings.background.relay == "on")
                for number in range(processes)
            ],
            where=", ".join(map(str, ports)),
            stop_seconds_max=stop_seconds_max,
            silence_seconds_max=silence_seconds_max(),
        )
        try:
            return anyio.run(_until_told, stack.enter_context(closing(supervisor)), settings.metrics)
        except StartFailed as failed:
            log.critical("cannot start: %s", failed)
            return EXIT_FAILED


def why_not(settings: Settings, processes: int) -> str:
    """Why so many processes cannot be one service, and what to do; "" if they can."""
    if not 1 <= processes <= PROCESSES_MAX:
        return f"allowed is a whole number from 1 to {PROCESSES_MAX}"
    if settings.store.kind != "scylla":
        return f"the {settings.store.kind} store allows one process: set SCYLLA_HOSTS, or use --workers 1"
    if settings.edge.kind == "local":
        return "a local edge shows other processes' sales late: set REDIS_ADDR, or TRAVIO_EDGE=absent"
    if not hasattr(socket, "SO_REUSEPORT"):
        return "processes on this system cannot share a port: use --workers 1"
    return ""


class SharedPort(NamedTuple):
    """An address that all processes share; `named` is which of their servers listens there."""

    named: str
    address: Address

    def __str__(self) -> str:
        return f"{'HTTP at ' if self.named == HTTP else ''}{self.address}"


def _places(settings: Settings, only: Face | None) -> Iterator[SharedPort]:
    """Where the processes are to listen."""
    if only != "http":
        yield SharedPort(GRPC, Address(settings.server.host, settings.server.port))
    if only != "grpc" and settings.http.port != "off":
        yield SharedPort(HTTP, Address(settings.http.host, settings.http.port))


@contextmanager
def _reserved(place: SharedPort) -> Iterator[SharedPort]:
    """The place with the port that is reserved while the block lasts. Raises StartFailed."""
    host, port = place.address
    with ExitStack() as stack:
        try:
            port = stack.enter_context(reserved_port(host, port))
        except OSError as failed:
            raise StartFailed(cannot_listen(place.address, failed, named=place.named)) from failed
        yield SharedPort(place.named, Address(host, port))


@contextmanager
def reserved_port(host: str, port: int) -> Iterator[int]:
    """Reserve the port (0: any free one) for processes of this user that share it, while the block lasts.

    It is bound, but nobody listens on it here. Raises OSError.
    """
    with ExitStack() as bound:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in found:
            one = bound.enter_context(socket.socket(family, kind, protocol))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address[0] != EVERY_ADDRESS)
            one.bind((address[0], port, *address[2:]))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)  # would be for leftovers of ended connections
            port = one.getsockname()[1]
        yield port


def _environment(ports: Sequence[SharedPort], number: int, *, is_sharing: bool) -> dict[str, str]:
    """The environment of one process: this one's, with the shared ports. One that is sharing relays only to sinks to
    which several processes may.
    """
    shared = {f"TRAVIO_{named}_PORT": str(address.port) for named, address in ports}
    shared |= {f"TRAVIO_{named}_REUSE_PORT": "on" for named, _ in ports}
    shared |= {"TRAVIO_METRICS_PORT": "off", "TRAVIO_WORKER": str(number)}
    ours = {name: value for name, value in os.environ.items() if name != OWNER_VARIABLE}
    return {**ours, **shared, **({"TRAVIO_RELAY": "shared"} if is_sharing else {})}


async def _until_told(supervisor: "Supervisor", metrics: MetricsSettings) -> int:
    with anyio.open_signal_receiver(*run.OBEYED) as signals:
        async with kept_alive(), metrics_listening(metrics, supervisor.told):
            return await supervisor.run(signals)


class Supervisor:
    """Keeps one process of `command` running for each environment; close it at the end.

    A process reports that it is ready at NOTIFY_SOCKET (`telemetry/notify`), tells its figures at TRAVIO_METRICS_SOCKET
    (`telemetry/telling`), and must stop within `stop_seconds_max` after its standard input ends. Once ready, it is
    killed when it notifies of nothing for `silence_seconds_max`, if that is given.
    """

    def __init__(
        self,
        command: Sequence[str],
        environments: Sequence[Mapping[str, str]],
        *,
        where: str,
        stop_seconds_max: float,
        silence_seconds_max: float | None = None,
    ) -> None:
        self._command = command
        self._environments = environments
        self._where = where
        self._stop_seconds_max = stop_seconds_max
        self._silence_seconds_max = silence_seconds_max
        self._folder = tempfile.TemporaryDirectory(prefix="travio-")
        self._leash = _Leash()
        self._is_stopping = anyio.Event()
        self._processes: dict[int, Process] = {}
        self._ready: dict[int, int] = {}
        self._is_up = False
        self._status = 0

    def close(self) -> None:
        """Release all resources; processes that still run stop."""
        self._leash.close()
        self._folder.cleanup()

    async def told(self) -> Mapping[int, ProcessTold | None]:
        """What each process says of itself, by its number; None for one that does not answer, or does not run."""
        numbers = range(len(self._environments))
        return dict(
            zip(numbers, await asyncio.gather(*(asked(self._socket(number)) for number in numbers)), strict=True)
        )

    def _socket(self, number: int) -> Path:
        """Where the process tells its figures."""
        return Path(self._folder.name, f"{number}.metrics")

    async def run(self, signals: AsyncIterator[signal.Signals]) -> int:
        """Keep the processes running until the first signal, and kill them at the second; returns the exit status.
        Those that are ready get SIGUSR1 and SIGHUP too.

        The others start once the first is ready: if it cannot start, that is logged once and the supervisor ends.
        """
        async with anyio.create_task_group() as obeying:
            obeying.start_soon(self._obey, signals)
            async with anyio.create_task_group() as keeping:
                keeping.start_soon(self._keep, 0, keeping)
            obeying.cancel_scope.cancel()
        return self._status

    async def _obey(self, signals: AsyncIterator[signal.Signals]) -> None:
        log.info("stopping: %s", (await self._told_to_stop(signals)).name)
        notify(STOPPING)
        self._is_stopping.set()
        self._leash.let_go()
        with anyio.move_on_after(self._stop_seconds_max) as waiting:
            self._status = EXIT_SIGNALLED + await self._told_to_stop(signals)
        if waiting.cancelled_caught:
            self._status = EXIT_FAILED
            log.error("killing %d processes that did not stop in %g s", len(self._processes), self._stop_seconds_max)
        self._send(signal.SIGKILL, self._processes)

    async def _told_to_stop(self, signals: AsyncIterator[signal.Signals]) -> signal.Signals:
        """The next signal that is meant for the supervisor."""
        while (told := await anext(signals)) in run.WHILE_RUNNING:
            self._send(told, self._ready)
        return told

    def _send(self, told: signal.Signals, numbers: Iterable[int]) -> None:
        for number in numbers:
            with suppress(ProcessLookupError):
                self._processes[number].send_signal(told)

    async def _keep(self, number: int, keeping: TaskGroup) -> None:
        """Run one process after the other until the stop."""
        pause_s = PAUSE_SECONDS_MIN
        while not self._is_stopping.is_set():
            began_s = time.monotonic()
            try:
                status = await self._run_one(number, keeping)
            except OSError as failed:
                log.error("no process can be started: %s", failed)
                status = EXIT_FAILED
            if self._is_stopping.is_set():
                self._status = self._status or (0 if status in STOPPED_STATUSES else EXIT_FAILED)
            elif not self._is_up:
                self._status = max(status, EXIT_FAILED)
                return
            else:
                if time.monotonic() - began_s >= LIVED_SECONDS:
                    pause_s = PAUSE_SECONDS_MIN
                log.warning("a process ended %s: another starts in %g s", _in_words(status), pause_s)
                with anyio.move_on_after(pause_s):
                    await self._is_stopping.wait()
                pause_s = min(2 * pause_s, PAUSE_SECONDS_MAX)

    async def _run_one(self, number: int, keeping: TaskGroup) -> int:
        """Start a process and wait for its end; returns its status, as in subprocess."""
        address = str(Path(self._folder.name, str(number)))
        async with (
            await anyio.create_unix_datagram_socket(local_path=address) as notices,
            await anyio.open_process(
                self._command,
                env={
                    **self._environments[number],
                    ADDRESS_VARIABLE: address,
                    METRICS_SOCKET_VARIABLE: str(self._socket(number)),
                },
                stdin=self._leash.held,
                stdout=None,
                stderr=None,
            ) as process,
            anyio.create_task_group() as listening,
        ):
            self._processes[number] = process
            listening.start_soon(self._listen, number, notices, keeping)
            try:
                status = await process.wait()
            finally:
                del self._processes[number]
                self._ready.pop(number, None)
                listening.cancel_scope.cancel()
        return status

    async def _listen(self, number: int, notices: UNIXDatagramSocket, keeping: TaskGroup) -> None:
        while True:
            with anyio.move_on_after(self._silence_seconds_max if number in self._ready else None) as waiting:
                notice, _ = await notices.receive()
                if READY.encode() in notice.splitlines():
                    self._note_ready(number, keeping)
            if waiting.cancelled_caught:
                log.error("killing a process that hangs: it said nothing for %g s", self._silence_seconds_max)
                self._send(signal.SIGKILL, [number])
                return

    def _note_ready(self, number: int, keeping: TaskGroup) -> None:
        if number not in self._processes:
            return  # it has ended meanwhile
        self._ready[number] = self._processes[number].pid
        if not self._is_up:
            self._is_up = True
            for other in range(1, len(self._environments)):
                keeping.start_soon(self._keep, other, keeping)
        if len(self._ready) == len(self._environments):
            pids = ", ".join(str(pid) for _, pid in sorted(self._ready.items()))
            said = "ready: %d processes on %s with pid %s; supervisor pid %d"
            log.info(said, len(self._ready), self._where, pids, os.getpid())
            notify(READY)


class _Leash:
    """A pipe whose reading end is the processes' input: it ends when this process closes it or dies."""

    def __init__(self) -> None:
        self.held, self._letting_go = os.pipe()
        self._is_held = True

    def let_go(self) -> None:
        """End the input of all processes."""
        if self._is_held:
            self._is_held = False
            os.close(self._letting_go)

    def close(self) -> None:
        self.let_go()
        os.close(self.held)


def _in_words(status: int) -> str:
    return f"with status {status}" if status >= 0 else f"by {signal.Signals(-status).name}"
