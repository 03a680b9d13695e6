"""A service that stands still for longer than its broker waits for it: another takes what it had, and nothing is lost
or done twice, also once it goes on.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from tests.events.inbound.brokers import Broker, broker
from tests.system.test_events_in import SEATS, are_sold, held, send_all
from tests.system.test_killed_relaying import Receiver, kafka
from tests.system.two_services import two_services
from verification.kit.service_process import eventually
from verification.servers.cassandra import Cassandra
from verification.servers.kafka import Kafka
from verification.servers.rabbitmq import RabbitServer

__all__ = ["broker"]

FIRST, LAST = 20, 5
"""Payments before the first service stands still, and those that only it can take."""
TAKEN_OVER_S_MAX = 300
"""Kafka waits ten seconds, RabbitMQ up to 40."""
TOLD_S_MAX = 120


@pytest.mark.thorough
@pytest.mark.scylla
@pytest.mark.kafka
@pytest.mark.timeout(900)
async def test_what_a_frozen_service_had_is_done_by_another_and_nothing_twice_when_it_goes_on(
    broker: Broker, cassandra_node: Cassandra, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with kafka(request, tmp_path) as receiver, AsyncExitStack() as stack:
        shared = {
            "TRAVIO_EDGE": "absent",  # only the store decides
            "TRAVIO_HOLD_TTL_SECONDS": "3600",
            "TRAVIO_EVENTS": f"told={receiver.sink}",
            "TRAVIO_EVENTS_IN": broker.url,
        }
        services = await stack.enter_async_context(two_services(cassandra_node, tmp_path, **shared))
        frozen, other = services
        client = await stack.enter_async_context(other.client())
        came = await held(client)
        both_take = await consumers_of(broker, request)
        await eventually(lambda: both_take(2), within_s=TAKEN_OVER_S_MAX)

        await send_all(broker, came[:FIRST])
        frozen.tell(signal.SIGSTOP)
        await send_all(broker, came[FIRST:-LAST])
        await broker.drained(within_s=TAKEN_OVER_S_MAX)
        assert await both_take(1)
        assert await are_sold(client, "t1", SEATS - LAST)

        frozen.tell(signal.SIGCONT)
        await eventually(lambda: both_take(2), within_s=TAKEN_OVER_S_MAX)
        assert await broker.left() == 0, "it moved no position of what it had lost"
        await send_all(broker, came[:-LAST])
        await broker.drained(within_s=TAKEN_OVER_S_MAX)

        other.tell(signal.SIGSTOP)
        await send_all(broker, came[-LAST:])
        await broker.drained(within_s=TAKEN_OVER_S_MAX)
        other.tell(signal.SIGCONT)
        assert await are_sold(client, "t1", SEATS)

        await eventually(partial(is_bought_once, receiver), within_s=TOLD_S_MAX)
        for service in services:
            assert await service.stop() == 0
            service.assert_nothing_broke_down()


async def consumers_of(broker: Broker, request: pytest.FixtureRequest) -> Callable[[int], Awaitable[bool]]:
    """Whether the broker knows so many consumers."""
    if broker.url.startswith("kafka"):
        node: Kafka = request.getfixturevalue("kafka_node")

        async def members() -> int:
            admin = AIOKafkaAdminClient(bootstrap_servers=node.internal)
            await admin.start()
            try:
                [answer] = await admin.describe_consumer_groups([broker.name])
            finally:
                await admin.close()
            [[_, _, state, _, _, found, *_]] = answer.groups
            return len(found) if state == "Stable" else 0
    else:
        rabbit: RabbitServer = request.getfixturevalue("rabbitmq_node")

        async def members() -> int:
            said = await asyncio.to_thread(rabbit.control, "list_consumers", "--no-table-headers", "queue_name")
            return said.split().count(broker.name)

    async def are(count: int) -> bool:
        return await members() == count

    return are


async def is_bought_once(receiver: Receiver) -> bool:
    """Whether every order was told to have bought its seat, once, and none is to be refunded."""
    told = {event["id"]: event for event in await receiver.arrived()}.values()
    assert not [event for event in told if event["type"] == "payment.refund_required"]
    orders = Counter(event["data"]["order"] for event in told if event["type"] == "seats.purchased")
    assert not [order for order, count in orders.items() if count > 1]
    return len(orders) == SEATS
