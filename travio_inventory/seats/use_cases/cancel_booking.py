"""Cancels a booking, or some of its seats: they are on sale again."""

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.seats.commands import GiveBackCommand
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.ports import Holds
from travio_inventory.seats.use_cases.step_runner import StepRunner


class CancelBooking:
    """A repeated cancel has the same answer."""

    def __init__(self, holds: Holds, steps: StepRunner) -> None:
        self._holds = holds
        self._steps = steps

    async def __call__(self, actor: Actor, command: GiveBackCommand) -> Hold:
        """The cancelled booking, or what is left of it, found by its own id or by its hold's. Raises
        PermissionDenied, and what `Holds.cancel` raises.
        """
        actor.needs(Scope.BOOKINGS_CANCEL)
        return await self._steps.run(self._holds.cancel(actor, command.hold_id, command.parts))
