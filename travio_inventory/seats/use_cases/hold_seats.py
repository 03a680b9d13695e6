"""Holds seats: past the gate, then won or lost in the store."""

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.answer_deadline import only_reading
from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.kernel.refusals import InvalidRequest, Refusal, Violation
from travio_inventory.seats.commands import HoldSeatsCommand
from travio_inventory.seats.hold import Hold, HoldRequest
from travio_inventory.seats.limits import SeatLimits
from travio_inventory.seats.names import cells_on, group_named
from travio_inventory.seats.offer import Offer
from travio_inventory.seats.ports import Attempt, Cell, Holds, SeatGroupKey
from travio_inventory.seats.refusals import InvalidSeats, NotOnSale
from travio_inventory.seats.swapping import with_former_vehicle
from travio_inventory.seats.trip import Journey, Trip, TripKey
from travio_inventory.seats.use_cases.as_offered import sell_as_offered
from travio_inventory.seats.use_cases.guarded_steps import GuardedSteps
from travio_inventory.seats.use_cases.settling import Settling
from travio_inventory.seats.use_cases.step_runner import StepRunner
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog

_NO_TURN: Final = nullcontext()


@dataclass(frozen=True, slots=True)
class HoldTimes:
    """How long a hold lasts by default and at most; the cap on its total with extensions."""

    ttl_s_default: int
    ttl_s_max: int
    total_s_max: int
    gate_ttl_ms: int = 5_000
    sells_departed: bool = False
    """Whether journeys are sold whose first stop the trip has left."""

    def ttl_s(self, asked_s: int) -> int:
        """The seconds that a request for `asked_s` gets; 0 or less means the default. Raises InvalidRequest."""
        if asked_s > self.ttl_s_max:
            said = f"at most {self.ttl_s_max} seconds, not {asked_s}"
            raise InvalidRequest([Violation("hold_duration_seconds", said)])
        return asked_s if asked_s > 0 else self.ttl_s_default


class HoldSeats:
    """Every cell of the journey on every seat, or none."""

    def __init__(
        self,
        *,
        trips: TripCatalog,
        holds: Holds,
        guarded: GuardedSteps,
        steps: StepRunner,
        times: HoldTimes,
        limits: SeatLimits,
        clock: Clock,
        settling: Settling,
    ) -> None:
        self._trips = trips
        self._holds = holds
        self._guarded = guarded
        self._steps = steps
        self._times = times
        self._limits = limits
        self._clock = clock
        self._settling = settling

    async def __call__(self, actor: Actor, command: HoldSeatsCommand) -> Hold:
        """The hold, also if this key created it before. With `settles` the store answers, whatever the gate remembers.

        Raises PermissionDenied, InvalidRequest, InvalidSeats, TripNotFound, NotOnSale, Overloaded, SeatHeld,
        SeatUnavailable and SeatContended (from the gate, or from the store: see `Decided`), and all that `Holds.hold`
        raises.
        """
        actor.needs(Scope.SEATS_HOLD)
        key = TripKey(actor.organization, command.trip_id)
        offer = self._trips.known_with(key, command.seat_ids)
        if offer is None:
            with only_reading:
                offer = await self._trips.offer_with(key, command.seat_ids)
        return await sell_as_offered(self._trips, offer, lambda offer: self._of(offer, actor, command))

    async def _of(self, offer: Offer, actor: Actor, command: HoldSeatsCommand) -> Hold:
        trip = offer.trip
        journey = self._trips.journey(trip, command.ends)
        self._limits.check_hold(len(command.seat_ids), journey)
        gone: InvalidSeats | None = None
        try:
            seats = trip.in_layout_order(command.seat_ids)
        except InvalidSeats as refusal:
            trip, seats = await _as_it_was(trip, command, refusal)
            gone = refusal
        ttl_ms = self._times.ttl_s(command.ttl_s) * 1_000
        key, settles = command.key, command.settles
        token = self._guarded.new_token()
        asked_s = max(0, command.ttl_s)
        request = HoldRequest(actor, trip, journey, seats, ttl_ms, key, asked_s, token, offer.period)
        with self._settling.turn(actor) if settles else _NO_TURN:
            if gone is not None:
                return await self._held_before(request, gone, settles=settles)
            try:
                offer.check_sale(journey, self._clock.now_ms(), sells_departed=self._times.sells_departed)
            except NotOnSale as refusal:
                return await self._held_before(request, refusal, settles=settles)
            attempt = Attempt(token, request.claimant, key is not None, settles)
            return await self._guarded.run(
                cells_by_group(trip, journey, seats), attempt, lambda: self._holds.hold(request)
            )

    async def _held_before(self, request: HoldRequest, refusal: Refusal, *, settles: bool) -> Hold:
        """What the key made while the seats were on sale. Raises the refusal where that is nothing."""
        if request.key is not None:
            found = await self._steps.run(self._holds.held_before(request, settles=settles))
            if found is not None:
                return found
        raise refusal


async def _as_it_was(trip: Trip, command: HoldSeatsCommand, refusal: InvalidSeats) -> tuple[Trip, tuple[str, ...]]:
    """The trip as it had the seats that it has no more, and these in layout order: a key may stand for a hold of them.
    Raises the refusal.
    """
    had = trip.before.last_with(command.seat_ids)
    if command.key is None or had is None:
        raise refusal
    earlier = await off_loop(len(trip.former[had].seats), with_former_vehicle, trip, had)
    return earlier, earlier.in_layout_order(command.seat_ids)


def cells_by_group(trip: Trip, journey: Journey, seats: Iterable[str]) -> dict[SeatGroupKey, list[Cell]]:
    """The cells of the seats on the journey."""
    cells: dict[SeatGroupKey, list[Cell]] = {}
    for seat in seats:
        cells.setdefault(group_named(trip.key, trip.group_of(seat)), []).extend(cells_on(seat, journey))
    return cells
