"""Metrics and health of several processes, told by their supervisor at one port."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import anyio
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from travio_inventory.app.metrics_listener import metrics_listening
from travio_inventory.cli.supervisor import Supervisor
from travio_inventory.settings import load_settings
from verification.kit.service_process import ServiceProcess, eventually

PROCESS = [sys.executable, "-m", "travio_inventory.cli.supervised", "10"]
WITHIN_S = 40

pytestmark = pytest.mark.once


@asynccontextmanager
async def supervised(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Two services, each with a store of its own, under one supervisor; a client of its metrics."""
    own = ServiceProcess(folder, TRAVIO_STORE="memory", TRAVIO_EVENTS="none", GRPC_PORT="0").environment
    supervisor = Supervisor(PROCESS, [own, own], where="here", stop_seconds_max=WITHIN_S)
    settings = load_settings(metrics_host="127.0.0.1", metrics_port=0).metrics
    telling, told = anyio.create_memory_object_stream[signal.Signals](1)
    with closing(supervisor), telling, told:
        async with metrics_listening(settings, supervisor.told) as port, anyio.create_task_group() as running:
            running.start_soon(supervisor.run, told)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=WITHIN_S) as client:
                yield client
            telling.send_nowait(signal.SIGTERM)


async def up(client: httpx.AsyncClient) -> dict[str, float]:
    """Which processes answer, by their numbers."""
    return {
        sample.labels["worker"]: sample.value
        for metric in text_string_to_metric_families((await client.get("/metrics")).text)
        if metric.name == "travio_worker_up"
        for sample in metric.samples
    }


async def services_of(parent: int) -> list[int]:
    """The services among the processes that it has started."""
    listed = await anyio.run_process(["ps", "-o", "pid=,args=", "--ppid", str(parent)], check=False)
    return [int(line.split()[0]) for line in listed.stdout.decode().splitlines() if PROCESS[2] in line]


async def test_one_port_tells_of_all_processes_and_of_the_one_that_does_not_answer(tmp_path: Path) -> None:
    async with supervised(tmp_path) as client:

        async def are_up() -> bool:
            return await up(client) == {"0": 1, "1": 1}

        await eventually(are_up, within_s=WITHIN_S)
        text = (await client.get("/metrics")).text
        assert 'process_cpu_seconds_total{worker="0"}' in text
        assert 'process_cpu_seconds_total{worker="1"}' in text
        assert text.count("\ntravio_holds_live ") == 1

        async def is_ready() -> bool:
            return (await client.get("/readyz")).status_code == 200

        await eventually(is_ready, within_s=WITHIN_S)
        stopped = (await services_of(os.getpid()))[0]
        os.kill(stopped, signal.SIGSTOP)
        try:
            assert sorted((await up(client)).values()) == [0, 1]
            answer = await client.get("/readyz")
            assert answer.status_code == 503
            assert list(answer.json()["problems"].values()) == ["no answer"]
            assert (await client.get("/livez")).status_code == 200
        finally:
            os.kill(stopped, signal.SIGCONT)
        await eventually(are_up, within_s=WITHIN_S)
