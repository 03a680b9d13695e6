"""A shop on bad days: transfers conserve, nobody approves their own, each event of an order takes effect once."""

import pytest

from tests.simulation.days import all_is_drawn, is_caught, no_violation
from verification.simulation.broken_shop import BROKEN_SHOP, CALM_SHOP, SHOP_DAY, SMALL_SHOP
from verification.simulation.broken_units import BrokenUnits
from verification.simulation.shop_world import simulate_shop

pytestmark = pytest.mark.long

SEEDS = 2
MANY_SEEDS = 40
SEEDS_MAX = 10
"""The number of seeds that are searched from the one that is known to catch a design."""
ANSWERS = {
    "draft ok", "ship ok", "ship InsufficientStock", "receive ok", "receive NotInTransit", "receive unknown",
    "cancel transfer OwnAdjustment",
    "cancel transfer ok", "cancel transfer TransferEnded", "adjust many ok", "decide ok", "decide OwnAdjustment",
    "decide ApprovalEnded", "order.created ok", "order.created unknown", "payment.successful ok", "payment.failed ok",
    "order.cancelled ok", "reserve ok", "reserve InsufficientStock", "commit ok", "cancel ok",
}  # fmt: skip


def test_a_shop_keeps_its_promises_on_one_bad_day() -> None:
    no_violation(simulate_shop, SMALL_SHOP.with_seed(0))


@pytest.mark.thorough
def test_every_step_is_drawn_and_every_answer_is_true() -> None:
    all_is_drawn(simulate_shop, (SHOP_DAY, SMALL_SHOP, CALM_SHOP), SEEDS, ANSWERS)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(SEEDS, MANY_SEEDS))
def test_the_same_on_many_days(seed: int) -> None:
    for plan in (SHOP_DAY, SMALL_SHOP):
        no_violation(simulate_shop, plan.with_seed(seed))


@pytest.mark.thorough
@pytest.mark.parametrize("design", BROKEN_SHOP.values(), ids=BROKEN_SHOP.keys())
def test_a_broken_design_is_caught_in_a_shop(design: BrokenUnits, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_caught(simulate_shop, design, monkeypatch, SEEDS_MAX)
