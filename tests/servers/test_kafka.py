"""The launcher of Kafka keeps its promises: what was acknowledged stays, and a protected node is closed."""

from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from verification.servers.certificates import make_certificates
from verification.servers.fixtures import need
from verification.servers.kafka import Account, Kafka, Protection, kafka


async def publish(node: Kafka, topic: str, *values: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=node.address, acks="all", enable_idempotence=True)
    try:
        await producer.start()
        for value in values:
            await producer.send_and_wait(topic, value, key=b"one")
    finally:
        await producer.stop()


async def test_a_topic_is_made_once_and_read_in_order(kafka_node: Kafka) -> None:
    await kafka_node.create("read-in-order")
    assert await kafka_node.records("read-in-order") == []
    await publish(kafka_node, "read-in-order", b"1", b"2", b"3")
    assert [record.value for record in await kafka_node.records("read-in-order")] == [b"1", b"2", b"3"]
    with pytest.raises(TopicAlreadyExistsError):
        await kafka_node.create("read-in-order")


@pytest.mark.thorough
@pytest.mark.kafka
async def test_what_a_protected_node_acknowledged_survives_its_kill(tmp_path: Path) -> None:
    need("kafka")
    protection = Protection(certificates=make_certificates(tmp_path), account=Account(name="seller"))
    with kafka(tmp_path, protection) as node:
        await node.create("kept", partitions=1)
        with pytest.raises(KafkaError):
            await publish(node, "kept", b"without TLS or password")
        producer = AIOKafkaProducer(bootstrap_servers=node.internal, acks="all")
        await producer.start()
        await producer.send_and_wait("kept", b"kept")
        node.kill()
        await producer.stop()
        node.start()
        assert [record.value for record in await node.records("kept")] == [b"kept"]
