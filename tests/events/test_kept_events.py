"""Events are kept for a time: a sink that nears it raises an alert, one that comes too late is told what it missed."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from random import Random

import anyio
import pytest

from tests.events.selling import Service, Told, on_sale, sell
from travio_inventory.app.background.relay import RelayJob
from travio_inventory.kernel.events import Event, PublishFailed
from travio_inventory.protocol.retention import EVENTS_S_MIN, Retention
from travio_inventory.store.memory import MemoryBatches
from verification.kit.clocks import START_MS, Clock
from verification.simulation.virtual_loop import run_virtually

KEPT = Retention(events_s=EVENTS_S_MIN)
HOUR_S = 3_600


class LoopClock(Clock):
    """Shows the time of the loop."""

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return START_MS + self.elapsed_ms()

    def elapsed_ms(self) -> int:
        """Milliseconds since the loop began."""
        return round(asyncio.get_running_loop().time() * 1_000)


async def service(store: MemoryBatches, far: Told) -> Service:
    """A process with one sink."""
    return Service(store, LoopClock(), retention=KEPT, far=far)


@asynccontextmanager
async def relaying(service: Service) -> AsyncIterator[None]:
    """Its job relays, once a minute."""
    job = RelayJob("far", service.assembly.relays["far"], interval_ms=60_000, jitter=Random(0))
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
    far = Told()
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


class Picky(Told):
    """Refuses the events of one hold."""

    def __init__(self) -> None:
        super().__init__()
        self.refused = ""

    async def publish(self, events: Sequence[Event]) -> None:
        """See Sink."""
        if any(event.subject == self.refused for event in events):
            raise PublishFailed("not this one")
        await super().publish(events)


async def test_an_event_that_is_refused_alone_counts_between_its_attempts_too() -> None:
    store, clock = await on_sale()
    far = Picky()
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
