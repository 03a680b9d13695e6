"""Runs a plan from its morning to its reckoning."""

from verification.simulation.oracle import Violated
from verification.simulation.plan import Plan
from verification.simulation.reckoning import Reckoning
from verification.simulation.virtual_loop import Ended, run_virtually
from verification.simulation.world import Enough, World, never


def simulate(plan: Plan, is_enough: Enough = never) -> World:
    """Run the plan; `violations` are the promises that it broke, each with its moment, and what nobody expected. The
    day ends early when those seen so far are enough.
    """
    world = World(plan, is_enough)
    try:
        run_virtually(plan.seed, _run(world))
    except* Ended:
        pass
    except* Violated as group:
        world.violations += [str(violated) for violated in _leaves(group)]
    except* Exception as group:  # noqa: BLE001 - whatever goes wrong in a run is its result
        world.violations += [f"CRASHED {error!r}" for error in _leaves(group)]
    return world


async def _run(world: World) -> None:
    callers = await world.run()
    await Reckoning(world).judge(callers)


def _leaves(error: BaseException) -> list[BaseException]:
    """The error itself, or all that a group of them holds."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
