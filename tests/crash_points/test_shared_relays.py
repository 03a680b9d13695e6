"""A process that shares the events of a sink dies at any of its calls to the store: another publishes what it left."""

import asyncio
from collections import Counter
from itertools import count
from random import Random

import pytest

from tests.events.selling import KEPT, RecordingSink, Service, put_on_sale
from travio_inventory.protocol.open_epochs import LOOK_EVERY_MS
from travio_inventory.protocol.recorded_events import Wanted, recorded_events
from travio_inventory.protocol.slice_leases import BEAT_MS
from travio_inventory.store.memory import MemoryBatches
from verification.crash_points.points import Lane, Meter, MeteredStore, Point, When
from verification.kit.clocks import Clock

SINK = "told"
ROUNDS = 4
MINUTES = 2
"""In this time another relay has every slice, and has looked at what was recorded."""
POINTS_MIN = 40

pytestmark = pytest.mark.long


class Play:
    """A process that dies at that point, and what the sink has."""

    def __init__(self, at: Point | None) -> None:
        self.reached = asyncio.Event()
        self.meter = Meter(at, lambda _: self.reached.set())
        self.store, self.clock, self.sink = MemoryBatches(None, Random(0), asyncio.sleep), Clock(), RecordingSink()

    async def run(self) -> None:
        """Until it dies, or is done."""
        await put_on_sale(Service(self.store, self.clock))
        dying = Service(MeteredStore(self.store, self.meter), self.clock, seed=1, shared=[SINK], told=self.sink)
        self.meter.start()
        selling = asyncio.ensure_future(self._sell(dying))
        dies = asyncio.ensure_future(self.reached.wait())
        await asyncio.wait([selling, dies], return_when=asyncio.FIRST_COMPLETED)
        for task in (selling, dies):
            task.cancel()
        await asyncio.wait([selling, dies])
        await dying.assembly.steps.drain(0)
        if not selling.cancelled():
            selling.result()

    async def _sell(self, process: Service) -> None:
        """Some steps are published at once, and some left to its relay."""
        own = process.assembly.relays[SINK].own
        assert own is not None
        await own.round()
        first = await process.hold("A1")
        await own.round()
        await own.note()
        await process.hold("A2")
        await process.release(first)
        for _ in range(ROUNDS):
            self.clock.pass_ms(max(LOOK_EVERY_MS, BEAT_MS))
            await process.relay_to(SINK)
        await process.hold("A3")
        await own.round()
        await own.note()
        await process.assembly.relays[SINK].release()

    async def recorded(self) -> set[str]:
        """The ids of all events."""
        pieces = recorded_events(self.store, self.clock, Wanted(0), kept_s=KEPT.events_s)
        return {event.id async for piece in pieces for event in piece.events}


async def finished(at: Point) -> bool:
    """Whether the process died there; another one has then published everything, in order, and little twice."""
    play = Play(at)
    await play.run()
    other = Service(play.store, play.clock, seed=2, shared=[SINK], told=play.sink)
    await other.relay_to(SINK, minutes=MINUTES)
    told = play.sink.ids
    assert {*told} == await play.recorded(), at
    first = list(dict.fromkeys(told))
    assert in_order(first), at
    assert max(Counter(told).values(), default=0) <= 2, at
    return play.reached.is_set()


def in_order(ids: list[str]) -> bool:
    """Whether the events of each hold count up."""
    known: Counter[str] = Counter()
    for name in ids:
        subject, _, ordinal = name.rpartition("~")
        if known[subject] != int(ordinal):
            return False
        known[subject] += 1
    return True


@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize(
    "every", [pytest.param(9, marks=pytest.mark.once), pytest.param(1, marks=pytest.mark.thorough)]
)
async def test_another_relay_publishes_what_a_dead_one_left_wherever_it_died(when: When, every: int) -> None:
    for number in count(1, every):
        if not await finished(Point(when, Lane.CALL, number)):
            break
    assert number > POINTS_MIN


async def test_the_calls_of_a_relay_that_shares_are_among_the_points() -> None:
    play = Play(None)
    await play.run()
    assert {"apply cursors 0: lease", "apply cursors 0: cursor lease", "read lease"} <= {*play.meter.asked[Lane.CALL]}
