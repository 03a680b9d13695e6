"""Runs many seeds on many cores, and shows how far it is."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from time import monotonic
from typing import TypeVar

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from verification.simulation.broken import Broken
from verification.simulation.broken_designs import BROKEN
from verification.simulation.history import CallOutcome
from verification.simulation.plan import Plan
from verification.simulation.simulate import simulate
from verification.simulation.world import World

LINES_MAX = 10
"""The number of progress lines if the output is not a terminal."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True)
class Ran:
    """What is worth knowing of one run, or of many together."""

    plan: Plan
    seeds: int = 1
    calls: int = 0
    violations: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    """How often which fault happened."""
    told: Counter[str] = field(default_factory=Counter)
    """How often each operation had each answer."""
    steps: Counter[str] = field(default_factory=Counter)
    """How often holds went from one status to another."""

    def add(self, other: "Ran") -> None:
        """Add the other's counts."""
        self.seeds += other.seeds
        self.calls += other.calls
        self.seen += other.seen
        self.told += other.told
        self.steps += other.steps


def run(plan: Plan, broken: str = "") -> Ran:
    """Run the plan, with a broken design planted if one is named."""
    return ran(simulate_with(plan, broken))


def simulate_with(plan: Plan, broken: str) -> World:
    """The run's world, with a broken design planted if one is named."""
    with pytest.MonkeyPatch.context() as patch:
        if broken:
            BROKEN[broken].plant(patch)
        return simulate(plan)


def ran(world: World) -> Ran:
    """What is worth knowing of the world's run."""
    calls = world.front.calls
    told = Counter(f"{call.op} {_how(call.answer, call.told)}" for call in calls)
    steps = Counter(f"{step.was or 'nothing'} to {step.status}" for step in world.oracle.steps)
    steps["nothing to held over several groups"] = sum(
        1 for step in world.oracle.steps if step.was is None and len({group for group, _ in step.places}) > 1
    )
    return Ran(world.plan, 1, len(calls), world.violations, world.seen, told, steps)


def _how(answer: CallOutcome, told: str) -> str:
    return told if answer in (CallOutcome.NO, CallOutcome.ENDED, CallOutcome.AGAIN) else answer.value


@contextmanager
def on_cores(cores: int) -> Iterator[Callable[[Callable[[T], R], Iterable[T]], Iterable[R]]]:
    """A `map` that uses this number of processes and returns the results in order."""
    if cores == 1:
        yield map
        return
    with ProcessPoolExecutor(cores, get_context("spawn"), logging.disable) as pool:
        try:
            yield lambda work, items: pool.map(work, items, chunksize=4)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def watched(results: Iterable[T], total: int, what: str) -> Iterator[T]:
    """The results as they come, with a bar on a terminal and a few lines elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield from _told_in_lines(results, total, what, console)
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        yield from progress.track(results, total=total, description=what)


def _told_in_lines(results: Iterable[T], total: int, what: str, console: Console) -> Iterator[T]:
    began_s = monotonic()
    for number, result in enumerate(results, 1):
        yield result
        if number * LINES_MAX // total > (number - 1) * LINES_MAX // total:
            console.print(f"{what}: {number}/{total} after {monotonic() - began_s:.0f} s", highlight=False)


def first_caught(name: str, seeds: int) -> Plan | None:
    """The first plan that catches the broken design; None if none of the seeds does."""
    design = BROKEN[name]
    plans = (design.plan.with_seed(seed) for seed in range(seeds))
    return next((plan for plan in plans if is_caught(design, plan)), None)


def is_caught(design: Broken, plan: Plan) -> bool:
    """Whether a run of the plan shows that the design, planted in it, is broken."""
    with pytest.MonkeyPatch.context() as patch:
        design.plant(patch)
        return design.is_caught_by(simulate(plan, design.is_caught_by).violations)
