"""The same two tests for every kind of day: all is drawn and every answer is true, and a broken design is caught."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Protocol, TypeVar

import pytest

from verification.simulation.broken_units import BrokenUnits
from verification.simulation.plan import Plan


class Judged(Protocol):
    """What saw the whole day."""

    @property
    def violations(self) -> list[str]:
        """The promises that were broken."""


class World(Protocol):
    """A day that is over."""

    @property
    def oracle(self) -> Judged:
        """What judged it."""

    @property
    def answers(self) -> Counter[str]:
        """How often what was answered how."""


W = TypeVar("W", bound=World)


def no_violation(simulate: Callable[[Plan], W], plan: Plan) -> W:
    """The world after a day in which every promise was kept."""
    world = simulate(plan)
    assert world.oracle.violations == [], plan
    return world


def all_is_drawn(
    simulate: Callable[[Plan], W], plans: Sequence[Plan], seeds: int, answers: Collection[str]
) -> Sequence[W]:
    """The worlds of these days, on which everything was answered so at some time, and every promise kept."""
    worlds = [no_violation(simulate, plan.with_seed(seed)) for plan in plans for seed in range(seeds)]
    assert sum((world.answers for world in worlds), Counter[str]()).keys() >= {*answers}
    return worlds


def is_caught(
    simulate: Callable[[Plan], World], design: BrokenUnits, patch: pytest.MonkeyPatch, seeds_max: int
) -> bool:
    """Whether the design is caught on one of so many days from the one that is known to catch it."""
    design.plant(patch)
    seeds = range(design.plan.seed, design.plan.seed + seeds_max)
    return any(design.is_caught_by(simulate(design.plan.with_seed(seed)).oracle.violations) for seed in seeds)
