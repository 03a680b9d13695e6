"""Replays a seed and tells its story, or searches many: `python -m tests.simulation SEED --help`."""

import sys
from argparse import ArgumentParser, Namespace
from dataclasses import fields

import pytest

from tests.simulation.broken_designs import BROKEN
from tests.simulation.plan import Plan
from tests.simulation.story import story
from tests.simulation.world import World, simulate


def main() -> int:
    """The exit status: 1 where a promise was broken."""
    asked = _asked()
    with pytest.MonkeyPatch.context() as patch:
        if asked.broken:
            BROKEN[asked.broken].plant(patch)
        if asked.seeds > 1:
            return _search(asked)
        world = simulate(_plan(asked, asked.seed))
    lines = [line for line in story(world) if asked.about in line]
    sys.stdout.write("\n".join([*lines, *_verdict(world)]) + "\n")
    return bool(world.violations)


def _search(asked: Namespace) -> int:
    """Run many seeds; only those that break a promise are worth a line."""
    broken = 0
    for seed in range(asked.seed, asked.seed + asked.seeds):
        world = simulate(_plan(asked, seed))
        if world.violations:
            broken += 1
            sys.stdout.write("\n".join([world.plan.command(asked.broken), *_verdict(world)]) + "\n")
    sys.stdout.write(f"{asked.seeds} seeds, {broken} with a broken promise\n")
    return bool(broken)


def _verdict(world: World) -> list[str]:
    return [f"VIOLATED {violation}" for violation in world.violations] or ["every promise kept"]


def _plan(asked: Namespace, seed: int) -> Plan:
    options = {option.name: getattr(asked, option.name) for option in fields(Plan)}
    return Plan(**{**options, "seed": seed})


def _asked() -> Namespace:
    parser = ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", type=int)
    for option in fields(Plan)[1:]:
        name = "--" + option.name.replace("_", "-")
        if option.default is False:
            parser.add_argument(name, action="store_true")
        else:
            parser.add_argument(name, type=type(option.default), default=option.default)
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds to run, from SEED on")
    parser.add_argument("--broken", choices=sorted(BROKEN), default="", help="plant a broken design")
    parser.add_argument("--about", default="", help="tell only the lines that have this in them")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
