"""Makes a plan that breaks a promise smaller while it still breaks the same one."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from verification.simulation.plan import Plan

SEEDS_AT_ONCE = 12
"""Another plan is another run, even with the same seed; this number of seeds is tried for each."""

Breaks = Callable[[Plan], bool]


def shrunk(plan: Plan, breaks: Breaks, *, runs_max: int) -> Plan:
    """The smallest plan that was found for which `breaks` is true; the plan itself if nothing can be removed."""
    runs = 0
    while runs < runs_max:
        for smaller in _smaller(plan):
            found = next((trial for trial in _alike(smaller) if breaks(trial)), None)
            runs += SEEDS_AT_ONCE
            if found is not None:
                plan = found
                break
            if runs >= runs_max:
                return plan
        else:
            return plan
    return plan


def _alike(plan: Plan) -> Iterator[Plan]:
    """The plan with its own seed, and with others that have as many workers."""
    yield from (plan.with_seed(plan.seed + 6 * number) for number in range(SEEDS_AT_ONCE))


def _smaller(plan: Plan) -> Iterator[Plan]:
    """Plans with one thing less, those with much less first."""
    if plan.day_s > 10:
        yield replace(plan, day_s=plan.day_s / 4)
        yield replace(plan, day_s=plan.day_s / 2)
    if plan.holders > 1:
        yield replace(plan, holders=1)
        yield replace(plan, holders=plan.holders - 1)
    without = {
        "viewers": 0, "waiters": 0, "kills": 0.0, "faults": 0.0, "twins": 0.0, "leaves": 0.0, "holds_max": 0,
        "with_gate": False, "honest_edge": True, "still_clocks": True,
    }  # fmt: skip
    for name, value in without.items():
        if getattr(plan, name) != value:
            yield replace(plan, **{name: value})  # type: ignore[arg-type]
    if plan.popular > 1:
        yield replace(plan, popular=plan.popular - 1)
    if plan.seats > plan.popular:
        yield replace(plan, seats=max(plan.popular, plan.seats // 2))
