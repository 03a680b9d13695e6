"""How long things took, in buckets whose bounds are included, and what a cache found."""

import pytest

from travio_inventory.kernel.hits import Hits
from travio_inventory.kernel.promises import PromiseBroken, expect
from travio_inventory.kernel.tally import BUCKETS_NS, Tally


@pytest.mark.parametrize(("elapsed_ns", "bucket"), [(0, 0), (200_000, 0), (200_001, 1), (10**10, 14), (10**10 + 1, 15)])
def test_what_took_so_long_is_counted_up_to_the_bound_of_its_bucket(elapsed_ns: int, bucket: int) -> None:
    tally = Tally()
    for _ in range(2):
        tally.add(elapsed_ns)
    assert len(tally.buckets) == len(BUCKETS_NS) + 1 == 16
    assert {at: count for at, count in enumerate(tally.buckets) if count} == {bucket: 2}
    assert (tally.count, tally.total_ns) == (2, 2 * elapsed_ns)


def test_nothing_was_counted_at_first() -> None:
    assert (Tally().count, Tally().total_ns) == (0, 0)
    assert (Hits().found, Hits().missed) == (0, 0)


def test_what_another_has_counted_is_counted_as_well() -> None:
    one, other = Tally(), Tally()
    one.add(1)
    for elapsed_ns in (2, 300_000):
        other.add(elapsed_ns)
    one.include(other)
    assert (one.buckets[:3], one.count, one.total_ns) == ([2, 1, 0], 3, 300_003)
    assert (other.count, other.total_ns) == (2, 300_002)
    other.buckets.append(0)
    with pytest.raises(ValueError, match="longer"):
        one.include(other)


def test_a_promise_that_is_broken_says_what_was_found_instead() -> None:
    expect([1], [1], "the rows")
    with pytest.raises(PromiseBroken) as broken:
        expect([1], None, "the rows")
    assert str(broken.value) == "the rows: [1] instead of None"
