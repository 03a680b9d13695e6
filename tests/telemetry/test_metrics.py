"""Counts and latencies by use case and outcome."""

import pytest

from travio_inventory.kernel.tally import BUCKETS_MS
from travio_inventory.telemetry.metrics import Figures

MS = 1_000_000


def test_calls_are_counted_by_use_case_and_outcome() -> None:
    figures = Figures()
    for outcome in ("ok", "ok", "SEAT_UNAVAILABLE"):
        figures.add("hold_seats", outcome, 3 * MS)
    figures.add("confirm_hold", "ok", MS // 2)
    assert [(figure.use_case, figure.outcome, figure.calls, figure.total_ms) for figure in figures.snapshot()] == [
        ("confirm_hold", "ok", 1, 0.5),
        ("hold_seats", "SEAT_UNAVAILABLE", 1, 3.0),
        ("hold_seats", "ok", 2, 6.0),
    ]


@pytest.mark.parametrize(
    ("elapsed_ns", "bound_ms"),
    [(0, 0.2), (200_000, 0.2), (200_001, 0.5), (1 * MS, 1), (10_000 * MS, 10_000), (10_001 * MS, float("inf"))],
)
def test_a_latency_is_in_the_bucket_whose_bound_it_does_not_exceed(elapsed_ns: int, bound_ms: float) -> None:
    figures = Figures()
    figures.add("hold_seats", "ok", elapsed_ns)
    (figure,) = figures.snapshot()
    assert figure.within_ms(1.0) == bound_ms
    assert sum(figure.buckets) == 1
    assert len(figure.buckets) == len(BUCKETS_MS) + 1


def test_quantiles_are_the_bounds_that_this_share_of_calls_did_not_exceed() -> None:
    figures = Figures()
    for elapsed_ms in [1] * 98 + [40] * 2:
        figures.add("hold_seats", "ok", elapsed_ms * MS)
    (figure,) = figures.snapshot()
    assert [figure.within_ms(share) for share in (0.5, 0.98, 0.99)] == [1, 1, 50]
    assert str(figure) == "hold_seats ok=100 p50<=1ms p99<=50ms"


def test_a_snapshot_does_not_change_afterwards() -> None:
    figures = Figures()
    figures.add("hold_seats", "ok", MS)
    before = figures.snapshot()
    figures.add("hold_seats", "ok", MS)
    assert before[0].calls == 1
    assert sum(before[0].buckets) == 1
