"""When the next one is due, by the generic cell rate algorithm."""

import pytest

from travio_inventory.kernel.rates import Spend, after_one_more

SPEND = Spend("calls", interval_us=10, burst=3)


@pytest.mark.parametrize(
    ("theoretical_us", "due_us", "early_us"),
    [
        (0, 110, 0),  # none for long
        (100, 110, 0),
        (105, 115, 0),
        (120, 130, 0),  # the third at once
        (121, 131, 1),
        (130, 140, 10),
        (131, 140, 10),  # further away than a full burst: the clock was set back
        (9_999, 140, 10),
    ],
)
def test_so_many_may_come_at_once_and_then_one_in_each_interval(
    theoretical_us: int, due_us: int, early_us: int
) -> None:
    assert after_one_more(theoretical_us, 100, SPEND) == (due_us, early_us)
