"""Live maps in virtual time: two processes, a slow store, customers, and watchers who come and go. Whatever the order,
each watcher ends with the map as it is; and without one of the feed's rules one does not.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from travio_inventory.api.live.bell import Sleeper
from travio_inventory.api.live.feed import Feed, FeedRules
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.api.live.told import Snapshot
from travio_inventory.api.live.view import View
from travio_inventory.edge.local import LocalGate, LocalSeatMapCache
from travio_inventory.events.sinks.in_process import InProcess
from travio_inventory.kernel.actor import Actor, service_of
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.seats.commands import GiveBackCommand, SeatMapQuery
from travio_inventory.seats.limits import SeatLimits
from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.seats.opening import Portions
from travio_inventory.seats.seat import Available
from travio_inventory.seats.trip import Ends, Trip, TripKey
from travio_inventory.store.memory import Faults, MemoryBatches
from verification.kit import asking
from verification.kit.clocks import START_MS
from verification.kit.edges import Edge
from verification.kit.sale import Process
from verification.kit.trips import a_trip
from verification.kit.watching import Watcher
from verification.simulation.virtual_loop import now_s, run_virtually

SEEDS = range(8)
MORE_SEEDS = range(20, 60)
"""One in ten shows a change that comes while a seat group is read."""
CUSTOMERS, WATCHERS = 5, 6
DAY_S, QUIET_S = 12.0, 15.0
JOURNEYS = ("A-B", "B-C", "A-C")
NEVER_S = 1_000_000.0


class VirtualClock:
    """The clock of the loop."""

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return START_MS + self.elapsed_ms()

    def elapsed_ms(self) -> int:
        """Milliseconds since the run began."""
        return round(now_s() * 1_000)


class HeardCache(LocalSeatMapCache):
    """A process's maps: what is invalidated here the other processes hear a moment later, or never."""

    def __init__(self, clock: VirtualClock, random: Random, *, loss: float) -> None:
        super().__init__(clock.elapsed_ms, trips_max=8)
        self.signals = MapSignals()
        self.others: list[HeardCache] = []
        self._random = random
        self._loss = loss

    async def invalidate(self, trip: TripKey, groups: Collection[int]) -> bool:
        """See SeatMapCache."""
        for other in self.others:
            if self._random.random() >= self._loss:
                asyncio.get_running_loop().call_later(self._random.uniform(0, 0.1), other.hear, trip, groups)
        return await super().invalidate(trip, groups)

    def hear(self, trip: TripKey, groups: Collection[int]) -> None:
        """Another process has changed these."""
        with suppress(StopIteration):
            super().invalidate(trip, groups).send(None)
        self.signals.changed(trip)


@dataclass
class Place:
    """A process, and its live feeds."""

    process: Process
    feeds: Feeds


class Day:
    """One run. `complaints` say what must not be. In every other one messages are lost."""

    look_again_s = 2.0

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.loses = seed % 2 == 1
        self.complaints: list[str] = []
        self.trip: Trip = a_trip(stops="ABC", seats=6, seats_per_group=2)
        self.clock = VirtualClock()
        store = MemoryBatches(Faults(delay_s_max=0.04), Random(seed), asyncio.sleep)
        caches = [HeardCache(self.clock, self.random, loss=0.3 if self.loses else 0.0) for _ in range(2)]
        for cache in caches:
            cache.others = [other for other in caches if other is not cache]
        self.places = [self._place(store, cache) for cache in caches]
        self.watchers: list[tuple[Place, str, Watcher]] = []

    def _place(self, store: MemoryBatches, cache: HeardCache) -> Place:
        gate = LocalGate(self.clock.elapsed_ms, self.clock.now_ms, entries_max=1_000)
        process = Process(
            store,
            self.clock,  # type: ignore[arg-type]  # it shows the time, as any clock
            holds_per_holder_max=0,
            edge=Edge(gate, gate, cache, signals=cache.signals),
            sink=InProcess(),
            limits=SeatLimits(),
            portions=Portions(),
        )
        rules = FeedRules(look_again_s=self.look_again_s if self.loses else NEVER_S, linger_s=1.0, heartbeat_s=3.0)
        return Place(process, Feeds(process.inventory.follow_maps, cache.signals, self.clock, rules))

    async def run(self) -> list[str]:
        """The whole day, until all is quiet."""
        await asking.open_trip(self.places[0].process.inventory, self.trip)
        watching = [asyncio.ensure_future(self._watch()) for _ in range(WATCHERS)]
        await asyncio.gather(*(self._buy(number) for number in range(CUSTOMERS)))
        await asyncio.sleep(QUIET_S)
        await self._compare()
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        for place in self.places:
            await place.feeds.close()
            await place.process.steps.drain(5)
        return self.complaints

    async def _buy(self, number: int) -> None:
        """Hold, then release or not, and look at the live map in between."""
        actor = Actor(self.trip.key.organization, f"u{number}")
        while now_s() < DAY_S:
            place, journey = self.random.choice(self.places), self.random.choice(JOURNEYS)
            seat = f"A{self.random.randint(1, 6)}"
            ends = Ends(*journey.split("-"))  # type: ignore[arg-type]  # two of them
            try:
                hold = await asking.hold_seats(place.process.inventory, actor, self.trip.key.trip, ends, [seat])
                await self._own_hold_shows(place, ends, seat)
                await asyncio.sleep(self.random.uniform(0, 0.5))
                await place.process.inventory.release_hold(actor, GiveBackCommand(hold_id=hold.id))
            except Refusal:
                pass
            await asyncio.sleep(self.random.uniform(0, 0.3))

    async def _own_hold_shows(self, place: Place, ends: Ends, seat: str) -> None:
        query = SeatMapQuery(trip_id=self.trip.key.trip, ends=ends)
        async with aclosing(place.feeds.subscribe(service_of(self.trip.key.organization), query)) as feed:
            told = await anext(feed)
        assert isinstance(told, Snapshot)
        states = {each.id: state for each, state in zip(told.seats, told.states, strict=True)}
        if isinstance(states[seat], Available):
            self.complaints.append(f"{seat} is held, and shown as available to who holds it")

    async def _watch(self) -> None:
        """Follow, leave, and come back, now and then without reading for a while."""
        place, journey = self.random.choice(self.places), self.random.choice(JOURNEYS)
        share = self.random.choice((0.0, 0.5, 1.0))
        watcher = Watcher(place.feeds, self.trip.key, journey, takes=lambda _: self.random.random() < share)
        self.watchers.append((place, journey, watcher))
        while True:
            following = asyncio.ensure_future(watcher.follow())
            try:
                until_s = now_s() + self.random.uniform(0.1, 4.0) if now_s() < DAY_S else NEVER_S
                while now_s() < until_s:
                    await asyncio.sleep(self.random.uniform(0.05, 1.0))
                    if now_s() < DAY_S and self.random.random() < 0.3:
                        watcher.stop_reading()
                    else:
                        watcher.read_on()
            finally:
                watcher.read_on()
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
            await asyncio.sleep(self.random.choice((0.0, 0.2, 3.0)))

    async def _compare(self) -> None:
        for place, journey, watcher in self.watchers:
            self.complaints += watcher.wrong
            origin, destination = journey.split("-")
            seat_map = await asking.seat_map(place.process.inventory, self.trip.key, Ends(origin, destination))
            states = {seat.id: state for seat, state in seat_map.seats()}
            if watcher.states != states:
                wrong = [seat for seat, state in states.items() if watcher.states.get(seat) != state]
                self.complaints.append(f"{journey}: {wrong} are not as they are shown")


