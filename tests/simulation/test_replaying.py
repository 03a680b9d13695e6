"""Anybody can run many seeds; what fails is shown as a small story with the command that replays it."""

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from verification.simulation.plan import Plan
from verification.simulation.shrinking import shrunk
from verification.simulation.simulate import simulate
from verification.simulation.story import LINES_MAX, what_led_to
from verification.simulation.virtual_loop import Ended, run_virtually

ROOT = Path(__file__).parent.parent.parent
TAKES_ANY = "take a cell whoever has it"


@pytest.mark.once
def test_many_seeds_end_with_a_verdict() -> None:
    ran = _simulation("--seeds", "4", "--from", "7", "--cores", "2")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    verdict = ran.stdout.splitlines()[-1]
    assert verdict.startswith("4 seeds, ")
    assert verdict.endswith("per core on 2, 0 seeds with a broken promise")
    assert "seeds: 4/4" in ran.stderr


@pytest.mark.once
def test_a_bad_seed_is_shown_with_its_command_and_ends_with_status_1() -> None:
    ran = _simulation("--seeds", "1", "--from", "0", "--cores", "1", "--broken", TAKES_ANY, "--shrink", "12")
    assert ran.returncode == 1
    lines = ran.stdout.splitlines()
    assert lines[-1].endswith("1 seeds with a broken promise")
    told = next(line for line in lines if line.startswith("seed 0: "))
    assert _simulation(*told.split(" ", 5)[5].replace(f"'{TAKES_ANY}'", "TAKES").split()).returncode == 1
    assert any(line.startswith("smaller: python -m verification.simulation") for line in lines)
    assert any("VIOLATED" in line and " I1 " in line for line in lines)


@pytest.mark.once
def test_the_seeds_that_catch_a_broken_design_are_searched_on_all_cores() -> None:
    ran = _simulation("--find-broken", TAKES_ANY, "--cores", "2")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found, verdict = ran.stdout.splitlines()
    assert found.startswith(f"{TAKES_ANY}: seed ")
    assert verdict == "1 broken designs, 0 not caught within 2000 seeds"


def _simulation(*arguments: str) -> subprocess.CompletedProcess[str]:
    words = [TAKES_ANY if argument == "TAKES" else argument for argument in arguments]
    command = [sys.executable, "-m", "verification.simulation", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_plan_is_made_as_small_as_still_breaks() -> None:
    """Here whatever has two holders, and a store that fails."""
    plan = Plan(5, holders=7, holds_max=2, with_gate=True)
    small = shrunk(plan, lambda trial: trial.holders >= 2 and trial.faults > 0, runs_max=1_000)
    assert (small.holders, small.faults) == (2, plan.faults)
    assert (small.kills, small.twins, small.viewers, small.holds_max, small.with_gate) == (0, 0, 0, 0, False)
    assert small.day_s < 10
    assert (small.sweepers, small.relays) == (plan.sweepers, plan.relays)


def test_what_cannot_be_made_smaller_stays() -> None:
    assert shrunk(Plan(5), lambda _: False, runs_max=1_000) == Plan(5)


def test_a_long_story_is_reduced_to_what_matters() -> None:
    world = simulate(replace(Plan.drawn(2), faults=0.0))
    assert world.violations == []
    world.violations = [f"50.00 I1 s0/0 taken from live {next(iter(world.oracle.timelines))}"]
    told = what_led_to(world)
    assert 1 < len(told) <= LINES_MAX + 1
    assert max(float(line.split()[0]) for line in told if line != "...") <= 50.01


def test_a_command_replays_its_plan() -> None:
    assert Plan.drawn(3).command() == "python -m verification.simulation 3"
    command = Plan(3, seats=4, with_gate=True).command("x y")
    assert command == "python -m verification.simulation 3 --plain --seats 4 --with-gate --broken 'x y'"


def test_a_run_that_is_ended_leaves_no_task_behind_whoever_ends_it_again() -> None:
    ended: list[str] = []

    async def one(name: str) -> None:
        try:
            await asyncio.sleep(10)
        finally:
            asyncio.get_running_loop().end()  # type: ignore[attr-defined]  # a VirtualLoop
            await asyncio.sleep(0)
            ended.append(name)

    async def main() -> None:
        tasks = [asyncio.ensure_future(one(name)) for name in "abc"]
        await asyncio.sleep(1)
        asyncio.get_running_loop().end()  # type: ignore[attr-defined]
        await asyncio.gather(*tasks)

    with pytest.raises(Ended):
        run_virtually(0, main())
    assert sorted(ended) == ["a", "b", "c"]
