"""A shop that buys, on bad days: nothing comes twice, or more than was ordered; what is on order is what is open."""

import pytest

from tests.simulation.days import all_is_drawn, is_caught, no_violation
from verification.simulation.broken_purchases import BROKEN_PURCHASES
from verification.simulation.broken_shop import CALM_SHOP, SHOP_DAY, SMALL_SHOP
from verification.simulation.broken_units import BrokenUnits
from verification.simulation.buying_world import simulate_buying

pytestmark = pytest.mark.long

SEEDS = 2
MANY_SEEDS = 40
SEEDS_MAX = 6
"""The number of seeds that are searched from the one that is known to catch a design."""
ANSWERS = {
    "place ok", "place unknown", "receive order ok", "receive order unknown", "receive order OverReceived",
    "receive order PartlyReceived", "receive order PurchaseEnded", "cancel order ok", "cancel order PurchaseEnded",
    "reorder ok", "reorder unknown",
}  # fmt: skip


@pytest.mark.once
def test_a_shop_that_buys_keeps_its_promises_on_one_bad_day() -> None:
    world = no_violation(simulate_buying, SMALL_SHOP.with_seed(1))
    assert any(order.automatic for order in world.oracle.purchases.orders.values())


@pytest.mark.thorough
def test_every_step_is_drawn_and_every_answer_is_true() -> None:
    all_is_drawn(simulate_buying, (SHOP_DAY, SMALL_SHOP, CALM_SHOP), SEEDS, ANSWERS)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(SEEDS, MANY_SEEDS))
def test_the_same_on_many_days(seed: int) -> None:
    for plan in (SHOP_DAY, SMALL_SHOP):
        no_violation(simulate_buying, plan.with_seed(seed))


@pytest.mark.thorough
@pytest.mark.parametrize("design", BROKEN_PURCHASES.values(), ids=BROKEN_PURCHASES.keys())
def test_a_broken_design_is_caught_in_a_shop_that_buys(design: BrokenUnits, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_caught(simulate_buying, design, monkeypatch, SEEDS_MAX)
