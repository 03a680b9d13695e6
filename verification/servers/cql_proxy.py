"""A proxy between the driver and its nodes that loses, delays and doubles conditional batches as a test tells it."""

import asyncio
import json
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from travio_inventory.bench.free_ports import free_port
from verification.servers.cql_relay import CONTROL_HOST, Fault
from verification.servers.process import ServerFailedError, ServerProcess, wait_until

__all__ = ["EVER", "CqlProxy", "Fault", "Seen", "cql_proxy"]

ROOT = Path(__file__).parent.parent.parent
START_S_MAX = 120
COMMAND_S_MAX = 120
EVER = 1_000_000


class Seen(NamedTuple):
    """How many conditional batches passed, and how many of them met the fault."""

    batches: int
    spoiled: int


@dataclass(frozen=True)
class CqlProxy:
    """Reaches every node at the node's own address and at one port, the same for all.

    A marker is a text that is among the values of the batches that are meant, as a trip's organization is; "" means
    all. A conditional statement that is sent alone counts as a batch. There is one rule for each marker; a new rule
    starts to count again.
    """

    hosts: Sequence[str]
    port: int
    process: ServerProcess
    _control_port: int

    async def watch(self, marker: str) -> None:
        """Count these batches from now on."""
        await self._command(do="spoil", marker=marker, fault=None)

    async def spoil(self, marker: str, fault: Fault, *, first: int = 1, times: int = 1, late_ms: int = 0) -> None:
        """This happens to `count` of these batches, from number `first` on, counted from now, beginning at 1."""
        await self._command(do="spoil", marker=marker, fault=fault, first=first, times=times, late_ms=late_ms)

    async def mend(self, marker: str) -> Seen:
        """End the rule, and return the counts: nothing more is counted or spoiled. Batches in flight continue."""
        return _seen(await self._command(do="mend", marker=marker))

    async def settle(self, marker: str) -> Seen:
        """End the rule, if it has not ended. Kept batches arrive now; when this returns, nothing is in flight."""
        return _seen(await self._command(do="settle", marker=marker))

    async def darken(self, host: str) -> None:
        """Drop everything to and from the node; connections stay open."""
        await self._command(do="darken", host=host)

    async def lighten(self, host: str) -> None:
        """Stop dropping."""
        await self._command(do="lighten", host=host)

    def answers(self) -> bool:
        """Whether it accepts commands."""
        with socket.socket() as probe:
            return probe.connect_ex((CONTROL_HOST, self._control_port)) == 0

    async def _command(self, **command: object) -> dict[str, int]:
        """Raises ServerFailedError if the proxy failed, TimeoutError if it does not answer."""
        async with asyncio.timeout(COMMAND_S_MAX):
            reader, writer = await asyncio.open_connection(CONTROL_HOST, self._control_port)
            try:
                writer.write(json.dumps(command).encode() + b"\n")
                answer = json.loads(await reader.readline())
            finally:
                writer.close()
        if failure := answer.get("failure"):
            raise ServerFailedError(f"{command}\n{failure}\n{self.process.log_tail()}")
        return dict(answer)


def _seen(answer: dict[str, int]) -> Seen:
    return Seen(answer["batches"], answer["spoiled"])


@contextmanager
def cql_proxy(folder: Path, hosts: Sequence[str], node_port: int) -> Iterator[CqlProxy]:
    """A proxy to these nodes in a separate process, with its log in the folder. Raises ServerFailedError."""
    port, control_port = free_port(*hosts), free_port(CONTROL_HOST)
    ports = [f"--node-port={node_port}", f"--port={port}", f"--control-port={control_port}"]
    command = [sys.executable, "-m", "verification.servers.cql_relay", *hosts, *ports]
    process = ServerProcess("CQL proxy", command, folder, {"PYTHONPATH": str(ROOT)})
    proxy = CqlProxy(tuple(hosts), port, process, control_port)
    process.start()
    try:
        wait_until(proxy.answers, "the CQL proxy answers", [process], limit_s=START_S_MAX)
        yield proxy
    finally:
        process.kill()
