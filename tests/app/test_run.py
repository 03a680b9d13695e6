"""The service as a process: it reports that it is ready and where, ends when told, and logs."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from grpclib.client import Channel
from grpclib.health.v1.health_grpc import HealthStub
from grpclib.health.v1.health_pb2 import HealthCheckRequest

from travio_inventory.app.authentication import UNSAFE
from travio_inventory.app.backends import StartFailed
from travio_inventory.app.run import OTHER_FILES_MAX, loop_factory
from travio_inventory.bench.free_ports import free_port
from travio_inventory.settings import load_settings
from travio_inventory.telemetry.turns import TimedTurns
from verification.kit.service_process import EndedEarly, ServiceProcess, eventually, serving

READY_SECONDS_MAX = 200
"""On a busy machine; `bench start` measures the time on a quiet one."""
SAID_SECONDS_MAX = 60


@pytest.mark.parametrize(
    ("role", "told"),
    [
        ("serve", signal.SIGTERM),
        ("work", signal.SIGINT),
        pytest.param("serve", signal.SIGINT, marks=pytest.mark.once),
        pytest.param("work", signal.SIGTERM, marks=pytest.mark.once),
    ],
)
async def test_it_says_that_it_is_ready_and_ends_when_told(tmp_path: Path, role: str, told: signal.Signals) -> None:
    began = time.monotonic()
    async with serving(tmp_path, role) as service:
        assert time.monotonic() - began < READY_SECONDS_MAX
        *warnings, ready = service.log.splitlines()
        assert [UNSAFE in line for line in warnings] == [True] * (role == "serve")
        for part in (f"store embedded in {service.data}", "edge local", f"pid {service.pid}"):
            assert part in ready
        assert (f"ready: {service.target}," in ready) == (role == "serve")
        service.tell(told)
        assert await service.ended() == 0
        *_, stopping, figures = service.log.splitlines()
        assert told.name in stopping
        assert "figures: " in figures


@pytest.mark.once
async def test_it_starts_beside_a_service_of_kubernetes_that_has_the_name_of_a_setting(tmp_path: Path) -> None:
    address = "tcp://10.0.0.1:9083"
    async with serving(tmp_path, TRAVIO_GRPC_PORT=address, TRAVIO_PORT=address) as service:
        said, _, ready = service.log.splitlines()
        assert "TRAVIO_GRPC_PORT=tcp://10.0.0.1:9083 is ignored: it describes another service" in said
        assert f"ready: {service.target}," in ready


@pytest.mark.parametrize(
    ("host", "shown", "reached"),
    [
        ("::", "[::]:", ("127.0.0.1", "::1")),
        *(
            pytest.param(*where, marks=pytest.mark.once)
            for where in (
                ("[::]", "[::]:", ("127.0.0.1", "::1")),
                ("[::1]", "[::1]:", ("::1",)),
                ("0.0.0.0", "0.0.0.0:", ("127.0.0.1",)),  # noqa: S104 - only during the test
            )
        ),
    ],
)
async def test_it_listens_where_it_is_told_and_reports_the_address_as_it_was_given(
    tmp_path: Path, host: str, shown: str, reached: tuple[str, ...]
) -> None:
    async with serving(tmp_path, TRAVIO_GRPC_HOST=host) as service:
        assert f"ready: {shown}{service.port}," in service.log
        for each in reached:
            socket.create_connection((each, service.port), timeout=READY_SECONDS_MAX).close()


async def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """A call whose request never ends keeps the first one waiting."""
    async with serving(tmp_path) as service:

        async def is_stopping() -> bool:
            return "stopping: SIGTERM" in service.log

        channel = Channel("127.0.0.1", service.port)
        async with HealthStub(channel).Check.open() as unfinished:
            await unfinished.send_request()
            await HealthStub(channel).Check(HealthCheckRequest())  # behind it on the same connection
            service.tell(signal.SIGTERM)
            await eventually(is_stopping, within_s=SAID_SECONDS_MAX)
            assert service.is_running
            service.tell(signal.SIGTERM)
            assert await service.ended() == -signal.SIGTERM
            channel.close()
            with suppress(Exception):
                await unfinished.cancel()


@pytest.mark.once
async def test_a_second_process_says_in_one_line_who_uses_the_folder(tmp_path: Path) -> None:
    both = [ServiceProcess(tmp_path), ServiceProcess(tmp_path)]
    try:
        begun = await asyncio.gather(*(each.start() for each in both), return_exceptions=True)
        (refused,) = [each for each in begun if isinstance(each, EndedEarly)]
        loser, winner = both if begun[0] is refused else reversed(both)
        (line,) = str(refused).splitlines()
        in_use = f"cannot start: data folder {winner.data} is in use by process "
        assert f"{in_use}{winner.pid}" in line or f"{in_use}(unknown)" in line, "it may not have written its name yet"
        assert winner.is_running
        assert await loser.ended() == 1
    finally:
        for each in both:
            each.kill()


@pytest.mark.once
async def test_json_lines_are_json_from_the_first_to_the_last(tmp_path: Path) -> None:
    async with serving(tmp_path, TRAVIO_LOG_FORMAT="json", SCYLLA_HOSTS="db1", TRAVIO_STORE="embedded") as service:
        await service.stop()
    messages = [json.loads(line)["message"] for line in service.log.splitlines()]
    assert messages[0] == "SCYLLA_HOSTS=db1 is ignored: TRAVIO_STORE=embedded"
    assert [message.split(":")[0] for message in messages[1:]] == ["TRAVIO_AUTH=off", "ready", "stopping", "figures"]


@pytest.mark.once
async def test_brokers_that_nothing_goes_by_are_told(tmp_path: Path) -> None:
    both = {"TRAVIO_EVENTS": "none", "TRAVIO_EVENTS_IN": "none"}
    async with serving(tmp_path, KAFKA_BROKERS="kafka-1:9092", **both) as service:
        await service.stop()
    assert "KAFKA_BROKERS=kafka-1:9092 is ignored: TRAVIO_EVENTS and TRAVIO_EVENTS_IN are set" in service.log


@pytest.mark.once
async def test_on_uvloop_it_serves_over_grpc_and_http_and_ends_when_told(tmp_path: Path) -> None:
    web_port = free_port()
    async with serving(tmp_path, TRAVIO_LOOP="uvloop", TRAVIO_HTTP_PORT=str(web_port)) as service:
        async with service.client() as client:
            assert await client.serves()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{web_port}") as web:
            assert (await web.get("/readyz")).status_code == 200
        assert await service.stop() == 0


def test_a_loop_that_is_not_installed_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with pytest.raises(StartFailed, match=r"TRAVIO_LOOP=uvloop needs uvloop: pip install 'travio-inventory\[uvloop\]'"):
        loop_factory(load_settings(loop="uvloop"), TimedTurns())


FILES = """
import resource
from travio_inventory.app.run import allow_connections
from travio_inventory.settings import load_settings
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (64, most))
allow_connections(load_settings(connections_max=100, http_connections_max=200))
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.once
def test_a_process_may_open_as_many_files_as_it_may_have_connections() -> None:
    done = subprocess.run([sys.executable, "-c", FILES], capture_output=True, text=True, check=True)
    assert int(done.stdout) == 100 + 200 + OTHER_FILES_MAX
