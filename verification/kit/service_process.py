"""The service as a process: started on a data folder, killed or stopped by its id, started again on the same."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from travio_inventory.bench.free_ports import free_port
from travio_inventory.client import InventoryClient

READY_SECONDS_MAX = 120.0
STOP_SECONDS_MAX = 60.0
POLL_SECONDS = 0.01
ORGANIZATION = "acme"


class EndedEarly(Exception):
    """The process ended before it was ready; the message is its output."""


class ServiceProcess:
    """One data folder, one port, and one process after the other on them.

    `role` is the command, with its options; `variables` are settings, by their names; `python` runs it.
    """

    def __init__(self, folder: Path, role: str = "serve", *, python: str = sys.executable, **variables: str) -> None:
        self.data = folder / "data"
        self.port = free_port()
        self._role = role
        self._python = python
        self._log = folder / f"{role}-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None
        own = {name: value for name, value in os.environ.items() if not name.startswith("TRAVIO_")}
        own |= {"TRAVIO_DATA": str(self.data), "TRAVIO_GRPC_HOST": "127.0.0.1", "GRPC_PORT": str(self.port)}
        own |= {"TRAVIO_HTTP_HOST": "127.0.0.1", "TRAVIO_HTTP_PORT": "off", "TRAVIO_AUTH": "off"}
        own |= {"TRAVIO_METRICS_HOST": "127.0.0.1", "TRAVIO_METRICS_PORT": "off"}
        self.environment = own | variables

    @property
    def web_port(self) -> int:
        """Where it listens for HTTP, 0 if it does not."""
        port = self.environment["TRAVIO_HTTP_PORT"]
        return 0 if port == "off" else int(port)

    @property
    def target(self) -> str:
        """HOST:PORT of the service."""
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """All that the processes wrote to standard error."""
        return self._log.read_text() if self._log.exists() else ""

    @property
    def pid(self) -> int:
        """The id of the process."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process is not None and self._process.poll() is None

    def events(self) -> list[dict[str, Any]]:
        """The events in the data folder, in the order of the file; a line that is not whole yet is left out."""
        path = self.data / "events.jsonl"
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def launch(self) -> None:
        """Start the process; it is not ready yet."""
        command = [self._python, "-m", "travio_inventory.cli", *self._role.split()]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, env=self.environment, stderr=log, stdin=subprocess.DEVNULL)

    async def start(self) -> None:
        """Start the process and wait until it says that it is ready. Raises EndedEarly."""
        self.launch()
        async with asyncio.timeout(READY_SECONDS_MAX):
            while not re.search(rf"\bpid {self.pid}\b", self.log):
                if not self.is_running:
                    raise EndedEarly(self.log)
                await asyncio.sleep(POLL_SECONDS)

    async def ended(self) -> int:
        """Wait for the end of the process; its exit status. Raises TimeoutError."""
        assert self._process is not None
        async with asyncio.timeout(STOP_SECONDS_MAX):
            while (status := self._process.poll()) is None:  # noqa: ASYNC110 - a process tells no event loop
                await asyncio.sleep(POLL_SECONDS)
        return status

    def tell(self, told: signal.Signals) -> None:
        """Send the process a signal."""
        assert self._process is not None
        self._process.send_signal(told)

    async def stop(self) -> int:
        """Ask the process to stop and wait for its end; its exit status."""
        self.tell(signal.SIGTERM)
        return await self.ended()

    def kill(self) -> None:
        """Kill the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def assert_nothing_broke_down(self) -> None:
        """No process broke down anywhere: it logs that with a traceback, and nothing else."""
        assert "Traceback" not in self.log, self.log

    @asynccontextmanager
    async def client(
        self, user: str = "u1", *, attempts_max: int = 1, token: str = ""
    ) -> AsyncIterator[InventoryClient]:
        """A client on a connection of its own."""
        async with InventoryClient(
            self.target, organization=ORGANIZATION, user=user, deadline_s=10.0, attempts_max=attempts_max, token=token
        ) as client:
            yield client


@asynccontextmanager
async def serving(
    folder: Path, role: str = "serve", *, python: str = sys.executable, **variables: str
) -> AsyncIterator[ServiceProcess]:
    """The service, ready; it is killed in the end if it still runs. Nothing in it may break down."""
    service = ServiceProcess(folder, role, python=python, **variables)
    try:
        await service.start()
        yield service
    finally:
        service.kill()
    service.assert_nothing_broke_down()


async def eventually(condition: Callable[[], Awaitable[bool]], *, within_s: float) -> None:
    """Wait until the condition holds. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110 - another process tells no event loop
            await asyncio.sleep(5 * POLL_SECONDS)
