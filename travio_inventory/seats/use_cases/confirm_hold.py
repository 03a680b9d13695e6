"""Confirms a hold: it becomes a booking."""

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.refusals import InvalidRequest, Violation
from travio_inventory.seats.commands import ConfirmHoldCommand
from travio_inventory.seats.hold import Confirmed, Hold
from travio_inventory.seats.ports import Holds
from travio_inventory.seats.use_cases.step_runner import StepRunner


class ConfirmHold:
    """A late confirm succeeds too, as long as all of the hold's seats are still free."""

    def __init__(self, holds: Holds, steps: StepRunner) -> None:
        self._holds = holds
        self._steps = steps

    async def __call__(self, actor: Actor, command: ConfirmHoldCommand) -> Hold:
        """The booking. A passenger list, if given, must name exactly the seats to book: InvalidRequest. It is stored
        with the booking; a repeated confirm returns the stored one, whatever seats it has by now.

        Raises PermissionDenied, and what `Holds.confirm` raises.
        """
        actor.needs(Scope.BOOKINGS_CONFIRM)
        hold_id, passengers, seats = command.hold_id, command.passengers, command.seat_ids
        if passengers and not isinstance((hold := await self._holds.find(actor, hold_id)).state, Confirmed):
            listed, seats = [passenger.seat for passenger in passengers], seats or hold.seats
            if sorted(listed) != sorted(seats):
                said = f"the seats to book are {', '.join(seats)}, the list has {', '.join(listed)}"
                raise InvalidRequest([Violation("passengers", said)])
        return await self._steps.run(
            self._holds.confirm(actor, hold_id, Confirmed(command.order_id, passengers), seats or None)
        )
