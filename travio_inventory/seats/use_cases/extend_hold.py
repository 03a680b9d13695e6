"""Extends a hold: its seats are kept longer, up to the cap on the total."""

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.clock import Clock
from travio_inventory.seats.commands import ExtendHoldCommand
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.ports import Holds
from travio_inventory.seats.use_cases.hold_seats import HoldTimes
from travio_inventory.seats.use_cases.step_runner import StepRunner


class ExtendHold:
    """The new time counts from now; an extension never shortens a hold."""

    def __init__(self, holds: Holds, steps: StepRunner, times: HoldTimes, clock: Clock) -> None:
        self._holds = holds
        self._steps = steps
        self._times = times
        self._clock = clock

    async def __call__(self, actor: Actor, command: ExtendHoldCommand) -> Hold:
        """The hold with its new expiry. Raises PermissionDenied, InvalidRequest, and what `Holds.extend`
        raises.
        """
        actor.needs(Scope.SEATS_HOLD)
        until_ms = self._clock.now_ms() + self._times.ttl_s(command.ttl_s) * 1_000
        total_ms_max = self._times.total_s_max * 1_000
        step = self._holds.extend(actor, command.hold_id, expires_at_ms=until_ms, total_ms_max=total_ms_max)
        return await self._steps.run(step)
