"""Orders reserve stock on bad days: nothing is oversold, lost or moved untold, and each condition is necessary."""

import pytest

from tests.simulation.days import all_is_drawn, is_caught, no_violation
from verification.simulation.broken_stock import BROKEN_STOCK, CALM, CHANGING, ONE_PLACE, ROUGH
from verification.simulation.broken_units import BrokenUnits
from verification.simulation.stock_world import simulate_stock

pytestmark = pytest.mark.long

SEEDS = 6
MANY_SEEDS = 60
SEEDS_MAX = 25
"""The number of seeds that are searched from the one that is known to catch a design."""
ANSWERS = {
    "reserve ok", "reserve InsufficientStock", "reserve unknown", "reserve ask again", "commit ok",
    "commit ReservationExpired", "commit some ok", "cancel ok", "cancel some ok",
}  # fmt: skip


def test_stock_is_conserved_on_one_bad_day() -> None:
    no_violation(simulate_stock, CHANGING.with_seed(0))


@pytest.mark.once
def test_stock_is_conserved_and_every_answer_is_true_on_bad_days() -> None:
    all_is_drawn(simulate_stock, (ROUGH, ONE_PLACE, CALM, CHANGING), SEEDS, ANSWERS)


@pytest.mark.thorough
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(SEEDS, MANY_SEEDS))
def test_the_same_on_many_days(seed: int) -> None:
    for plan in (ROUGH, CHANGING):
        no_violation(simulate_stock, plan.with_seed(seed))


@pytest.mark.once
@pytest.mark.parametrize("design", BROKEN_STOCK.values(), ids=BROKEN_STOCK.keys())
def test_a_broken_design_is_caught_on_stock(design: BrokenUnits, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_caught(simulate_stock, design, monkeypatch, SEEDS_MAX)
