"""Notifying the service manager: by a path, by an abstract address, and without a listener."""

import asyncio
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

import pytest

from travio_inventory.telemetry.notify import READY, STOPPING, notify, silence_seconds_max
from verification.kit.service_process import serving

WITHIN_S = 60
SILENT_S = 2
"""Longer than a service that lives is silent, with time to spare for a busy machine."""


@pytest.mark.parametrize("is_abstract", [False, True])
def test_states_are_sent_in_order(is_abstract: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"@travio-{token_hex(8)}" if is_abstract else str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(5)
        listening.bind(address.replace("@", "\0"))
        notify(READY)
        notify(STOPPING)
        assert [listening.recv(100) for _ in range(2)] == [b"READY=1", b"STOPPING=1"]


def test_without_a_listener_that_is_logged_and_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify(READY)
    assert caplog.messages == []
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify(READY)
    assert caplog.messages == ["NOTIFY_SOCKET could not be notified of READY=1: [Errno 2] No such file or directory"]


@pytest.mark.parametrize(
    ("variables", "allowed_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())}, 0.5),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_a_parent_that_waits_for_signs_of_life_says_how_long(
    variables: dict[str, str], allowed_s: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert silence_seconds_max() == allowed_s


@pytest.mark.once
async def test_a_service_tells_that_it_lives_until_it_has_stopped_and_not_while_it_hangs(tmp_path: Path) -> None:
    address = tmp_path / "notify"
    told = {"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "400000"}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(address))
        listening.setblocking(False)

        async def next_one() -> bytes:
            return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(listening, 100), WITHIN_S)

        async with serving(tmp_path, TRAVIO_STORE="memory", TRAVIO_EVENTS="none", **told) as service:
            said = {await next_one()}
            while said != {b"WATCHDOG=1", b"READY=1"}:
                said.add(await next_one())
            service.tell(signal.SIGSTOP)
            with suppress(TimeoutError):
                while True:
                    await asyncio.wait_for(asyncio.get_running_loop().sock_recv(listening, 100), SILENT_S)
            service.tell(signal.SIGCONT)
            assert await next_one() == b"WATCHDOG=1"
            service.tell(signal.SIGTERM)
            while await next_one() != b"STOPPING=1":
                pass
            assert await service.ended() == 0
