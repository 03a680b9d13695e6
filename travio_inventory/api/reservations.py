"""What callers do with the seats of events: the use cases of holds, for faces that speak of reservations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from travio_inventory.api.auth.caller import Caller
from travio_inventory.api.events import (
    EventSeat,
    Reservation,
    ReservationRef,
    SeatStatus,
    event_of,
    reservation_of,
    trip_of,
)
from travio_inventory.api.seat_versions import SeatVersions
from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.seats.commands import (
    ConfirmHoldCommand,
    GiveBackCommand,
    HoldRef,
    HoldSeatsCommand,
    SeatMapQuery,
)
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.refusals import BookingCancelled, HoldConfirmed, HoldNotFound, HoldReleased
from travio_inventory.seats.seat import Available
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.trip import WHOLE
from travio_inventory.seats.use_cases import Inventory

FIELDS: Final[Mapping[str, str]] = {"trip_id": "event_id", "seat_ids": "seat_numbers", "order_id": "booking_id"}
"""What reservations call the fields of holds."""


class Reservations:
    """Reservations are holds, and refused as these are. A caller that may act for others and names no user acts for
    whoever has the reservation.
    """

    def __init__(self, inventory: Inventory, versions: SeatVersions, clock: Clock) -> None:
        self._inventory = inventory
        self._versions = versions
        self._clock = clock

    async def free_seats(self, actor: Actor, query: SeatMapQuery) -> Sequence[EventSeat]:
        """The free seats of the event in layout order; none while it is not sold. Raises what ReadSeatMap raises."""
        seat_map = await self._inventory.read_seat_map(actor, query)
        return await off_loop(len(seat_map.trip.seats), _free, seat_map, self._versions.of(seat_map))

    async def reserve(self, actor: Actor, command: HoldSeatsCommand) -> Reservation:
        """All of the seats, or none. Raises what HoldSeats raises."""
        hold = await self._inventory.hold_seats(actor, command)
        return await self._done(actor, hold, hold.recorded.at_ms or hold.created_at_ms)

    async def find(self, caller: Caller, hold_id: HoldRef) -> Reservation:
        """The reservation as it is now. Raises what ReadHolds raises."""
        actor = await holder_of(self._inventory, caller, hold_id)
        hold = await self._inventory.read_holds.one(actor, hold_id)
        return await self._told(actor, hold, hold.recorded.at_ms)

    async def confirm(self, caller: Caller, command: ConfirmHoldCommand) -> Reservation:
        """Book it. Raises what ConfirmHold raises."""
        actor = await holder_of(self._inventory, caller, HoldRef(command.hold_id))
        hold = await self._inventory.confirm_hold(actor, command)
        return await self._done(actor, hold, self._clock.now_ms())

    async def confirm_all(self, caller: Caller, ref: ReservationRef, command: ConfirmHoldCommand) -> Reservation:
        """Book the hold of the reservation, with all its seats that were not given up. Raises HoldReleased if that of
        the reservation was, and InvalidSeats if one is given up at the same time; then nothing is booked.
        """
        actor = await holder_of(self._inventory, caller, HoldRef(ref.hold))
        may_read = replace(actor, scopes=actor.scopes | {Scope.HOLDS_READ})  # whoever books it is told what it is
        hold = await self._inventory.read_holds.one(may_read, HoldRef(ref.hold))
        if ref.seat and ref.seat not in hold.seats:
            raise HoldReleased if ref.seat in hold.given_up else HoldNotFound
        booked = await self._inventory.confirm_hold(actor, replace(command, seat_ids=hold.seats))
        return await self._done(actor, booked, self._clock.now_ms())

    async def cancel(self, caller: Caller, command: GiveBackCommand) -> Reservation:
        """Give it up, or cancel what was booked. Raises what ReleaseHold and CancelBooking raise."""
        actor = await holder_of(self._inventory, caller, HoldRef(command.hold_id))
        try:
            hold = await self._inventory.release_hold(actor, command)
        except (HoldConfirmed, BookingCancelled):
            hold = await self._inventory.cancel_booking(actor, command)
        return await self._done(actor, hold, self._clock.now_ms())

    async def _done(self, actor: Actor, hold: Hold, changed_at_ms: int) -> Reservation:
        """What a step made of the hold. Raises OutcomeUnknown: BackendUnavailable would mean that nothing was done."""
        try:
            return await self._told(actor, hold, changed_at_ms)
        except BackendUnavailable:
            raise OutcomeUnknown from None

    async def _told(self, actor: Actor, hold: Hold, changed_at_ms: int) -> Reservation:
        trip = await self._inventory.read_trips.of_hold(actor, hold)
        self._versions.told(trip, (*hold.seats, *hold.given_up), changed_at_ms)
        return reservation_of(hold, trip, now_ms=self._clock.now_ms(), changed_at_ms=changed_at_ms)


async def holder_of(inventory: Inventory, caller: Caller, hold_id: HoldRef) -> Actor:
    """On whose behalf the caller acts on the hold. Raises PermissionDenied, HoldNotFound, BackendUnavailable."""
    if not caller.is_anyone:
        return caller.as_user()
    user = await inventory.read_holds.holder(caller.as_organization(), hold_id)
    return caller.acting_for(user).as_user()


def _free(seat_map: SeatMap, versions: Iterable[int]) -> Sequence[EventSeat]:
    event = event_of(seat_map.trip.key.trip)
    return [
        EventSeat(event, seat, SeatStatus.AVAILABLE, version)
        for (seat, state), version in zip(seat_map.seats(), versions, strict=True)
        if isinstance(state, Available)
    ]


def seats_query(event: int) -> SeatMapQuery:
    """For the seats of the event. Raises InvalidRequest, as all of these do."""
    return SeatMapQuery(trip_id=trip_of(event), ends=WHOLE)


def reserving(event: int, seats: Iterable[str], key: str | None = None) -> HoldSeatsCommand:
    """Reserve these seats of the event."""
    return HoldSeatsCommand(trip_id=trip_of(event), ends=WHOLE, seat_ids=tuple(seats), key=key)


def confirming(refs: Iterable[ReservationRef], booking: str) -> list[ConfirmHoldCommand]:
    """Book these reservations, hold by hold. Where seats of a hold are named, its others are given up."""
    return [
        ConfirmHoldCommand(hold_id=hold, order_id=booking, seat_ids=seats) for hold, seats in _by_hold(refs).items()
    ]


def cancelling(refs: Iterable[ReservationRef]) -> list[GiveBackCommand]:
    """Give up these reservations, hold by hold. Where seats of a hold are named, it keeps its others."""
    return [GiveBackCommand(hold_id=hold, seat_ids=seats) for hold, seats in _by_hold(refs).items()]


def _by_hold(refs: Iterable[ReservationRef]) -> Mapping[str, tuple[str, ...]]:
    """Of each hold the seats that are named, none where the hold itself is."""
    named: dict[str, dict[str, None]] = {}
    for hold, seat in refs:
        named.setdefault(hold, {})[seat] = None
    return {hold: () if "" in seats else tuple(seats) for hold, seats in named.items()}
