"""Moves a hold or a booking: to other seats, another journey, or both."""

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.refusals import Violation
from travio_inventory.seats.commands import MoveHoldCommand
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.limits import SeatLimits
from travio_inventory.seats.move import Move
from travio_inventory.seats.offer import Offer, SalesState
from travio_inventory.seats.ports import Holds
from travio_inventory.seats.refusals import HoldNotFound, InvalidSeats, NotOnSale, TripNotFound, TripOpening
from travio_inventory.seats.swapping import has_place
from travio_inventory.seats.use_cases.hold_seats import HoldTimes
from travio_inventory.seats.use_cases.step_runner import StepRunner
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog


class MoveHold:
    """All or none: the old seats are free only if the new ones are won. A repeated move has the same answer."""

    def __init__(
        self,
        trips: TripCatalog,
        holds: Holds,
        steps: StepRunner,
        times: HoldTimes,
        limits: SeatLimits,
        clock: Clock,
    ) -> None:
        self._trips = trips
        self._holds = holds
        self._steps = steps
        self._times = times
        self._limits = limits
        self._clock = clock

    async def __call__(self, actor: Actor, command: MoveHoldCommand) -> Hold:
        """The hold as it is then. It passes no gate: the store decides. What has no place in the trip's present vehicle
        is moved also while sales are closed. Raises PermissionDenied, InvalidSeats,
        InvalidJourney, NotOnSale, and what `Holds.move` raises.
        """
        actor.needs(Scope.SEATS_HOLD)
        hold = await self._holds.find(actor, command.hold_id)
        try:
            offer = await self._trips.offer_with(hold.trip, [seat for _, seat in command.moves])
            if offer.state is not SalesState.OPEN:
                offer = await self._trips.check(hold.trip)  # it may have been opened since
            try:
                return await self._move(actor, hold, offer, command)
            except TripOpening:
                now = await self._trips.check(hold.trip)
                if now.period == offer.period:
                    raise
                return await self._move(actor, hold, now, command)
        except TripNotFound:
            raise HoldNotFound from None

    async def _move(self, actor: Actor, hold: Hold, offer: Offer, command: MoveHoldCommand) -> Hold:
        trip = offer.trip
        if unknown := [seat for _, seat in command.moves if not trip.has_seat(seat)]:
            raise InvalidSeats([Violation("moves", f"this trip has no seat {unknown[0]!r}")])
        journey = self._trips.journey(trip, command.ends) if command.ends is not None else None
        to = Move(trip, dict(command.moves), journey, command.version, offer.period)
        try:
            offer.check_sale(journey or hold.journey, self._clock.now_ms(), sells_departed=self._times.sells_departed)
        except NotOnSale:
            if to.of(hold) is None:  # it was moved while the trip was on sale
                return hold
            if offer.state is not SalesState.CLOSED or has_place(trip, hold):
                raise
        if journey is not None and len(journey.segments) > len(hold.journey.segments):
            self._limits.check_hold(len(hold.seats), journey)
        return await self._steps.run(self._holds.move(actor, command.hold_id, to))
