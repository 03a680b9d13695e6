"""A process on a store that forgets, where an hour takes no time: what is left of a trip's holds long afterwards."""

import asyncio
from collections.abc import Sequence

from travio_inventory.app.assemble import Assembly, InventoryRules, Ports, assemble
from travio_inventory.edge.absent import AbsentGate, AbsentSeatMapCache, AbsentTakenSeats
from travio_inventory.events.sinks.in_process import InProcess
from travio_inventory.kernel.actor import HOUSE, Actor
from travio_inventory.protocol.batches import Batches, Index
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.rules import Rules
from travio_inventory.seats.commands import ConfirmHoldCommand, GiveBackCommand, HoldsQuery, WaitlistPlace, WaitsQuery
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.trip import Ends
from travio_inventory.seats.use_cases.hold_seats import HoldTimes
from verification.kit import asking
from verification.kit.clocks import Hasty
from verification.kit.trips import a_trip
from verification.simulation.process import SkewedClock

HOUR_S = 3_600
TRIP = a_trip(organization="acme", seats=6, seats_per_group=1)
ANN = Actor(TRIP.key.organization, "ann")
KEPT = Retention(events_s=4 * HOUR_S, holds_s=2 * HOUR_S, keys_s=HOUR_S, held_s_max=HOUR_S)
ENDS = Ends("A", "D")


class Keeping:
    """A process that sells the trip with these lifetimes, by the loop's time."""

    def __init__(self, store: Batches, retention: Retention = KEPT) -> None:
        self.store = store
        ports = Ports(store, AbsentGate(), AbsentTakenSeats(), AbsentSeatMapCache(), {"told": InProcess()})
        rules = InventoryRules(HoldTimes(600, 600, 900), Rules(retention=retention))
        self.assembly: Assembly = assemble(ports, SkewedClock(0), Hasty(), rules)
        self.inventory = self.assembly.inventory

    async def open_trip(self) -> None:
        """Open it for sale."""
        await asking.open_trip(self.inventory, TRIP)

    async def hold(self, seat: str = "A1", *, key: str | None = None) -> Hold:
        """A hold by ann."""
        return await asking.hold_seats(self.inventory, ANN, TRIP.key.trip, ENDS, [seat], ttl_s=600, key=key)

    async def confirm(self, hold: Hold) -> Hold:
        """Ann buys it."""
        return await self.inventory.confirm_hold(ANN, ConfirmHoldCommand(hold_id=hold.id, order_id="order-1"))

    async def release(self, hold: Hold) -> Hold:
        """Ann gives it back."""
        return await self.inventory.release_hold(ANN, GiveBackCommand(hold_id=hold.id))

    async def cancel(self, booking: Hold) -> Hold:
        """Ann gives it back."""
        return await self.inventory.cancel_booking(ANN, GiveBackCommand(hold_id=booking.id))

    async def join(self, by: str = ANN.user) -> int:
        """The place of somebody on the trip's list."""
        place = WaitlistPlace(trip_id=TRIP.key.trip)
        return (await self.inventory.waitlist.join(Actor(ANN.organization, by), place)).position

    async def leave(self, by: str = ANN.user) -> None:
        """Somebody gives the place up."""
        await self.inventory.waitlist.leave(Actor(ANN.organization, by), WaitlistPlace(trip_id=TRIP.key.trip))

    async def waits(self, by: str = ANN.user) -> Sequence[int]:
        """The places that are listed."""
        page = await self.inventory.waitlist.page(Actor(ANN.organization, by), WaitsQuery())
        return [entry.position for entry in page.entries]

    async def sweep(self) -> None:
        """End what has lapsed."""
        await self.inventory.expire_holds(HOUSE)

    async def relay(self) -> None:
        """Publish all that is there."""
        while await self.assembly.relays["told"].round():
            pass

    async def listed(self, *, ended: bool = True) -> Sequence[Hold]:
        """What ann sees on her first page."""
        page = await self.inventory.read_holds.page(ANN, HoldsQuery(include_ended=ended, page_size=100))
        return page.holds

    async def entries(self, index: Index, bucket: str) -> Sequence[str]:
        """Those of the bucket."""
        return await self.store.read_index(index, bucket)

    async def pass_s(self, seconds: float) -> None:
        """That much time passes."""
        await asyncio.sleep(seconds)
