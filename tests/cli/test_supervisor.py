"""The supervisor: which processes it may run, how it starts them again, and how all end."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from tests.typed import Type
from travio_inventory.cli.supervisor import PROCESSES_MAX, Supervisor, reserved_port
from verification.kit.child_process import ended
from verification.kit.service_process import ServiceProcess
from verification.kit.trips import trip_of

SECONDS_MAX = 60
PROCESS = [sys.executable, "-m", "tests.cli.patient_process"]
READY_LINE = re.compile(r"ready: \d+ processes on [\w.:]+ with pid ([\d, ]+); supervisor pid \d+")


def pids_in(line: str) -> list[int]:
    """The ids of the processes that a supervisor calls ready."""
    found = READY_LINE.fullmatch(line)
    assert found is not None, line
    return [int(pid) for pid in found[1].split(", ")]


class Supervised:
    """A supervisor at work, told by the test what signals it has got."""

    def __init__(self, signals: MemoryObjectSendStream[signal.Signals], caplog: pytest.LogCaptureFixture) -> None:
        self._signals = signals
        self._caplog = caplog
        self.ended = anyio.Event()
        self.status = -1

    async def run(self, supervisor: Supervisor, signals: MemoryObjectReceiveStream[signal.Signals]) -> None:
        """Run the supervisor to its end."""
        self.status = await supervisor.run(signals)
        self.ended.set()

    def tell(self, told: signal.Signals) -> None:
        """Give it a signal."""
        self._signals.send_nowait(told)

    def said(self, words: str) -> list[str]:
        """The lines with these words."""
        return [line for line in self._caplog.messages if words in line]

    async def pids(self, *, times: int = 1) -> list[int]:
        """Wait until all processes have been ready so often; their ids, the last time."""
        while len(ready := self.said("ready")) < times:  # noqa: ASYNC110 - a log tells no event loop
            await anyio.sleep(0.01)
        return pids_in(ready[-1])


@asynccontextmanager
async def supervised(
    caplog: pytest.LogCaptureFixture,
    *words: str,
    processes: int = 2,
    stop_seconds_max: float = SECONDS_MAX,
    silence_seconds_max: float | None = None,
) -> AsyncIterator[Supervised]:
    """A supervisor of patient processes, which the test ends; with `others-fail` all but one fail at once."""
    caplog.set_level("INFO")
    ours = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
    others = {**ours, "FAILS": "yes"} if "others-fail" in words else ours
    environments = [ours] + [others] * (processes - 1)
    telling, told = anyio.create_memory_object_stream[signal.Signals](10)
    bounds: dict[str, Any] = {"stop_seconds_max": stop_seconds_max, "silence_seconds_max": silence_seconds_max}
    made = Supervisor([*PROCESS, *words], environments, where="here:1", **bounds)
    with anyio.fail_after(SECONDS_MAX), telling, told, closing(made):
        async with anyio.create_task_group() as running:
            one = Supervised(telling, caplog)
            running.start_soon(one.run, made, told)
            yield one
            await one.ended.wait()


async def test_all_are_ready_and_all_end_at_the_first_signal(caplog: pytest.LogCaptureFixture) -> None:
    async with supervised(caplog, processes=3) as one:
        pids = await one.pids()
        assert len(set(pids)) == 3
        one.tell(signal.SIGTERM)
    assert one.status == 0
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_what_dies_is_started_again_and_the_others_stay(caplog: pytest.LogCaptureFixture) -> None:
    async with supervised(caplog) as one:
        first, second = await one.pids()
        os.kill(first, signal.SIGKILL)
        again, stayed = await one.pids(times=2)
        assert (again != first, stayed) == (True, second)
        one.tell(signal.SIGINT)
    assert one.status == 0
    assert one.said("ended") == ["a process ended by SIGKILL: another starts in 0.1 s"]


async def test_what_falls_silent_is_killed_and_started_again(caplog: pytest.LogCaptureFixture) -> None:
    """For longer than a process takes to end on a busy machine."""
    async with supervised(caplog, "falls-silent", processes=1, silence_seconds_max=4) as one:
        [hangs] = await one.pids()
        [again] = await one.pids(times=2)
        assert again != hangs
        one.tell(signal.SIGTERM)
    assert one.status == 0
    assert one.said("hangs")[0] == "killing a process that hangs: it said nothing for 4 s"
    assert one.said("ended")[0] == "a process ended by SIGKILL: another starts in 0.1 s"


async def test_what_keeps_dying_is_started_again_later_and_later(caplog: pytest.LogCaptureFixture) -> None:
    async with supervised(caplog, "others-fail") as one:
        while len(one.said("ended")) < 4:  # noqa: ASYNC110 - a log tells no event loop
            await anyio.sleep(0.01)
        one.tell(signal.SIGTERM)
    assert one.status == 0
    said = "a process ended with status 3: another starts in {} s"
    assert one.said("ended")[:4] == [said.format(pause) for pause in ("0.1", "0.2", "0.4", "0.8")]


async def test_if_the_first_process_cannot_start_the_supervisor_ends(caplog: pytest.LogCaptureFixture) -> None:
    async with supervised(caplog, "fails") as one:
        await one.ended.wait()
    assert one.status == 3
    assert caplog.messages == []


@pytest.mark.parametrize("told", [signal.SIGUSR1, signal.SIGHUP])
async def test_signals_for_the_processes_are_passed_on(caplog: pytest.LogCaptureFixture, told: signal.Signals) -> None:
    """These ones end at it."""
    async with supervised(caplog) as one:
        await one.pids()
        one.tell(told)
        while len(one.said(f"ended by {told.name}")) < 2:  # noqa: ASYNC110 - a log tells no event loop
            await anyio.sleep(0.01)
        await one.pids(times=2)
        one.tell(signal.SIGTERM)
    assert one.status == 0


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_all_at_once(caplog: pytest.LogCaptureFixture, told: signal.Signals) -> None:
    async with supervised(caplog, "hangs", stop_seconds_max=10 * SECONDS_MAX) as one:
        await one.pids()
        one.tell(signal.SIGTERM)
        one.tell(told)
    assert one.status == 128 + told


async def test_what_does_not_stop_in_time_is_killed(caplog: pytest.LogCaptureFixture) -> None:
    async with supervised(caplog, "hangs", stop_seconds_max=0.1) as one:
        await one.pids()
        one.tell(signal.SIGTERM)
    assert one.status == 1
    assert one.said("killing") == ["killing 2 processes that did not stop in 0.1 s"]


@pytest.mark.once
def test_processes_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    """Whoever still has the output open keeps it from ending."""
    program = (
        "import anyio, os, sys; from travio_inventory.cli.supervisor import *;"
        f"supervisor = Supervisor({PROCESS}, [os.environ] * 2, where='here', stop_seconds_max=60);"
        "set_up_logs(level='INFO', form='text', stream=sys.stdout);"
        "anyio.run(supervisor.run, anyio.create_memory_object_stream(1)[1])"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", program]
    with ended(subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)) as killed:
        assert killed.stdout is not None
        assert b"ready: 2 processes" in killed.stdout.readline()
        killed.kill()
        rest, _ = killed.communicate(timeout=SECONDS_MAX)
    assert rest == b""


@contextmanager
def serving_under_supervision(service: ServiceProcess, stop_seconds_max: float) -> Iterator[subprocess.Popen[bytes]]:
    """The service, ready, as a supervisor starts it; killed in the end if it still runs."""
    command = [sys.executable, "-m", "travio_inventory.cli.supervised", str(stop_seconds_max)]
    pipe = subprocess.PIPE
    with ended(subprocess.Popen(command, env=service.environment, stdin=pipe, stderr=pipe)) as process:
        assert process.stderr is not None
        assert b"TRAVIO_AUTH=off: " in process.stderr.readline()
        assert b"ready: " in process.stderr.readline()
        yield process


@pytest.fixture
def service(tmp_path: Path) -> ServiceProcess:
    """Settings for a service alone."""
    return ServiceProcess(tmp_path, TRAVIO_STORE="memory", TRAVIO_EVENTS="none")


async def test_a_supervised_process_heeds_its_supervisor_alone(service: ServiceProcess) -> None:
    """Ctrl-C and service managers signal it as well; a second signal would end it at once."""
    with serving_under_supervision(service, SECONDS_MAX) as process:
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        async with service.client() as client:
            await client.open_trip(trip_of("t", seats=1))
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.close()
        assert b"stopping: SIGTERM" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS_MAX) == 0
        assert b"stopping" not in process.stderr.read()


@pytest.mark.once
def test_a_supervised_process_that_takes_too_long_to_stop_ends_itself(service: ServiceProcess) -> None:
    with serving_under_supervision(service, 0.001) as process:
        process.communicate(timeout=SECONDS_MAX)
        assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("count", "variables", "said"),
    [
        ("0", {}, f"allowed is a whole number from 1 to {PROCESSES_MAX}"),
        (str(PROCESSES_MAX + 1), {}, f"allowed is a whole number from 1 to {PROCESSES_MAX}"),
        ("2", {}, "the embedded store allows one process: set SCYLLA_HOSTS"),
        ("2", {"TRAVIO_STORE": "memory"}, "the memory store allows one process: set SCYLLA_HOSTS"),
        ("2", {"SCYLLA_HOSTS": "db1"}, "set REDIS_ADDR, or TRAVIO_EDGE=absent"),
    ],
)
def test_settings_that_cannot_be_one_service_are_refused_in_one_line(
    typed: Type, count: str, variables: dict[str, str], said: str
) -> None:
    answer = typed("serve", "--workers", count, **variables)
    assert (answer.status, answer.out) == (2, "")
    (line,) = answer.err.splitlines()
    assert line.startswith(f"--workers {count}: ")
    assert said in line


def test_a_port_in_use_is_refused_in_one_line(typed: Type) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        shared = {"SCYLLA_HOSTS": "127.0.0.1:1", "TRAVIO_EDGE": "absent", "TRAVIO_GRPC_HOST": "127.0.0.1"}
        answer = typed("serve", "--workers", "2", GRPC_PORT=port, HTTP_PORT="off", METRICS_PORT="off", **shared)
    assert answer.status == 1
    (line,) = answer.err.splitlines()
    said = f"cannot start: cannot listen on 127.0.0.1:{port}: Address already in use: stop what listens there, or name "
    assert line.endswith(said + "another port in TRAVIO_GRPC_PORT")


def test_a_port_for_http_in_use_is_refused_too(typed: Type) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        shared = {"SCYLLA_HOSTS": "127.0.0.1:1", "TRAVIO_EDGE": "absent", "TRAVIO_HTTP_HOST": "127.0.0.1"}
        answer = typed(
            "serve", "--workers", "2", "--only", "http", HTTP_PORT=port, METRICS_PORT="off", TRAVIO_AUTH="off", **shared
        )
    assert answer.status == 1
    assert answer.err.endswith("stop what listens there, or name another port in TRAVIO_HTTP_PORT\n")


def test_a_reserved_port_of_every_address_is_that_of_ipv4_too() -> None:
    with reserved_port("::", 0) as port:
        with pytest.raises(OSError, match="in use"), socket.create_server(("127.0.0.1", port), backlog=1):
            pass
        with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, reuse_port=True):
            socket.create_connection(("127.0.0.1", port)).close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])  # noqa: S104 - nobody listens
def test_a_reserved_port_is_for_those_who_share_it(host: str) -> None:
    with reserved_port(host, 0) as port:
        assert port > 0
        with pytest.raises(OSError, match="in use"), socket.create_server(("127.0.0.1", port), backlog=1):
            pass
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            pass
        for _ in range(2):
            with socket.create_server(("127.0.0.1", port), reuse_port=True):
                socket.create_connection(("127.0.0.1", port)).close()
