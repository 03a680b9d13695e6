"""A process that sells and relays, on a store that several such may share."""

import asyncio
from collections.abc import Collection, Sequence
from random import Random

from travio_inventory.app.assemble import Assembly, InventoryRules, Ports, assemble
from travio_inventory.edge.absent import AbsentGate, AbsentSeatMapCache, AbsentTakenSeats
from travio_inventory.events.relay import EventRelay
from travio_inventory.kernel.actor import Actor, house_of
from travio_inventory.kernel.events import Event, PublishFailed, Sink
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import Batches
from travio_inventory.protocol.journal import EventJournal
from travio_inventory.protocol.late_events import LateEvents
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.rules import Rules
from travio_inventory.seats.commands import GiveBackCommand
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.trip import Ends, Trip
from travio_inventory.seats.use_cases.hold_seats import HoldTimes
from travio_inventory.store.memory import MemoryBatches
from verification.kit.asking import hold_seats
from verification.kit.clocks import Clock
from verification.kit.trips import a_trip

TRIP = a_trip(seats=18, seats_per_group=1)
ANN = Actor(TRIP.key.organization, "ann")
MINUTES = 12
"""Longer than the time in which an epoch is visited."""
KEPT = Retention()


class RecordingSink:
    """A sink that can be made to refuse, or never to return."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.is_down = False
        self.is_stuck = False

    async def publish(self, events: Sequence[Event]) -> None:
        """See Sink."""
        if self.is_stuck:
            await asyncio.Event().wait()
        if self.is_down:
            raise PublishFailed("away")
        self.ids += [event.id for event in events]


class Service:
    """A process that sells and relays to these sinks. A new one on the same store remembers nothing."""

    def __init__(
        self,
        store: Batches,
        clock: Clock,
        *,
        is_alone: bool = False,
        lists_are_whole: bool = False,
        retention: Retention = KEPT,
        seed: int = 0,
        shared: Collection[str] = (),
        **sinks: Sink,
    ) -> None:
        self.clock = clock
        ports = Ports(store, AbsentGate(), AbsentTakenSeats(), AbsentSeatMapCache(), sinks, shared=shared)
        times, protocol = HoldTimes(600, 600, 900), Rules(retention=retention)
        rules = InventoryRules(times, protocol, is_alone=is_alone, lists_are_whole=lists_are_whole)
        self.assembly: Assembly = assemble(ports, clock, Random(seed), rules)

    def journal_of(self, sink: str) -> EventJournal:
        """The journal that the relay to the sink reads."""
        relay = self.assembly.relays[sink].round
        assert isinstance(relay, EventRelay)
        assert isinstance(relay._journal, LateEvents)
        return relay._journal._journal

    async def hold(self, seat: str) -> Hold:
        """A hold by ann."""
        return await hold_seats(self.assembly.inventory, ANN, TRIP.key.trip, Ends("A", "D"), [seat], ttl_s=0)

    async def release(self, hold: Hold) -> None:
        """Ann releases it."""
        await self.assembly.inventory.release_hold(ANN, GiveBackCommand(hold_id=hold.id))

    async def relay_to(self, *sinks: str, minutes: int = 0) -> None:
        """A round for each of the sinks, then one every ten seconds for this time; a relay that cannot publish tries
        again.
        """
        for second in range(0, 60 * minutes + 1, 10):
            if second:
                self.clock.pass_s(10)
            for sink in sinks:
                try:
                    await self.assembly.relays[sink].round()
                except (PublishFailed, BackendUnavailable):
                    continue


async def on_sale() -> tuple[MemoryBatches, Clock]:
    """A store on which the trip is sold."""
    store, clock = MemoryBatches(None, Random(0), asyncio.sleep), Clock()
    await put_on_sale(Service(store, clock))
    return store, clock


async def put_on_sale(service: Service, trip: Trip = TRIP) -> None:
    """The trip, on the store of that process."""
    await service.assembly.inventory.open_trip(house_of(trip.key.organization), trip)


async def sell(service: Service, seats: Sequence[int]) -> list[str]:
    """Hold and release these seats; the ids of the events."""
    ids = []
    for seat in seats:
        hold = await service.hold(f"A{seat}")
        await service.release(hold)
        ids += [f"{hold.id}~0", f"{hold.id}~1"]
    return ids
