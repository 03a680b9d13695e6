"""Takes seats off sale and puts them back: a block is a hold by the house without expiry."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.answer_deadline import only_reading
from travio_inventory.kernel.limits import CELLS_PER_HOLD_MAX, SEATS_BLOCKED_AT_ONCE_MAX
from travio_inventory.kernel.refusals import OutcomeUnknown, RetryableRefusal, Violation
from travio_inventory.seats.commands import BlockSeatsCommand
from travio_inventory.seats.layout import first_repeated
from travio_inventory.seats.offer import Offer, SalesState
from travio_inventory.seats.ports import Holds
from travio_inventory.seats.refusals import InvalidSeats, SalesClosed, TripOpening
from travio_inventory.seats.trip import Trip, TripKey
from travio_inventory.seats.use_cases.step_runner import StepRunner
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog


class SeatsUpdated(NamedTuple):
    """How many requested seats are blocked now, how many are back on sale, and which of the seats to unblock were not
    blocked: they stay as they are.
    """

    blocked: int
    unblocked: int
    not_blocked: tuple[str, ...]


class BlockSeats:
    """A seat is blocked on all segments or not at all; a held or sold seat is never blocked."""

    def __init__(self, trips: TripCatalog, holds: Holds, steps: StepRunner) -> None:
        self._trips = trips
        self._holds = holds
        self._steps = steps

    async def __call__(self, actor: Actor, command: BlockSeatsCommand) -> SeatsUpdated:
        """Block the first seats, all or none; then unblock the others, one by one. Nothing is blocked while the vehicle
        is swapped: it would be a seat of the old one.

        Raises PermissionDenied, InvalidSeats, TripNotFound, SalesClosed, SeatHeld, SeatUnavailable, SeatContended,
        TripOpening, BackendUnavailable, OutcomeUnknown.
        """
        actor.needs(Scope.SEATS_BLOCK)
        key = TripKey(actor.organization, command.trip_id)
        with only_reading:
            offer = await self._trips.offer_with(key, [update.seat_id for update in command.updates])
        _check(offer.trip, command)
        try:
            return await self._steps.run(self._update(offer, command.blocked, command.unblocked))
        except TripOpening:
            now = await self._trips.check(key)
            if now.period == offer.period:
                raise
            _check(now.trip, command)  # it may have another vehicle
            return await self._steps.run(self._update(now, command.blocked, command.unblocked))

    async def _update(self, offer: Offer, reasons: Mapping[str, str], unblocked: Sequence[str]) -> SeatsUpdated:
        trip = offer.trip
        if reasons and offer.state is SalesState.SWAPPING:
            raise SalesClosed(offer.state.value)
        if reasons:
            await self._holds.block(trip, reasons, period=offer.period)
        changed: list[str] = []
        for seat in unblocked:
            try:
                if await self._holds.unblock(trip, seat, period=offer.period):
                    changed.append(seat)
            except RetryableRefusal:  # which would say that nothing was done
                if reasons or changed:
                    raise OutcomeUnknown from None
                raise
        return SeatsUpdated(len(reasons), len(changed), tuple(seat for seat in unblocked if seat not in changed))


def _check(trip: Trip, command: BlockSeatsCommand) -> None:
    """Raises InvalidSeats."""
    asked = [update.seat_id for update in command.updates]
    unknown = [seat for seat in asked if not trip.has_seat(seat)]
    most = min(SEATS_BLOCKED_AT_ONCE_MAX, CELLS_PER_HOLD_MAX // len(trip.segments))
    if unknown:
        raise InvalidSeats([Violation("updates", f"this trip has no seat {unknown[0]!r}")])
    if repeated := first_repeated(asked):
        raise InvalidSeats([Violation("updates", f"seat {repeated!r} is named twice")])
    if (count := len(command.blocked)) > most:
        said = f"at most {most} seats of this trip can be blocked in one call, not {count}: use several calls"
        raise InvalidSeats([Violation("updates", said)])
