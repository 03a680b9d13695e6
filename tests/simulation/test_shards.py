"""A shop whose entries lie in shards, on bad days: no unit is lost, doubled or hidden between them."""

import pytest

from tests.simulation.days import all_is_drawn, is_caught, no_violation
from verification.simulation.broken_shards import BROKEN_SHARDS, CALM_SHARDS, SHARDS_DAY, SMALL_SHARDS
from verification.simulation.broken_units import BrokenUnits
from verification.simulation.shard_world import simulate_shards

pytestmark = pytest.mark.long

SEEDS = 2
MANY_SEEDS = 40
SEEDS_MAX = 10
"""The number of seeds that are searched from the one that is known to catch a design."""
ANSWERS = {"move ok", "move unknown", "gather ok", "share ok", "reserve ok", "reserve InsufficientStock", "commit ok"}


@pytest.mark.once
def test_shards_keep_their_promises_on_one_bad_day() -> None:
    no_violation(simulate_shards, SMALL_SHARDS.with_seed(0))


@pytest.mark.thorough
def test_units_move_while_they_are_sold_and_every_answer_is_true() -> None:
    worlds = all_is_drawn(simulate_shards, (SHARDS_DAY, SMALL_SHARDS, CALM_SHARDS), SEEDS, ANSWERS)
    assert all(world.oracle.shards.moves and world.oracle.marks.tellings for world in worlds)
    assert any(world.oracle.late.booked for world in worlds)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(SEEDS, MANY_SEEDS))
def test_the_same_on_many_days(seed: int) -> None:
    for plan in (SHARDS_DAY, SMALL_SHARDS):
        no_violation(simulate_shards, plan.with_seed(seed))


@pytest.mark.thorough
@pytest.mark.parametrize("design", BROKEN_SHARDS.values(), ids=BROKEN_SHARDS.keys())
def test_a_broken_design_is_caught_on_shards(design: BrokenUnits, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_caught(simulate_shards, design, monkeypatch, SEEDS_MAX)
