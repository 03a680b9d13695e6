"""The clock of the machine: its time of day, and the time since it was started."""

import time
from collections.abc import Iterator

import pytest

from travio_inventory.kernel.clock import SystemClock, in_utc


@pytest.fixture
def far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's own time is not UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Dhaka")
        time.tzset()
        yield
    time.tzset()


def test_it_tells_the_time_of_day_in_milliseconds() -> None:
    before = time.time()
    now_ms = SystemClock().now_ms()
    assert isinstance(now_ms, int)
    assert int(before * 1_000) - 1 <= now_ms <= time.time() * 1_000 + 1


def test_it_tells_how_much_time_passes_in_milliseconds() -> None:
    clock, moments = SystemClock(), []
    for pause_s in (0.0, 0.03):
        time.sleep(pause_s)
        moments.append((time.monotonic(), clock.elapsed_ms(), time.monotonic()))
    assert all(isinstance(at_ms, int) for _, at_ms, _ in moments)
    (before, began_ms, begun), (ending, ended_ms, ended) = moments
    assert (ending - begun) * 1_000 - 1 <= ended_ms - began_ms <= (ended - before) * 1_000 + 1


@pytest.mark.usefixtures("far_from_greenwich")
def test_a_moment_is_told_to_the_minute_and_in_utc() -> None:
    assert in_utc(1_812_268_739_999) == "2027-06-06T07:58+00:00"
