"""What a bench computes from what it measured."""

from collections import Counter

import pytest

from travio_inventory.bench.measuring import Slice, channels_for, latency_ms, ratio


def test_percentiles_are_measured_values_by_nearest_rank() -> None:
    hundred = [number / 1_000 for number in range(100, 0, -1)]
    assert latency_ms(hundred) == {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}
    assert latency_ms([0.007]) == {"p50": 7.0, "p95": 7.0, "p99": 7.0, "max": 7.0}
    assert latency_ms([]) == {}


def test_stretches_add_up() -> None:
    total = Slice(cpu_s=0.0)
    for _ in range(2):
        total.add(Slice(wall_s=1.0, cpu_s=0.5, latencies_s=[0.1] * 10, counts=Counter(won=10)))
    assert (total.calls, total.per_second, total.per_cpu_second) == (20, 10.0, 20.0)
    assert total.counts == {"won": 20}


def test_without_the_servers_cpu_time_there_is_no_rate_by_it() -> None:
    seen, unseen = Slice(wall_s=1, cpu_s=1, latencies_s=[0.1] * 4), Slice(wall_s=1, latencies_s=[0.1])
    assert unseen.per_cpu_second is None
    assert ratio(unseen, seen) == {"per_second": 0.25, "per_server_cpu_second": None}


@pytest.mark.parametrize(("workers", "lines"), [(1, 2), (200, 2), (201, 3), (10_000, 100)])
def test_no_connection_carries_more_calls_than_a_server_takes(workers: int, lines: int) -> None:
    assert channels_for(workers) == lines
