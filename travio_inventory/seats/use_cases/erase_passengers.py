"""Erases the passengers of a booking: it keeps its seats, and nothing of who sits there."""

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.seats.commands import HoldRef
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.ports import Holds
from travio_inventory.seats.use_cases.step_runner import StepRunner


class ErasePassengers:
    """A repeated call has the same answer."""

    def __init__(self, holds: Holds, steps: StepRunner) -> None:
        self._holds = holds
        self._steps = steps

    async def __call__(self, actor: Actor, booking_id: HoldRef) -> Hold:
        """The booking without passengers, found by its own id or by its hold's. Raises PermissionDenied, and what
        `Holds.erase` raises.
        """
        actor.needs(Scope.BOOKINGS_CONFIRM)
        return await self._steps.run(self._holds.erase(actor, booking_id))
