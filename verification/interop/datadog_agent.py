"""Datadog's agent, as far as traces go: it receives OTLP over HTTP, and what it would send to Datadog is read here."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

from travio_inventory.bench.free_ports import free_port
from verification.interop.building import go_program
from verification.servers.process import ServerProcess, wait_until

HOST: Final = "127.0.0.1"
START_S_MAX: Final = 120
ENDPOINT: Final = "DD_OTLP_CONFIG_RECEIVER_PROTOCOLS_HTTP_ENDPOINT"
"""Where it listens; the documents name this variable."""


class DatadogSpan(TypedDict):
    """What Datadog is told of a span."""

    Env: str
    Version: str
    Service: str
    Name: str
    Resource: str
    Type: str
    Error: int
    Meta: dict[str, str]


@dataclass(frozen=True)
class DatadogAgent:
    """One that runs."""

    port: int
    process: ServerProcess

    def listens(self) -> bool:
        """Whether it takes connections."""
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.port)) == 0

    def sent(self) -> list[DatadogSpan]:
        """All that it has sent."""
        lines = self.process.log.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]


@contextmanager
def datadog_agent(folder: Path) -> Iterator[DatadogAgent]:
    """The agent in that folder, built if it is not there. Raises CalledProcessError, ServerFailedError."""
    port = free_port(HOST)
    program = go_program("datadog-agent")
    process = ServerProcess("datadog-agent", [str(program)], folder, {ENDPOINT: f"{HOST}:{port}"})
    agent = DatadogAgent(port, process)
    try:
        process.start()
        wait_until(agent.listens, f"{HOST}:{port} takes connections", [process], limit_s=START_S_MAX)
        yield agent
    finally:
        process.kill()
