"""The private parts of aiokafka that we use exist and do what we rely on."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from travio_inventory.bench.free_ports import free_port
from travio_inventory.events.brokers.aiokafka_internals import CANCEL_SECONDS, CANCELS_MAX, abandon, leave
from verification.servers.fixtures import need
from verification.servers.kafka import Kafka, kafka

WAIT_SECONDS = 0.5
LEAVE_SECONDS = 2.0


@pytest.fixture
def own_node(tmp_path: Path) -> Iterator[Kafka]:
    """A node to stop."""
    need("kafka")
    with kafka(tmp_path) as node:
        yield node


async def test_a_producer_that_never_connected_leaves_nothing() -> None:
    others = asyncio.all_tasks()
    producer = AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{free_port('127.0.0.1')}", enable_idempotence=True)
    with pytest.raises(KafkaConnectionError):
        await producer.start()
    await abandon(producer)
    assert asyncio.all_tasks() == others


@pytest.mark.kafka
@pytest.mark.parametrize("fault", ["kill", "pause"])
async def test_a_producer_that_waits_for_a_broker_ends_at_once(own_node: Kafka, fault: str) -> None:
    """`stop` would wait for as long as the broker is away."""
    await own_node.create("t")
    others = asyncio.all_tasks()
    producer = AIOKafkaProducer(bootstrap_servers=own_node.address, acks="all", enable_idempotence=True)
    await producer.start()
    await producer.send_and_wait("t", b"1", key=b"k")
    getattr(own_node, fault)()
    waiting = await producer.send("t", b"2", key=b"k")
    assert not (await asyncio.wait([waiting], timeout=WAIT_SECONDS))[0]
    await abandon(producer)
    assert not waiting.done()
    assert asyncio.all_tasks() == others


async def test_a_consumer_that_never_connected_leaves_nothing() -> None:
    others = asyncio.all_tasks()
    consumer = AIOKafkaConsumer("t", bootstrap_servers=f"127.0.0.1:{free_port('127.0.0.1')}", group_id="g")
    with pytest.raises(KafkaConnectionError):
        await consumer.start()
    await leave(consumer, within_s=WAIT_SECONDS)
    assert asyncio.all_tasks() == others


@pytest.mark.kafka
@pytest.mark.parametrize("fault", ["none", "kill", "pause"])
async def test_a_consumer_ends_whole_whatever_it_waits_for(own_node: Kafka, fault: str) -> None:
    """`stop` would wait for a broker that is gone, and leave the rest open where it is cut off."""
    await own_node.create("t")
    others = asyncio.all_tasks()
    consumer = AIOKafkaConsumer("t", bootstrap_servers=own_node.address, group_id="g")
    await consumer.start()
    await consumer.getmany(timeout_ms=100)
    if fault != "none":
        getattr(own_node, fault)()
        await asyncio.sleep(WAIT_SECONDS)
    began = time.monotonic()
    await leave(consumer, within_s=LEAVE_SECONDS)
    assert time.monotonic() - began < LEAVE_SECONDS + 2 * CANCELS_MAX * CANCEL_SECONDS
    assert asyncio.all_tasks() == others
