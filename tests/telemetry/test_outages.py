"""What the log says about an unavailable server."""

import logging

import pytest

from travio_inventory.telemetry.outages import Outages

log = logging.getLogger("travio_inventory.test")


class Server:
    """One server, on a clock that a test moves; `said` is what the log has said since the last time."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.now_s = 1_000.0
        self.outages = Outages(log, "redis r", now_s=lambda: self.now_s)
        self._caplog = caplog

    def said(self) -> list[str]:
        lines = self._caplog.messages[:]
        self._caplog.clear()
        return lines

    def wait(self, seconds: float) -> None:
        """Let time pass, with a check ten times a second."""
        for _ in range(round(seconds * 10)):
            self.now_s += 0.1
            self.outages.look()


@pytest.fixture
def server(caplog: pytest.LogCaptureFixture) -> Server:
    caplog.set_level("INFO")
    return Server(caplog)


def test_one_line_when_it_goes_and_one_when_it_is_back(server: Server) -> None:
    for _ in range(1_000):
        server.outages.went("gone")
        server.outages.missed()
    assert server.said() == ["redis r is down: gone"]
    server.wait(12.5)
    assert server.said() == []
    server.outages.came()
    server.outages.came()
    assert server.said() == ["redis r is back after 12.5 s: 1000 requests went without"]


def test_what_it_costs_is_summed_up_once_a_minute(server: Server) -> None:
    server.outages.went("gone")
    server.said()
    for minute in range(1, 4):
        server.outages.missed()
        server.wait(60.1)
        assert server.said() == [f"redis r is down for {60 * minute} s: 1 requests went without"]


def test_a_server_that_comes_and_goes_is_logged_once_a_minute(server: Server) -> None:
    for _ in range(300):
        server.outages.went("late")
        server.wait(0.5)
        server.outages.came()
        server.wait(0.5)
    said = server.said()
    assert len(said) <= 2 * 6
    assert any("is down, 60 times so far: late" in line for line in said)


def test_a_server_that_stays_away_in_the_end_is_logged_within_a_minute(server: Server) -> None:
    for _ in range(2):
        server.outages.came()
        server.outages.went("late")
    server.said()
    server.wait(61)
    assert [line for line in server.said() if "is down" in line]


def test_another_outage_later_is_logged_at_once(server: Server) -> None:
    for _ in range(3):
        server.outages.went("gone")
        server.wait(2)
        server.outages.came()
        server.wait(11)
    assert [line.split()[3] for line in server.said()] == ["down:", "back"] * 3
