"""Replays a seed as a story, runs many, or looks for the first seeds that catch broken designs."""

import logging
import os
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import fields
from functools import partial
from time import monotonic

from verification.simulation.broken_designs import BROKEN
from verification.simulation.plan import Plan
from verification.simulation.searching import Ran, first_caught, on_cores, run, simulate_with, watched
from verification.simulation.shrinking import shrunk
from verification.simulation.story import story, what_led_to

SEEDS_FOR_BROKEN = 2_000
STORIES_MAX = 3
"""How many seeds that break a promise are made smaller and shown."""


def main() -> int:
    """The exit status: 1 if a promise was broken."""
    logging.disable()  # the story shows what fails
    asked = _asked()
    if asked.find_broken is not None:
        return _find_broken(asked)
    if asked.seeds:
        return _search(asked)
    world = simulate_with(_plan(asked, asked.seed), asked.broken)
    lines = [line for line in story(world) if asked.about in line]
    _say(*lines, *_verdict(world.violations))
    return bool(world.violations)


def _search(asked: Namespace) -> int:
    """Run many seeds; show the story of those that break a promise."""
    began_s = monotonic()
    total, bad = Ran(Plan(0), seeds=0), list[Ran]()
    plans = [_plan(asked, seed) for seed in range(asked.first, asked.first + asked.seeds)]
    with on_cores(asked.cores) as spread:
        for one in watched(spread(partial(run, broken=asked.broken), plans), asked.seeds, "seeds"):
            total.add(one)
            if one.violations:
                bad.append(one)
                _tell(one, asked.broken, runs_max=asked.shrink if len(bad) <= STORIES_MAX else 0)
    seconds = monotonic() - began_s
    _say(*_counts(total))
    _say(
        f"{total.seeds} seeds, {total.calls} calls, {total.seeds / seconds:.1f} seeds/s, "
        f"{total.seeds / seconds / asked.cores:.1f} per core on {asked.cores}, {len(bad)} seeds with a broken promise"
    )
    return bool(bad)


def _tell(one: Ran, broken: str, *, runs_max: int) -> None:
    """The command that replays the run; then, of the smallest run that breaks the same promise, what led to it."""
    _say(f"seed {one.plan.seed}: {one.plan.command(broken)}", *_verdict(one.violations))
    if not runs_max:
        return
    promise = _promise(one.violations)
    small = shrunk(one.plan, lambda plan: _promise(run(plan, broken).violations) == promise, runs_max=runs_max)
    world = simulate_with(small, broken)
    _say(f"smaller: {small.command(broken)}", *what_led_to(world), *_verdict(world.violations), "")


def _promise(violations: list[str]) -> str:
    """Which promise was broken first: a violation begins with its moment or with the promise."""
    return next((word for violation in violations for word in violation.split() if word[0].isalpha()), "")


def _find_broken(asked: Namespace) -> int:
    """Find the first seed from each design's own plan that catches it; 1 if a design is never caught."""
    names = [name for name in BROKEN if asked.find_broken in name]
    missed = 0
    with on_cores(asked.cores) as spread:
        found = spread(partial(first_caught, seeds=asked.seeds or SEEDS_FOR_BROKEN), names)
        for name, plan in zip(names, found, strict=True):
            missed += plan is None
            _say(f"{name}: seed {plan.seed}: {plan.command(name)}" if plan else f"{name}: NOT CAUGHT")
    _say(f"{len(names)} broken designs, {missed} not caught within {asked.seeds or SEEDS_FOR_BROKEN} seeds")
    return bool(missed)


def _counts(total: Ran) -> list[str]:
    """How often what happened."""
    counted = {"faults": total.seen, "answers": total.told, "steps": total.steps}
    return [
        f"{name}: {', '.join(f'{what} {count}' for what, count in sorted(counts.items()))}"
        for name, counts in counted.items()
    ]


def _verdict(violations: list[str]) -> list[str]:
    return [f"VIOLATED {violation}" for violation in violations] or ["every promise kept"]


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _plan(asked: Namespace, seed: int) -> Plan:
    """The plan that the seed draws, or a plain plan, changed by the options."""
    drawn = Plan.forgetful if asked.forgetful else Plan.drawn
    base = BROKEN[asked.broken].plan if asked.broken else Plan(seed) if asked.plain else drawn(seed)
    given = {option.name: getattr(asked, option.name) for option in fields(Plan)[1:]}
    options = {name: getattr(base, name) if value is None else value for name, value in given.items()}
    return Plan(seed, **options)


def _asked() -> Namespace:
    parser = ArgumentParser(prog="python -m verification.simulation", description=__doc__)
    parser.add_argument("seed", type=int, nargs="?", default=0, help="replay this seed")
    parser.add_argument("--seeds", type=int, default=0, help="run so many seeds")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="SEED", help="the first of them")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)), help="default: all")
    parser.add_argument("--shrink", type=int, default=400, help="how many runs may go into making a bad seed small")
    parser.add_argument(
        "--broken",
        choices=sorted(BROKEN),
        default="",
        metavar="DESIGN",
        help="plant a broken design, with its own plan; docs/invariants.md lists them",
    )
    parser.add_argument(
        "--find-broken", nargs="?", const="", metavar="TEXT", help="find the first seed for each broken design"
    )
    parser.add_argument("--about", default="", help="tell only the lines that have this in them")
    parser.add_argument("--plain", action="store_true", help="nothing is drawn: all as below, but for what is given")
    parser.add_argument("--forgetful", action="store_true", help="draw days on which what has ended is forgotten")
    for option in fields(Plan)[1:]:
        name = "--" + option.name.replace("_", "-")
        if option.default is False:
            parser.add_argument(name, action="store_true", default=None)
        else:
            parser.add_argument(name, type=type(option.default), help=f"plainly {option.default}")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