def complaints(seed: int) -> Sequence[str]:
    """What is wrong after a day."""

    async def day() -> Sequence[str]:
        return await Day(seed).run()

    return run_virtually(seed, day())


@pytest.mark.parametrize("seed", [pytest.param(seed, marks=pytest.mark.once if seed > 1 else ()) for seed in SEEDS])
def test_whatever_the_order_every_watcher_ends_with_the_map_as_it_is(seed: int) -> None:
    assert complaints(seed) == []


# ---- without each of its rules


async def _reads_then_takes_its_place(feed: Any) -> None:  # noqa: ANN401 - private parts of it
    """A change during the read is taken for one that was read."""
    await _LOOK(feed)
    feed._changed.clear()


async def _answers_from_what_is_there(feed: Any, part: Any, position: Any) -> Any:  # noqa: ANN401 - see above
    """A watcher does not wait for the look that is due."""
    while feed._parts[part].view is None:
        await feed._looked.wait(Sleeper())
    return feed._view(feed._parts[part]).begin(position)


def _knows_everything(view: Any, position: Any) -> Any:  # noqa: ANN401 - see above
    """Where nothing is known of what has changed, nothing has."""
    return view.snapshot("begin") if position is None else view.since(position) or view.heartbeat()


def _tells_the_last_change_only(view: Any, offset: int) -> Any:  # noqa: ANN401 - see above
    """A slow watcher is told what changed last."""
    return [each for each in _CHANGED(view, offset) if each.version == view.position.offset]


def _follows_what_changed(view: Any, position: Any) -> Any:  # noqa: ANN401 - see above
    """Everybody gets the delta of those who are up to date."""
    if position.offset >= view.position.offset:
        return None
    if not view._deltas:
        _SINCE(view, position)
    return next(iter(view._deltas.values()))


_LOOK, _CHANGED, _SINCE = Feed._look, View._changed_since, View.since
BROKEN: dict[str, tuple[type, str, Callable[..., Any]]] = {
    "the state is read before the place in the stream is taken": (Feed, "_look", _reads_then_takes_its_place),
    "who comes is told what is known, not what is due": (Feed, "begin", _answers_from_what_is_there),
    "a gap is hidden": (View, "begin", _knows_everything),
    "a slow watcher is told the last change only": (View, "_changed_since", _tells_the_last_change_only),
    "everybody is told the same delta": (View, "since", _follows_what_changed),
    "signals are not listened to": (MapSignals, "changed", lambda _signals, _trip: None),
}


@pytest.mark.once
@pytest.mark.parametrize("design", BROKEN)
def test_without_one_of_its_rules_a_watcher_is_told_wrong(design: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, name, broken = BROKEN[design]
    monkeypatch.setattr(kind, name, broken)
    assert any(complaints(seed) for seed in (*SEEDS, *MORE_SEEDS))


@pytest.mark.once
def test_without_a_look_by_the_clock_a_lost_message_stays_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Day, "look_again_s", NEVER_S)
    assert any(complaints(seed) for seed in range(1, 40, 2))
