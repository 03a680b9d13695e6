"""The service as a process: it says that it is ready and where, ends when told, and logs what it was not asked."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from grpclib.client import Channel
from grpclib.health.v1.health_grpc import HealthStub

READY_SECONDS_MAX = 20
"""On a machine that does much else at once; `bench start` measures how long it takes on a quiet one."""

RUN = """
import sys
from travio_inventory.app.run import serve, work
from travio_inventory.settings import load_settings
sys.exit({}(load_settings()))
"""


@contextmanager
def process(folder: Path, role: str = "serve", **variables: str) -> Iterator[subprocess.Popen[str]]:
    """The service as a process of its own, killed in the end if need be."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("TRAVIO_")}
    own |= {"TRAVIO_DATA": str(folder / "data"), "TRAVIO_GRPC_HOST": "127.0.0.1", "GRPC_PORT": "0"}
    own |= {"TRAVIO_STORE": "embedded", "TRAVIO_EDGE": "local"} | variables
    command = [sys.executable, "-c", RUN.format(role)]
    with subprocess.Popen(command, env=own, stderr=subprocess.PIPE, text=True) as started:
        try:
            yield started
        finally:
            started.kill()


def line(service: subprocess.Popen[str]) -> str:
    """The next line it logs."""
    assert service.stderr is not None
    return service.stderr.readline()


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("role", ["serve", "work"])
def test_it_says_that_it_is_ready_and_ends_when_told(tmp_path: Path, told: signal.Signals, role: str) -> None:
    began = time.monotonic()
    with process(tmp_path, role) as service:
        ready = line(service)
        assert time.monotonic() - began < READY_SECONDS_MAX
        for part in (f"store embedded in {tmp_path / 'data'}", "edge local", f"pid {service.pid}"):
            assert part in ready
        assert ("127.0.0.1:" in ready) == (role == "serve")
        service.send_signal(told)
        assert told.name in line(service)
        assert "figures: " in line(service)
        assert service.wait(10) == 0


def test_it_starts_beside_a_service_of_kubernetes_that_has_the_name_of_a_setting(tmp_path: Path) -> None:
    with process(tmp_path, TRAVIO_GRPC_PORT="tcp://10.0.0.1:9083", TRAVIO_PORT="tcp://10.0.0.1:9083") as service:
        assert "TRAVIO_GRPC_PORT=tcp://10.0.0.1:9083 is not read: it describes another service" in line(service)
        assert "ready: 127.0.0.1:" in line(service)


@pytest.mark.parametrize(
    ("host", "shown", "reached"),
    [
        ("::", "[::]:", ("127.0.0.1", "::1")),
        ("[::]", "[::]:", ("127.0.0.1", "::1")),
        ("[::1]", "[::1]:", ("::1",)),
        ("0.0.0.0", "0.0.0.0:", ("127.0.0.1",)),  # noqa: S104 - for as long as the test
    ],
)
def test_it_listens_where_it_is_told_and_says_so_as_it_is_written(
    tmp_path: Path, host: str, shown: str, reached: tuple[str, ...]
) -> None:
    with process(tmp_path, TRAVIO_GRPC_HOST=host) as service:
        _, found, rest = line(service).partition(f"ready: {shown}")
        assert found
        for each in reached:
            socket.create_connection((each, int(rest.split(",")[0])), timeout=READY_SECONDS_MAX).close()


async def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """A call whose request never ends keeps the first one waiting."""
    with process(tmp_path) as service:
        port = int(line(service).split("127.0.0.1:")[1].split(",")[0])
        channel = Channel("127.0.0.1", port)
        async with HealthStub(channel).Check.open() as unfinished:
            await unfinished.send_request()
            await anyio.sleep(0.2)
            service.terminate()
            assert "stopping: SIGTERM" in await anyio.to_thread.run_sync(line, service)
            assert service.poll() is None
            service.terminate()
            assert await anyio.to_thread.run_sync(service.wait, 5) == -signal.SIGTERM
            channel.close()
            with suppress(Exception):
                await unfinished.cancel()


def test_a_second_process_says_in_one_line_whose_the_folder_is(tmp_path: Path) -> None:
    with process(tmp_path) as first, process(tmp_path) as second:
        lines = [line(first), line(second)]
        (refused,) = [said for said in lines if "cannot start" in said]
        loser, winner = (first, second) if refused is lines[0] else (second, first)
        assert f"in use by process {winner.pid}" in refused
        assert loser.wait(10) == 1
        assert line(loser) == ""


def test_json_lines_are_json_from_the_first_to_the_last(tmp_path: Path) -> None:
    with process(tmp_path, TRAVIO_LOG_FORMAT="json", SCYLLA_HOSTS="db1", TRAVIO_STORE="embedded") as service:
        said = [json.loads(line(service)) for _ in range(2)]
        service.terminate()
        assert service.stderr is not None
        said += [json.loads(rest) for rest in service.stderr]
    messages = [entry["message"] for entry in said]
    assert messages[0] == "SCYLLA_HOSTS=db1 is not used: TRAVIO_STORE=embedded"
    assert [message.split(":")[0] for message in messages[1:]] == ["ready", "stopping", "figures"]
