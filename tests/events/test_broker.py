"""Which of the events handed over is refused when a connection to a broker breaks with them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.events.events import event
from travio_inventory.events.shapes import SHAPES, Shape
from travio_inventory.events.shapes.message import Message
from travio_inventory.events.sinks.broker import EVENTS_MAX, Broker
from travio_inventory.kernel.events import Event, PublishFailed, PublishRefused, SinkDown

CALLS_MAX = 20


class Line:
    """A connection that breaks when it is handed one of these; the broker keeps what came before."""

    events_max = EVENTS_MAX
    is_atomic = False
    is_held_up = False

    def __init__(self, breaking: set[str], arrived: list[str]) -> None:
        self._breaking = breaking
        self._arrived = arrived

    async def hand_over(self, messages: Sequence[Message]) -> Sequence[str | None]:
        """See BrokerLine."""
        await asyncio.sleep(0)
        if self._breaking.intersection(message.id for message in messages):
            raise ConnectionResetError("reset")
        self._arrived += [message.id for message in messages]
        return [None] * len(messages)

    async def close(self) -> None:
        """See BrokerLine."""
        await asyncio.sleep(0)


class Rig:
    """A sink whose connections break with some events, or cannot be opened."""

    def __init__(self, *breaking: str) -> None:
        self.breaking = set(breaking)
        self.arrived: list[str] = []
        self.is_away = False
        self.sink = Broker(
            self._open, SHAPES[Shape.NATIVE], publish_seconds_max=5, message_bytes_max=10_000, reconnect_s=0
        )

    async def _open(self) -> Line:
        await asyncio.sleep(0)
        if self.is_away:
            raise ConnectionRefusedError("refused")
        return Line(self.breaking, self.arrived)

    async def publish(self, events: Sequence[Event]) -> tuple[set[str], int]:
        """As a relay does while the sink is down; the ids of refused events, and in how many calls."""
        left = [*events]
        for calls in range(1, CALLS_MAX):
            try:
                await self.sink.publish(left)
            except PublishRefused as refused:
                return set(refused.refused), calls
            except SinkDown as down:
                left = [one for one in left if one.id not in down.accepted]
            else:
                return set(), calls
        raise AssertionError(f"still not after {CALLS_MAX} calls")


def several(count: int) -> list[Event]:
    """Each of a subject of its own."""
    return [replace(event(str(n)), subject=f"s{n}") for n in range(count)]


async def test_an_event_that_breaks_every_connection_is_refused_alone_and_all_others_arrive() -> None:
    rig = Rig("300")
    refused, calls = await rig.publish(several(500))
    assert refused == {"300"}
    assert set(rig.arrived) == {str(n) for n in range(500) if n != 300}
    assert calls < 10


async def test_what_follows_an_event_that_breaks_connections_waits_behind_it() -> None:
    rig = Rig("1")
    events = [*several(3), replace(event("1b"), subject="s1")]
    assert (await rig.publish(events))[0] == {"1", "1b"}
    assert rig.arrived == ["0", "2"]


async def test_an_event_refused_so_is_tried_again_later() -> None:
    rig = Rig("1")
    await rig.publish(several(3))
    rig.breaking.clear()
    assert (await rig.publish(several(3)[1:2]))[0] == set()
    assert rig.arrived == ["0", "2", "1"]


async def test_a_broker_that_is_away_refuses_no_event_however_often_it_is_asked() -> None:
    rig = Rig()
    rig.is_away = True
    for _ in range(CALLS_MAX):
        with pytest.raises(SinkDown, match="ConnectionRefusedError"):
            await rig.sink.publish(several(1))
    rig.is_away = False
    assert await rig.publish(several(2)) == (set(), 1)


async def test_events_that_break_a_connection_once_each_are_not_refused() -> None:
    """It was not they: another one arrived in between."""
    rig = Rig()
    for n in range(6):
        rig.breaking.add(str(n))
        with pytest.raises(PublishFailed):
            await rig.sink.publish(several(6)[n : n + 1])
        rig.breaking.clear()
        assert await rig.publish(several(6)[n : n + 1]) == (set(), 1)
    assert rig.arrived == [str(n) for n in range(6)]
