"""Releases a hold, or some of its seats: they are free at once."""

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.seats.commands import GiveBackCommand
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.ports import Holds
from travio_inventory.seats.use_cases.step_runner import StepRunner


class ReleaseHold:
    """A repeated release has the same answer."""

    def __init__(self, holds: Holds, steps: StepRunner) -> None:
        self._holds = holds
        self._steps = steps

    async def __call__(self, actor: Actor, command: GiveBackCommand) -> Hold:
        """The released hold, or what is left of it. Raises PermissionDenied, and what `Holds.release` raises."""
        actor.needs(Scope.SEATS_HOLD)
        return await self._steps.run(self._holds.release(actor, command.hold_id, command.parts))
