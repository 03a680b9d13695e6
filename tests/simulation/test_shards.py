"""A shop whose entries lie in shards, on bad days: no unit is lost, doubled or hidden between them."""

from collections import Counter

import pytest

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
    assert simulate_shards(SMALL_SHARDS.with_seed(0)).oracle.violations == []


@pytest.mark.thorough
@pytest.mark.timeout(300)
def test_units_move_while_they_are_sold_and_every_answer_is_true() -> None:
    answers: Counter[str] = Counter()
    for plan in (SHARDS_DAY, SMALL_SHARDS, CALM_SHARDS):
        for seed in range(SEEDS):
            world = simulate_shards(plan.with_seed(seed))
            assert world.oracle.violations == [], plan.with_seed(seed)
            assert world.oracle.shards.moves
            answers += world.answers
    assert answers.keys() >= ANSWERS


@pytest.mark.thorough
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(SEEDS, MANY_SEEDS))
def test_the_same_on_many_days(seed: int) -> None:
    for plan in (SHARDS_DAY, SMALL_SHARDS):
        assert simulate_shards(plan.with_seed(seed)).oracle.violations == [], plan.with_seed(seed)


@pytest.mark.thorough
@pytest.mark.timeout(300)
@pytest.mark.parametrize("design", BROKEN_SHARDS.values(), ids=BROKEN_SHARDS.keys())
def test_a_broken_design_is_caught_on_shards(design: BrokenUnits, monkeypatch: pytest.MonkeyPatch) -> None:
    design.plant(monkeypatch)
    seeds = range(design.plan.seed, design.plan.seed + SEEDS_MAX)
    assert any(design.is_caught_by(simulate_shards(design.plan.with_seed(seed)).oracle.violations) for seed in seeds)
