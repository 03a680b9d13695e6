"""What becomes of a confirm while a seat of it is given up."""

from dataclasses import replace

import pytest

from travio_inventory.api.auth.caller import Caller
from travio_inventory.api.auth.off import ANYBODY
from travio_inventory.api.events import ReservationRef, ReservationStatus, SoldSeat, hall, trip_of
from travio_inventory.api.reservations import Reservations, cancelling, reserving
from travio_inventory.api.seat_versions import SeatVersions
from travio_inventory.app.service import open_inventory
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.seats.commands import ConfirmHoldCommand, HoldRef
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.refusals import InvalidSeats
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.seats.use_cases.confirm_hold import ConfirmHold
from verification.kit.in_process import settings_of

ALICE = Actor("acme", "alice")


class CancelledBefore(ConfirmHold):
    """A confirm that comes after the cancel of a seat."""

    def __init__(self, inventory: Inventory, seat: str) -> None:
        self._inventory = inventory
        self._seat = seat

    async def __call__(self, actor: Actor, command: ConfirmHoldCommand) -> Hold:
        for cancel in cancelling([ReservationRef(command.hold_id, self._seat)]):
            await self._inventory.release_hold(actor, cancel)
        return await self._inventory.confirm_hold(actor, command)


async def test_a_confirm_is_refused_and_books_nothing_if_a_seat_is_given_up_meanwhile() -> None:
    caller, clock = Caller(ANYBODY, ALICE.organization, ALICE.user), SystemClock()
    versions = SeatVersions(clock)
    async with open_inventory(settings_of()) as inventory:
        await inventory.open_trip(ALICE, hall(TripKey("acme", trip_of(1)), [SoldSeat("A1"), SoldSeat("A2")]))
        made = await Reservations(inventory, versions, clock).reserve(ALICE, reserving(1, ["A1", "A2"]))
        late = Reservations(replace(inventory, confirm_hold=CancelledBefore(inventory, "A2")), versions, clock)
        command = ConfirmHoldCommand(hold_id=made.hold.id, order_id="b1")
        with pytest.raises(InvalidSeats):
            await late.confirm_all(caller, ReservationRef(made.hold.id, "A2"), command)
        found = await late.find(caller, HoldRef(made.hold.id))
        assert (found.status, found.hold.seats) == (ReservationStatus.ACTIVE, ("A1",))
