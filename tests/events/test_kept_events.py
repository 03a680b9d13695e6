"""Events are kept for a time: a sink that nears it raises an alert, one that comes too late is told what it missed."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime
from itertools import pairwise
from random import Random

import anyio
import pytest

from tests.events.selling import RecordingSink, Service, on_sale, put_on_sale, sell
from travio_inventory.app.background.relay import RelayJob
from travio_inventory.kernel.events import Event, PublishFailed
from travio_inventory.protocol.batches import ANY_TIME, IndexEntry, Kind, Outcome, Partition, Write
from travio_inventory.protocol.published_until import SLACK_MS, PublishedUntil
from travio_inventory.protocol.retention import EVENTS_S_MIN, Retention
from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.store.memory import MemoryBatches
from travio_inventory.telemetry.outages import Outages
from verification.kit.clocks import START_MS, Clock
from verification.simulation.virtual_loop import run_virtually

KEPT = Retention(events_s=EVENTS_S_MIN)
HOUR_S = 3_600
ABOUT_S = HOUR_S // 2
"""So exactly is known what was published: as long as epochs stay open, and some slack."""


class LoopClock(Clock):
    """Shows the time of the loop."""

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return START_MS + self.elapsed_ms()

    def elapsed_ms(self) -> int:
        """Milliseconds since the loop began."""
        return round(asyncio.get_running_loop().time() * 1_000)


class Forgetting(MemoryBatches):
    """Keeps events for as long as is asked, and no longer."""

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        """See Batches."""
        ended = [each._replace(keep_s=KEPT.events_s) if each.key.kind is Kind.EVENT else each for each in writes]
        return await super().apply(partition, ended, entries, send_by=send_by)


async def service(store: MemoryBatches, far: RecordingSink) -> Service:
    """A process with one sink."""
    return Service(store, LoopClock(), retention=KEPT, far=far)


@asynccontextmanager
async def relaying(service: Service, sink: str = "far") -> AsyncIterator[None]:
    """Its job relays, once a minute."""
    outages = Outages(logging.getLogger(__name__), sink)
    job = RelayJob(
        sink, service.assembly.relays[sink], outages, interval_ms=60_000, waits=StoreWaits(), jitter=Random(0)
    )
    running = asyncio.ensure_future(job.run())
    yield
    running.cancel()
    await asyncio.wait([running])


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged at ERROR."""
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


def test_a_sink_whose_events_are_soon_forgotten_is_an_error_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    run_virtually(0, _stand_still(caplog))


async def _stand_still(caplog: pytest.LogCaptureFixture) -> None:
    far = RecordingSink()
    store, _ = await on_sale()
    process = await service(store, far)
    far.is_down = True
    await sell(process, [1])
    async with relaying(process):
        await anyio.sleep(0.74 * EVENTS_S_MIN)
        assert errors(caplog) == [], "behind, and nothing is lost for a while"
        assert EVENTS_S_MIN // 4 < process.assembly.relays["far"].forgotten_in_s() < 0.27 * EVENTS_S_MIN
        await anyio.sleep(0.25 * EVENTS_S_MIN)
        left_s = [int(said[1]) for each in errors(caplog) if (said := re.search(r"forgotten in (\d+) s: repair", each))]
        assert 0 < left_s[-1] < left_s[0] <= EVENTS_S_MIN // 4
        assert all(before - after >= 60 for before, after in pairwise(left_s))
        await anyio.sleep(0.02 * EVENTS_S_MIN)
        assert f"what is older than {EVENTS_S_MIN} s is lost to it" in errors(caplog)[-1]
        assert process.assembly.relays["far"].forgotten_in_s() == 0
        far.is_down, so_far = False, len(errors(caplog))
        await anyio.sleep(HOUR_S)
    assert process.assembly.relays["far"].forgotten_in_s() == EVENTS_S_MIN
    assert len(errors(caplog)) <= so_far + 1


class RefusingSink(RecordingSink):
    """Refuses the events of one hold."""

    def __init__(self) -> None:
        super().__init__()
        self.refused = ""
        self.attempts = 0

    async def publish(self, events: Sequence[Event]) -> None:
        """See Sink."""
        if any(event.subject == self.refused for event in events):
            self.attempts += len(events) == 1
            raise PublishFailed("not this one")
        await super().publish(events)


