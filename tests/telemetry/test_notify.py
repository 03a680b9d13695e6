"""Notifying the service manager: by a path, by an abstract address, and without a listener."""

import socket
from pathlib import Path
from secrets import token_hex

import pytest

from travio_inventory.telemetry.notify import READY, STOPPING, notify


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
