"""The protocol knows nothing of seats: it reserves units of a counter as well, and each condition is necessary."""

import pytest

from tests.simulation.days import all_is_drawn, is_caught, no_violation
from verification.simulation.broken_units import BROKEN_UNITS, ONE_PARTITION, ROUGH, BrokenUnits
from verification.simulation.plan import Plan
from verification.simulation.units_world import simulate_units

pytestmark = pytest.mark.long

SEEDS = 8
SEEDS_MAX = 40
"""The number of seeds that are searched from the one that is known to catch a design."""
CALM = Plan(0, seats=12, seats_per_group=4, holders=5, faults=0.0, kills=0.0)
CHANGING = Plan(0, seats=6, seats_per_group=2, faults=0.3, changes=0.7)
ANSWERS = {
    "hold ok", "hold NotEnough", "hold unknown", "hold ask again", "confirm ok", "confirm HoldExpired",
    "release ok", "extend ok", "cancel ok", "confirm some ok", "release some ok", "cancel some ok",
}  # fmt: skip


@pytest.mark.once
def test_units_are_conserved_and_every_answer_is_true_on_bad_days() -> None:
    all_is_drawn(simulate_units, (ROUGH, ONE_PARTITION, CALM, CHANGING), SEEDS, ANSWERS)


def test_units_are_conserved_on_one_bad_day() -> None:
    no_violation(simulate_units, ROUGH.with_seed(0))


@pytest.mark.once
@pytest.mark.parametrize("design", BROKEN_UNITS.values(), ids=BROKEN_UNITS.keys())
def test_a_broken_design_is_caught_on_units(design: BrokenUnits, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_caught(simulate_units, design, monkeypatch, SEEDS_MAX)