async def test_an_event_that_is_refused_alone_counts_between_its_attempts_too() -> None:
    store, clock = await on_sale()
    far = RefusingSink()
    process = Service(store, clock, far=far)
    far.refused = (await process.hold("A1")).id
    relay = process.assembly.relays["far"]
    for tenths in range(60):
        await sell(process, [2])
        await process.relay_to("far")
        assert relay.lag_ms() == tenths * 100
        clock.pass_ms(100)
    far.refused = ""
    await process.relay_to("far", minutes=1)
    assert relay.lag_ms() == 0


def lost(caplog: pytest.LogCaptureFixture) -> list[tuple[float, float]]:
    """From when to when events were said to be lost, in seconds of the loop."""
    told = [re.search(r"^events for far from (\S+) to (\S+) are no longer kept", each) for each in errors(caplog)]
    return [(seconds_of(said[1]), seconds_of(said[2])) for said in told if said]


def seconds_of(told: str) -> float:
    """The time of the loop."""
    return datetime.fromisoformat(told).timestamp() - START_MS / 1_000


@pytest.mark.parametrize("has_another", [False, True], ids=["no other sink", "another sink goes on"])
@pytest.mark.parametrize("away_s", [KEPT.events_s * 0.8, KEPT.events_s * 1.7], ids=["for less", "for longer"])
def test_a_sink_that_comes_too_late_is_told_what_it_missed_and_no_other_is(
    away_s: float, has_another: bool, caplog: pytest.LogCaptureFixture
) -> None:
    run_virtually(0, _be_away(away_s, has_another, caplog))


async def _be_away(away_s: float, has_another: bool, caplog: pytest.LogCaptureFixture) -> None:
    far, clock = RecordingSink(), LoopClock()
    store = Forgetting(None, Random(0), asyncio.sleep)
    before = await service(store, far)
    await put_on_sale(before)
    sold = await sell(before, [1])
    async with relaying(before):
        await anyio.sleep(HOUR_S)
    assert far.ids == sold
    left_s = clock.elapsed_ms() / 1_000
    other = Service(store, clock, retention=KEPT, seed=1, near=RecordingSink())
    async with relaying(other, "near") if has_another else nullcontext():
        at_s: dict[str, float] = {}
        while clock.elapsed_ms() / 1_000 < left_s + away_s:
            at_s |= dict.fromkeys(await sell(other, [1]), clock.elapsed_ms() / 1_000)
            await anyio.sleep(HOUR_S / 6)
    came_s = clock.elapsed_ms() / 1_000
    again = await service(store, far)
    async with relaying(again):
        await anyio.sleep(HOUR_S)
    kept = [event for event, sold_s in at_s.items() if sold_s > came_s - KEPT.events_s]
    assert sorted(far.ids) == sorted(sold + kept)
    assert all(far.ids.index(event) < far.ids.index(f"{event[:-1]}1") for event in kept if event.endswith("~0"))
    missed_s = max(away_s - KEPT.events_s, 0)
    assert again.assembly.relays["far"].missed_s() == pytest.approx(missed_s, abs=ABOUT_S if missed_s else 0)
    assert bool(lost(caplog)) == bool(missed_s)
    for from_s, to_s in lost(caplog):
        assert from_s <= min(at_s.values())
        assert from_s == pytest.approx(left_s, abs=ABOUT_S)
        assert to_s == pytest.approx(came_s - KEPT.events_s, abs=120)


def test_while_a_sink_catches_up_nothing_counts_as_published_that_may_be_older_than_the_epoch_it_is_in() -> None:
    """An epoch that was open at the start may have been open for days."""
    clock = Clock()
    until, days_ago = PublishedUntil("far", clock, kept_s=KEPT.events_s), START_MS - 86_400_000
    until.begin({"reached": days_ago})
    until.saw(7)
    clock.pass_s(60)
    until.saw(8)
    assert [until.write(first).values["reached"] for first in (3, 7)] == [days_ago, days_ago]
    assert until.write(8).values["reached"] == START_MS + 60_000 - SLACK_MS


async def test_an_event_that_is_refused_alone_is_tried_less_and_less_often() -> None:
    """Each attempt costs the others several smaller ones."""
    store, clock = await on_sale()
    far = RefusingSink()
    process = Service(store, clock, far=far)
    far.refused = (await process.hold("A1")).id
    for _ in range(180):
        await sell(process, [2])
        await process.relay_to("far")
        clock.pass_s(1)
    assert 12 <= far.attempts <= 20, "soon after the first, then every 15 seconds"
