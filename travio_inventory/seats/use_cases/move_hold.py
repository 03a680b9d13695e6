"""Moves a hold or a booking: to other seats, another journey, or both."""

from contextlib import nullcontext
from functools import partial

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.answer_deadline import only_reading
from travio_inventory.kernel.clock import Clock
from travio_inventory.seats.commands import MoveHoldCommand
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.limits import SeatLimits
from travio_inventory.seats.move import Move
from travio_inventory.seats.offer import Offer, SalesState
from travio_inventory.seats.ports import Attempt, Cell, Holds, SeatGroupKey
from travio_inventory.seats.refusals import HoldNotFound, NotOnSale, TripNotFound
from travio_inventory.seats.swapping import has_place
from travio_inventory.seats.use_cases.as_offered import sell_as_offered
from travio_inventory.seats.use_cases.guarded_steps import Cells, GuardedSteps, cells_of
from travio_inventory.seats.use_cases.hold_seats import HoldTimes
from travio_inventory.seats.use_cases.settling import Settling
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog


class MoveHold:
    """All or none: the old seats are free only if the new ones are won. A repeated move has the same answer."""

    def __init__(
        self,
        trips: TripCatalog,
        holds: Holds,
        guarded: GuardedSteps,
        settling: Settling,
        times: HoldTimes,
        limits: SeatLimits,
        clock: Clock,
    ) -> None:
        self._trips = trips
        self._holds = holds
        self._guarded = guarded
        self._settling = settling
        self._times = times
        self._limits = limits
        self._clock = clock

    async def __call__(self, actor: Actor, command: MoveHoldCommand) -> Hold:
        """The hold as it is then. What has no place in the trip's present vehicle is moved also while sales are closed.
        With `settles` the store answers, whatever the gate remembers. Raises PermissionDenied, InvalidJourney,
        NotOnSale, Overloaded, SeatHeld, SeatUnavailable and SeatContended (from the gate, or from the store: see
        `Decided`), and what `Holds.move` raises.
        """
        actor.needs(Scope.SEATS_HOLD)
        try:
            with only_reading:
                hold = await self._holds.find(actor, command.hold_id)
                offer = await self._trips.offer_with(hold.trip, [seat for _, seat in command.moves])
            return await sell_as_offered(self._trips, offer, lambda offer: self._move(actor, hold, offer, command))
        except TripNotFound:
            raise HoldNotFound from None

    async def _move(self, actor: Actor, hold: Hold, offer: Offer, command: MoveHoldCommand) -> Hold:
        trip = offer.trip
        journey = self._trips.journey(trip, command.ends) if command.ends is not None else None
        to = Move(trip, dict(command.moves), journey, command.version, offer.period)
        try:
            offer.check_sale(journey or hold.journey, self._clock.now_ms(), sells_departed=self._times.sells_departed)
        except NotOnSale:
            if to.is_done(hold):  # it was moved while the trip was on sale
                return hold
            if offer.state is not SalesState.CLOSED or has_place(trip, hold):
                raise
        if journey is not None and len(journey.segments) > len(hold.journey.segments):
            self._limits.check_hold(len(hold.seats), journey)
        attempt = Attempt(self._guarded.new_token(), hold.claimant, settles=command.settles)
        with self._settling.turn(actor) if command.settles else nullcontext():
            step = partial(self._holds.move, actor, command.hold_id, to)
            return await self._guarded.run(_gained(hold, to), attempt, step)


def _gained(hold: Hold, to: Move) -> Cells:
    """What the move takes, of a hold as it was read: only that is asked for at the gate."""
    after = to.of(hold) if hold.is_live else None
    if after is None:
        return {}
    had, gained = {*cells_of(hold)}, dict[SeatGroupKey, list[Cell]]()
    for group, cell in cells_of(after):
        if (group, cell) not in had:
            gained.setdefault(group, []).append(cell)
    return gained
