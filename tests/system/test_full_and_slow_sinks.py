"""A service with a sink that is full, stopped or slow: callers and the other sink go on, and then it is told all."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.events.brokers import in_queue, rabbit_queue
from tests.system.test_all_sinks import ARRIVES_S_MAX, lags
from travio_inventory.bench.free_ports import free_port
from travio_inventory.client import InventoryClient
from travio_inventory.events.sinks.broker import HELD_UP
from verification.kit.service_process import eventually, serving
from verification.kit.trips import trip_of
from verification.kit.wire import wire
from verification.servers.fixtures import need
from verification.servers.kafka import kafka
from verification.servers.rabbitmq import rabbit_server

TRIP = trip_of("coach-7", seats=40, segments=1, seats_per_group=4)
PUBLISH_S_MAX = 2
LAG_S = 2.5 * PUBLISH_S_MAX
SLOW_S = 0.3
"""So much later everything comes, in both directions: each answer takes a part of what a call may take."""

pytestmark = [pytest.mark.once, pytest.mark.server]


@dataclass
class Trouble:
    """A sink as an operator writes it, the ids that it has, and what befalls it."""

    sink: str
    arrived: Callable[[], Awaitable[list[str]]]
    befalls: Callable[[], AbstractAsyncContextManager[None]]
    says: str
    """What the log says of it, once; of one that is slow it may say nothing."""
    lag_s: float = LAG_S
    """How late it is at least while the trouble lasts: not at all where each wave is only longer under way."""


MakeTrouble: TypeAlias = Callable[[Path], AbstractAsyncContextManager[Trouble]]


@asynccontextmanager
async def rabbitmq(folder: Path, *, alarm: str) -> AsyncIterator[Trouble]:
    need("rabbitmq")
    with rabbit_server(folder) as server:
        async with rabbit_queue(server, "events") as queue:

            async def arrived() -> list[str]:
                return [str(message.message_id) for message in await in_queue(server, queue)]

            @asynccontextmanager
            async def befalls() -> AsyncIterator[None]:
                with getattr(server, alarm)():
                    yield

            options = f"exchange=events&publish_seconds_max={PUBLISH_S_MAX}"
            yield Trouble(f"{server.url}?{options}", arrived, befalls, says=HELD_UP)


@asynccontextmanager
async def kafka_(folder: Path, *, is_slow: bool) -> AsyncIterator[Trouble]:
    need("kafka")
    port = free_port()
    with kafka(folder, seen_at=port) as node:
        await node.create("told")

        async def arrived() -> list[str]:
            return [json.loads(record.value)["id"] for record in await node.records("told")]

        async with wire(node.port, port) as line:

            @asynccontextmanager
            async def befalls() -> AsyncIterator[None]:
                if is_slow:
                    line.delay_s = SLOW_S
                else:
                    node.pause()
                try:
                    yield
                finally:
                    line.delay_s = 0
                    if not is_slow:
                        node.resume()

            sink = f"kafka://127.0.0.1:{port}?topic=told&publish_seconds_max={PUBLISH_S_MAX}"
            if is_slow:
                yield Trouble(sink, arrived, befalls, says="", lag_s=0)
            else:
                yield Trouble(sink, arrived, befalls, says="not acknowledged in")


class Sale:
    """A seat at a time is held and released, until it is over."""

    def __init__(self, client: InventoryClient) -> None:
        self.told: list[str] = []
        """The ids of what is to be told, in order of its steps."""
        self._client = client
        self._is_over = asyncio.Event()

    async def goes_on(self) -> None:
        """Every call is answered within its deadline."""
        for number in cycle(range(1, len(TRIP.seats) + 1)):
            if self._is_over.is_set():
                return
            hold = await self._client.hold("coach-7", "S0", "S1", [f"seat-{number}"])
            await self._client.release(hold.id)
            self.told += [f"{hold.id}~0", f"{hold.id}~1"]
            await asyncio.sleep(0.02)

    async def sells(self, more: int) -> None:
        """Return when so much more was told."""
        beyond = len(self.told) + more

        async def has_sold() -> bool:
            await asyncio.sleep(0)
            return len(self.told) >= beyond

        await eventually(has_sold, within_s=ARRIVES_S_MAX)

    def end(self) -> None:
        """No more is sold."""
        self._is_over.set()


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(partial(rabbitmq, alarm="full"), id="rabbitmq full", marks=pytest.mark.rabbitmq),
        pytest.param(partial(rabbitmq, alarm="short_of_memory"), id="rabbitmq memory", marks=pytest.mark.rabbitmq),
        pytest.param(partial(kafka_, is_slow=False), id="kafka stopped", marks=pytest.mark.kafka),
        pytest.param(partial(kafka_, is_slow=True), id="kafka slow", marks=pytest.mark.kafka),
    ],
)
async def test_a_sink_in_trouble_falls_behind_alone_and_is_then_told_everything_in_order(
    make: MakeTrouble, tmp_path: Path
) -> None:
    port = free_port()
    async with make(tmp_path) as trouble:
        events = f"json-lines,far={trouble.sink}"
        async with serving(tmp_path, EVENTS=events, TRAVIO_METRICS_PORT=str(port)) as service:
            async with service.client() as client, asyncio.TaskGroup() as selling:
                await client.open_trip(TRIP)
                sale = Sale(client)
                selling.create_task(sale.goes_on())
                await sale.sells(20)
                async with trouble.befalls():

                    async def is_late() -> bool:
                        return (await lags(port))["far"] >= trouble.lag_s

                    await eventually(is_late, within_s=ARRIVES_S_MAX)
                    await sale.sells(100)
                    due = set(sale.told)

                    async def near_has_all() -> bool:
                        await asyncio.sleep(0)
                        return due <= {event["id"] for event in service.events()}

                    await eventually(near_has_all, within_s=ARRIVES_S_MAX)
                await sale.sells(20)
                sale.end()

            async def far_has_all() -> bool:
                return {*sale.told} <= {*await trouble.arrived()}

            await eventually(far_has_all, within_s=ARRIVES_S_MAX)

            async def nobody_is_late() -> bool:
                return not any((await lags(port)).values())

            await eventually(nobody_is_late, within_s=ARRIVES_S_MAX)
            assert await service.stop() == 0
            if trouble.says:
                [said] = [line for line in service.log.splitlines() if "the sink far is down: " in line]
                assert trouble.says in said
                assert "the sink far is back" in service.log
        arrived = [name for name in await trouble.arrived() if name in {*sale.told}]
    once = list(dict.fromkeys(arrived))
    for hold in {name[:-2] for name in sale.told}:
        assert [name for name in once if name.startswith(hold)] == [f"{hold}~0", f"{hold}~1"]
