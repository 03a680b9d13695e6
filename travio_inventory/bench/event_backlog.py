"""How fast a relay catches up with events that were recorded while a sink was away."""

import asyncio
from collections.abc import Callable, Sequence
from random import SystemRandom
from secrets import token_hex
from time import perf_counter, process_time

from travio_inventory.app.assemble import Ports, assemble
from travio_inventory.app.backends import open_batches
from travio_inventory.app.dead_letters import dead_letters_of
from travio_inventory.app.service import open_inventory, rules_of
from travio_inventory.app.sinks import open_sink
from travio_inventory.bench import bench_trips
from travio_inventory.bench.event_consumers import somewhere
from travio_inventory.bench.measuring import rounded
from travio_inventory.edge.absent import AbsentGate, AbsentSeatMapCache, AbsentTakenSeats
from travio_inventory.events.choice import ChosenSink
from travio_inventory.kernel.actor import Actor, house_of
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.kernel.events import Event, PublishFailed, Sink
from travio_inventory.seats.commands import GiveBackCommand, HoldSeatsCommand
from travio_inventory.seats.trip import Ends, Trip
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.settings import Settings

SEATS_PER_TRIP = 1_000
AT_ONCE = 64
SHOW_EVERY_S = 1.0
IDLE_S_MAX = 60.0

Tell = Callable[[str, int, float], None]


async def catch_up(
    settings: Settings, sinks: Sequence[ChosenSink], events: int, show: Tell
) -> tuple[dict[str, object], list[str]]:
    """Record so many events, then publish all to each sink, as a relay that starts does. Raises StartFailed."""
    trips = await record(settings, events, show)
    recorded = events // 2 * 2
    found: dict[str, object] = {"recorded": recorded}
    wrong = []
    for chosen in sinks:
        of_sink = await _relayed(settings, chosen, trips, recorded, show)
        found[chosen.name] = of_sink
        if of_sink["published"] != recorded:
            said = f"{of_sink['published']} of {recorded} events were published to {chosen.name}"
            wrong.append(f"{said}: {of_sink['last_failure']}")
    return found, wrong


async def record(settings: Settings, events: int, show: Tell) -> frozenset[str]:
    """Holds and releases of seats; of which trips."""
    began, trips = perf_counter(), set[str]()
    async with open_inventory(settings) as inventory:
        left = events // 2
        while left > 0:
            trip = bench_trips.wide(min(SEATS_PER_TRIP, left))
            trips.add(trip.key.trip)
            await inventory.open_trip(house_of(trip.key.organization), trip)
            await _hold_and_release(inventory, trip)
            left -= len(trip.seats)
            show("recorded", events - 2 * max(left, 0), perf_counter() - began)
    return frozenset(trips)


class _Counted:
    """Counts what a sink accepted of some trips; what another run left in the store is published before it."""

    def __init__(self, sink: Sink, trips: frozenset[str]) -> None:
        self._sink = sink
        self._trips = trips
        self.own = 0
        self.others = 0

    async def publish(self, events: Sequence[Event]) -> None:
        """See Sink."""
        try:
            await self._sink.publish(events)
        except PublishFailed as failed:
            self._count([event for event in events if event.id in failed.accepted])
            raise
        self._count(events)

    def _count(self, events: Sequence[Event]) -> None:
        own = sum(event.partition_key in self._trips for event in events)
        self.own += own
        self.others += len(events) - own


async def _hold_and_release(inventory: Inventory, trip: Trip) -> None:
    room = asyncio.Semaphore(AT_ONCE)
    actor, ends = Actor(trip.key.organization, "bench"), Ends(trip.stops[0], trip.stops[-1])

    async def one(seat: str) -> None:
        async with room:
            command = HoldSeatsCommand(trip_id=trip.key.trip, ends=ends, seat_ids=(seat,), ttl_s=0)
            hold = await inventory.hold_seats(actor, command)
            await inventory.release_hold(actor, GiveBackCommand(hold_id=hold.id))

    await asyncio.gather(*(one(seat.id) for seat in trip.seats))


async def _relayed(
    settings: Settings, chosen: ChosenSink, trips: frozenset[str], events: int, show: Tell
) -> dict[str, object]:
    """One relay, from the first event that is kept; what else is in the store's journal is published too."""
    name = f"{chosen.name}-{token_hex(4)}"
    async with (
        somewhere(chosen.target),
        open_batches(settings) as store,
        open_sink(chosen, settings.store.data, dead_letters_of(settings, store)) as sink,
    ):
        counted = _Counted(sink, trips)
        ports = Ports(store.batches, AbsentGate(), AbsentTakenSeats(), AbsentSeatMapCache(), {name: counted})
        assembly = assemble(ports, SystemClock(), SystemRandom(), rules_of(settings))
        round_ = assembly.relays[name].round
        shown, failures, why = 0.0, 0, ""
        began, cpu_began = perf_counter(), process_time()
        well_at = began
        by_second: dict[int, int] = {}
        while counted.own < events and perf_counter() - well_at < IDLE_S_MAX:
            try:
                now = await round_()
            except PublishFailed as failed:
                now, failures, why = 0, failures + 1, str(failed)
                await asyncio.sleep(0.1)
            took_s = perf_counter() - began
            by_second[int(took_s)] = counted.own
            if now:
                well_at = perf_counter()
            if took_s - shown >= SHOW_EVERY_S:
                shown = took_s
                show(chosen.name, counted.own, took_s)
        took_s, cpu_s = perf_counter() - began, process_time() - cpu_began
        show(chosen.name, counted.own, took_s)
        await assembly.steps.drain(1)
    return {
        "published": counted.own,
        "published_of_others": counted.others,
        "seconds": round(took_s, 3),
        "per_second": rounded((counted.own + counted.others) / took_s),
        "relay_cpu_seconds": round(cpu_s, 2),
        "failed_rounds": failures,
        "last_failure": why,
        "by_second": by_second,
    }
