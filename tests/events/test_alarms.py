"""RabbitMQ that is short of memory or disk has its publishers wait: little is written meanwhile, and nothing twice."""

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from itertools import count

import pytest

from tests.events.brokers import in_queue, own_name, rabbit_queue, rabbit_sink
from tests.events.test_bad_days import Listed, numbered, relay_until
from travio_inventory.events.relay import EventRelay
from travio_inventory.events.sinks.broker import HELD_UP
from travio_inventory.kernel.events import PublishFailed, PublishRefused, SinkDown
from verification.kit.clocks import Clock
from verification.servers.rabbitmq import RabbitServer

BEFORE, WAVES, OF_A_WAVE = 5, 10, 100
LONG = "u" * 20_000
GROWS_BYTES_MAX = 5_000_000
"""The waves are four times as long."""


async def until_held_up(attempt: Callable[[], Awaitable[object]]) -> None:
    """Try until the alarm is noticed."""
    async with asyncio.timeout(60):
        while True:
            try:
                await attempt()
            except SinkDown as down:
                if str(down) == HELD_UP:
                    return
                raise
            except PublishRefused:
                continue


@pytest.mark.parametrize(
    "alarm",
    [pytest.param(RabbitServer.full, id="disk"), pytest.param(RabbitServer.short_of_memory, id="memory")],
)
async def test_while_an_alarm_is_on_little_is_written_and_then_everything_arrives_once_in_order(
    rabbitmq_node: RabbitServer, alarm: Callable[[RabbitServer], AbstractContextManager[None]]
) -> None:
    exchange, journal, numbers = own_name(), Listed(), count()
    many = [numbered(subject, 0, user=LONG) for subject in range(1, WAVES * OF_A_WAVE)]
    async with (
        rabbit_queue(rabbitmq_node, exchange) as queue,
        rabbit_sink(rabbitmq_node, rabbitmq_node.port, f"exchange={exchange}") as sink,
    ):
        relay = EventRelay(journal, sink, Clock(), kept_s=3_600)

        async def one_more() -> None:
            journal.waiting.append(numbered(0, next(numbers)))
            await relay()

        for _ in range(BEFORE):
            await one_more()
        with alarm(rabbitmq_node):
            await until_held_up(one_more)
            tracemalloc.start()
            try:
                for first in range(0, len(many), OF_A_WAVE):
                    journal.waiting += many[first : first + OF_A_WAVE]
                    with pytest.raises(SinkDown, match=HELD_UP):
                        await sink.publish([*journal.waiting])
                grown, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        await relay_until(journal, sink, lambda: not journal.waiting)
        await one_more()
        arrived = [str(message.message_id) for message in await in_queue(rabbitmq_node, queue)]
    assert grown < GROWS_BYTES_MAX
    assert journal.aside == []
    in_turn = [name for name in arrived if name.startswith("0.")]
    assert in_turn == [f"0.{n}" for n in range(next(numbers))]
    assert sorted(arrived) == sorted([*in_turn, *(one.id for one in many)])


async def test_what_a_queue_refused_while_an_alarm_was_on_is_known_when_it_is_over(rabbitmq_node: RabbitServer) -> None:
    """The answer to what was written comes late, and is one to the same event handed over again."""
    exchange, journal = own_name(), Listed()
    full: dict[str, int | str] = {"x-max-length": 1, "x-overflow": "reject-publish"}
    async with (
        rabbit_queue(rabbitmq_node, exchange, full) as queue,
        rabbit_sink(rabbitmq_node, rabbitmq_node.port, f"exchange={exchange}&publish_seconds_max=1") as sink,
    ):
        await sink.publish([numbered(0, 0)])
        journal.waiting.append(numbered(1, 0))
        relay = EventRelay(journal, sink, Clock(), kept_s=3_600)
        with rabbitmq_node.full():
            await until_held_up(relay)
        said = ""
        async with asyncio.timeout(60):
            while "not accepted by a queue" not in said:
                await asyncio.sleep(0.05)
                try:
                    await relay()
                except PublishFailed as failed:
                    said = str(failed)
        assert [message.message_id for message in await in_queue(rabbitmq_node, queue)] == ["0.0"]
