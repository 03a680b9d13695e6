"""Late commits that are cut off between their claims, twice: each is done in the end, and once."""

import pytest

from tests.simulation.days import all_is_drawn, is_caught, no_violation
from travio_inventory.protocol.hold import base_id, earlier_late_ids
from verification.simulation.broken_cut_off import BROKEN_CUT_OFF, CUT_OFF_DAY, ROUGH_CUT_OFF
from verification.simulation.broken_units import BrokenUnits
from verification.simulation.cut_off_world import simulate_cut_off

pytestmark = pytest.mark.long

DAYS = 5
"""On each somebody is cut off twice; on half of them somebody else once."""
SEEDS = 2
MANY_SEEDS = 30
SEEDS_MAX = 10
"""The number of seeds that are searched from the one that is known to catch a design."""


def test_an_order_that_was_cut_off_twice_is_committed_under_its_third_late_id() -> None:
    days = [no_violation(simulate_cut_off, CUT_OFF_DAY.with_seed(seed)).oracle.late for seed in range(DAYS)]
    assert {len(earlier_late_ids(each)) for late in days for each in late.booked} == {0, 1, 2}
    for late in days:
        twice = {base_id(each) for each in late.given_up if earlier_late_ids(each)}
        assert twice & {base_id(each) for each in late.booked}


@pytest.mark.once
def test_every_answer_about_what_was_cut_off_is_true() -> None:
    answers = {"commit ok", "commit unknown", "commit ReservationExpired", "reserve ok"}
    all_is_drawn(simulate_cut_off, (CUT_OFF_DAY, ROUGH_CUT_OFF), SEEDS, answers)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(SEEDS, MANY_SEEDS))
def test_the_same_on_many_days(seed: int) -> None:
    for plan in (CUT_OFF_DAY, ROUGH_CUT_OFF):
        no_violation(simulate_cut_off, plan.with_seed(seed))


@pytest.mark.once
@pytest.mark.parametrize("design", BROKEN_CUT_OFF.values(), ids=BROKEN_CUT_OFF.keys())
def test_a_broken_design_of_late_ids_is_caught(design: BrokenUnits, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_caught(simulate_cut_off, design, monkeypatch, SEEDS_MAX)
