"""Messages that the library of a broker cannot read: they are dead letters with their reason, and stop nothing."""

import asyncio
import struct
from collections.abc import AsyncIterator
from random import Random

import aio_pika
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.producer import message_accumulator
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from pamqp.commands import Basic

from tests.events.inbound.brokers import Broker, on_kafka, on_rabbitmq
from tests.events.inbound.test_brokers import is_all_booked_once, payments, taking
from travio_inventory.store.memory import MemoryBatches
from verification.kit.sale import Market, Sale
from verification.servers.kafka import Kafka
from verification.servers.rabbitmq import RabbitServer

SEATS = 6


@pytest.fixture
async def sale() -> AsyncIterator[Sale]:
    """A few seats, in memory."""
    async with Market(MemoryBatches(None, Random(1), asyncio.sleep)) as market:
        yield await market.open(seats_per_group=3, seats=SEATS)


class Written(Basic.Properties):
    """Properties as a sender of another library writes them."""

    bytes_ = b""

    def marshal(self) -> bytes:
        """The bytes that were given."""
        return self.bytes_


def written(flag: int, data: bytes) -> Written:
    """One property, by its flag."""
    made = Written()
    made.bytes_ = struct.pack(">H", 1 << flag) + data
    return made


def table(data: bytes) -> bytes:
    """A table of headers."""
    return struct.pack(">L", len(data)) + data


def nested(depth: int) -> bytes:
    """Tables in tables."""
    made = table(b"")
    for _ in range(depth):
        made = table(b"\x01a" + b"F" + made)
    return made


TIMESTAMP, MESSAGE_ID, HEADERS = 6, 7, 13
UNREADABLE = {
    b'"a time in microseconds"': written(TIMESTAMP, struct.pack(">Q", 1_700_000_000_000_000)),
    b'"a time beyond all years"': written(TIMESTAMP, b"\xff" * 8),
    b'"an id that is no UTF-8"': written(MESSAGE_ID, b"\x02\xff\xfe"),
    b'"a name that is no UTF-8"': written(HEADERS, table(b"\x02\xff\xfe" + b"S" + struct.pack(">L", 0))),
    b'"tables too deep"': written(HEADERS, nested(3_000)),
}
"""What RabbitMQ takes and hands over as it is, by the body."""


async def send_as_written(node: RabbitServer, broker: Broker, body: bytes, properties: Written) -> None:
    """Publish it; returns when the broker has it."""
    async with await aio_pika.connect(node.url) as connection:
        line = await (await connection.channel()).get_underlay_channel()
        await line.basic_publish(body, exchange=f"{broker.name}.events", routing_key="any.key", properties=properties)


async def test_properties_that_nobody_can_read_make_dead_letters_and_stop_no_queue(
    rabbitmq_node: RabbitServer, sale: Sale
) -> None:
    async with on_rabbitmq(rabbitmq_node) as broker:
        before, *after = await payments(sale, seats=SEATS)
        await broker.send(before)
        for body, properties in UNREADABLE.items():
            await send_as_written(rabbitmq_node, broker, body, properties)
        for each in after:
            await broker.send(each)
        async with taking(broker, sale):
            await broker.drained()
        kept = await broker.kept()
        assert sorted(letter.size for letter in kept) == sorted(map(len, UNREADABLE))
        assert {letter.reason for letter in kept} == {"NOT_READABLE"}
        assert any("year 55840" in letter.said for letter in kept)
        await is_all_booked_once(sale, seats=SEATS)


async def test_a_queue_that_was_deleted_is_taken_from_once_it_is_there_again(
    rabbitmq_node: RabbitServer, sale: Sale
) -> None:
    """The broker ends the consumer alone, as it does where a queue gets another leader; the connection stays."""
    async with on_rabbitmq(rabbitmq_node) as broker, taking(broker, sale):
        before, *after = await payments(sale, seats=SEATS)
        await broker.send(before)
        await broker.drained()
        rabbitmq_node.control("delete_queue", broker.name)
        async with await aio_pika.connect(rabbitmq_node.url) as connection:
            queue = await (await connection.channel()).declare_queue(broker.name, durable=True)
            await queue.bind(f"{broker.name}.events", "#")
        for each in after:
            await broker.send(each)
        await broker.drained()
        await is_all_booked_once(sale, seats=SEATS)


NAME, NO_UTF8 = b"a-name-of-a-header", b"\xff" * 18


class Spoilt(_DefaultRecordBatchBuilderPy):  # type: ignore[misc]  # the library has no types
    """Writes batches as a sender of another library may."""

    def append(self, *record: object, **named: object) -> object:
        """A record; the name of its header is no text."""
        told = super().append(*record, **named)
        self._buffer[:] = self._buffer.replace(NAME, NO_UTF8)
        return told


async def test_records_that_nobody_can_read_make_dead_letters_and_stop_no_partition(
    kafka_node: Kafka, sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what is behind one in its batch, which cannot be read without it; what is before it takes effect."""
    async with on_kafka(kafka_node) as broker:
        first, second, *others = await payments(sale, seats=SEATS)
        await broker.send(first)
        producer = AIOKafkaProducer(bootstrap_servers=kafka_node.internal)
        await producer.start()
        with monkeypatch.context() as spoiling:
            spoiling.setattr(message_accumulator, "DefaultRecordBatchBuilder", Spoilt)
            for partition in range(3):
                batch = producer.create_batch()
                batch.append(key=b"k", value=second.body, timestamp=None)
                batch.append(key=b"k", value=b"{}", timestamp=None, headers=[(NAME.decode(), b"")])
                batch.append(key=b"k", value=b"{}", timestamp=None)
                batch.close()
                await (await producer.send_batch(batch, broker.name, partition=partition))
        await producer.stop()
        for each in others:
            await broker.send(each)
        async with taking(broker, sale):
            await broker.drained()
        kept = await broker.kept()
        assert [letter.reason for letter in kept] == ["NOT_READABLE"] * 6
        assert len({letter.place for letter in kept}) == 6
        await is_all_booked_once(sale, seats=SEATS)


@pytest.mark.parametrize("codec", ["gzip", "lz4", "snappy", "zstd"])
async def test_events_are_read_however_their_sender_compresses_them(kafka_node: Kafka, sale: Sale, codec: str) -> None:
    async with on_kafka(kafka_node, compression=codec) as broker, taking(broker, sale):
        for each in await payments(sale, seats=SEATS):
            await broker.send(each)
        await broker.drained()
        assert await broker.reasons() == []
        await is_all_booked_once(sale, seats=SEATS)
