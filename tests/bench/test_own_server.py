"""A server of the bench's own gets a port that nobody uses, and starts again elsewhere if somebody was faster."""

import asyncio
import errno
import os
import signal
import socket
from itertools import chain, count
from pathlib import Path
from types import SimpleNamespace

import pytest

from travio_inventory.bench import free_ports
from travio_inventory.bench.free_ports import LOOPBACK, RANGE_FILE, free_port
from travio_inventory.bench.own_server import STARTS_MAX, OwnServer, ServerFailed


def test_no_connection_is_given_the_port_of_a_server() -> None:
    first = int(RANGE_FILE.read_text().split()[0])
    assert all(1_024 < free_port() < first for _ in range(100))


def test_a_wanted_port_is_given_unless_somebody_listens_there() -> None:
    wanted = free_port()
    assert free_port(wanted=wanted) == wanted
    with socket.create_server((LOOPBACK, wanted)):
        assert free_port(wanted=wanted) != wanted
    assert free_port(wanted=wanted) == wanted


def test_an_address_that_this_machine_does_not_have_is_named() -> None:
    with pytest.raises(OSError, match=r"no free port on 192\.0\.2\.1: does this machine have"):
        free_port("192.0.2.1")


def test_a_port_is_given_to_one_process_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even though nobody listens there yet."""
    given = free_port()
    tried = chain([given], count(10_000))
    monkeypatch.setattr(free_ports, "_ports", SimpleNamespace(randrange=lambda *_: next(tried)))
    monkeypatch.setattr(free_ports, "_is_unused", lambda *_: True)
    assert free_port() != given


@pytest.mark.once
async def test_of_two_that_want_a_port_at_once_both_serve() -> None:
    """The one that comes too late does not take the other for itself, although that answers on the same port."""
    wanted = free_port()
    servers = [OwnServer.of_inventory(wanted=wanted) for _ in range(2)]
    assert [server.port for server in servers] == [wanted, wanted]
    async with servers[0], servers[1]:
        assert servers[0].port == wanted != servers[1].port
        for server in servers:
            os.kill(server.pid, signal.SIGTERM)
            await asyncio.wait_for(server.ended(), 60)


@pytest.mark.parametrize(
    ("said", "starts"),
    [(f"no: {os.strerror(errno.EADDRINUSE)}", STARTS_MAX), ("bind: address already in use", STARTS_MAX), ("oh", 1)],
)
async def test_a_start_is_tried_on_other_ports_only_if_the_port_was_taken(
    tmp_path: Path, said: str, starts: int
) -> None:
    starting = OwnServer.of_command(["sh", "-c", f"echo $TRAVIO_GRPC_PORT {{port}} >> {tmp_path}/ports; echo {said}"])
    with pytest.raises(ServerFailed, match=said):
        await starting.__aenter__()
    ports = [line.split() for line in (tmp_path / "ports").read_text().splitlines()]
    assert len(ports) == starts == len({told for told, _ in ports})
    assert all(told == port for told, port in ports)
    assert not starting.folder.exists()
