"""Kafka as a sink on a bad day: killed, stopped, full, without the topic, too large a message, behind a password."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from secrets import token_hex

import anyio
import pytest

from tests.events.events import event
from tests.events.selling import Service, put_on_sale, sell
from travio_inventory.bench.free_ports import free_port
from travio_inventory.events.sinks.kafka import Kafka
from travio_inventory.events.targets.kafka import KafkaTopic, parse_kafka
from travio_inventory.kernel.events import Event, PublishFailed
from travio_inventory.store.memory import MemoryBatches
from verification.kit.clocks import Clock
from verification.servers.certificates import make_certificates
from verification.servers.fixtures import need
from verification.servers.kafka import Account, Mechanism, Protection
from verification.servers.kafka import Kafka as Node
from verification.servers.kafka import kafka as running_node

KEYS = 5
PER_KEY = 40
MEND_SECONDS_MAX = 40


@pytest.fixture
def own_node(tmp_path: Path) -> Iterator[Node]:
    """A node to break."""
    need("kafka")
    with running_node(tmp_path) as node:
        yield node


def target(node: Node, topic: str, more: str = "") -> KafkaTopic:
    return parse_kafka(f"kafka://{node.address}?topic={topic}&publish_seconds_max=2{more}")


async def ids(node: Node, topic: str) -> list[str]:
    return [json.loads(record.value)["id"] for record in await node.records(topic)]


def numbered(key: int, number: int) -> Event:
    return replace(event(f"{key}.{number}"), subject=f"s{key}", partition_key=f"t{key}", ordinal=number)


async def publish_all(sink: Kafka, key: int, failed: list[str]) -> None:
    """Each event of the key, in order, again and again until it is acknowledged."""
    for number in range(PER_KEY):
        with anyio.fail_after(MEND_SECONDS_MAX):
            while True:
                try:
                    await sink.publish([numbered(key, number)])
                    break
                except PublishFailed:
                    failed.append(f"{key}.{number}")
                    await anyio.sleep(0.1)
        await anyio.sleep(0.02)


@pytest.mark.kafka
@pytest.mark.parametrize(
    "fault", ["kill", *(pytest.param(each, marks=pytest.mark.thorough) for each in ("pause", "fill"))]
)
async def test_nothing_acknowledged_is_lost_and_each_key_is_in_order_whatever_happens_to_the_node(
    own_node: Node, fault: str
) -> None:
    failed: list[str] = []
    await own_node.create("t")
    async with Kafka(target(own_node, "t")) as sink, anyio.create_task_group() as publishing:
        for key in range(KEYS):
            publishing.start_soon(publish_all, sink, key, failed)
        for _ in range(2):
            await anyio.sleep(0.05)
            getattr(own_node, fault)()
            await anyio.sleep(2.5)
            await anyio.to_thread.run_sync(own_node.resume if fault == "pause" else own_node.restart)
    assert failed, "the faults came when all was published"
    arrived = await ids(own_node, "t")
    for key in range(KEYS):
        of_key = [name for name in arrived if name.startswith(f"{key}.")]
        assert list(dict.fromkeys(of_key)) == [f"{key}.{number}" for number in range(PER_KEY)]


async def test_a_broker_that_is_away_stops_no_start_and_gets_the_events_when_it_is_there(kafka_node: Node) -> None:
    topic, port = token_hex(8), free_port("127.0.0.1")
    await kafka_node.create(topic)
    async with Kafka(parse_kafka(f"kafka://127.0.0.1:{port}?topic={topic}&publish_seconds_max=2")) as sink:
        for _ in range(2):
            with pytest.raises(PublishFailed):
                await sink.publish([event("1")])
    async with Kafka(parse_kafka(f"kafka://127.0.0.1:{port};{kafka_node.address}?topic={topic}")) as sink:
        await sink.publish([event("1")])
    assert await ids(kafka_node, topic) == ["1"]


async def test_a_topic_that_is_missing_is_named_and_used_once_it_is_there(kafka_node: Node) -> None:
    topic = token_hex(8)
    async with Kafka(target(kafka_node, topic)) as sink:
        with pytest.raises(PublishFailed, match=f"no topic {topic}: create it"):
            await sink.publish([event("1")])
        await kafka_node.create(topic)
        await sink.publish([event("1")])
    assert await ids(kafka_node, topic) == ["1"]


@pytest.mark.parametrize(("more", "limit"), [("&message_bytes_max=1000", 1_000_000), ("", 1_000)])
async def test_a_message_too_large_is_refused_alone(kafka_node: Node, more: str, limit: int) -> None:
    """By the sink, or by the topic, after which the producer is made anew; the relay sets it aside."""
    topic = token_hex(8)
    await kafka_node.create(topic, max_message_bytes=str(limit))
    async with Kafka(target(kafka_node, topic, more)) as sink:
        with pytest.raises(PublishFailed):
            await sink.publish([event("large", user="u" * 2_000)])
        await sink.publish([event("1")])
        with pytest.raises(PublishFailed):
            await sink.publish([event("large", user="u" * 2_000)])
        await sink.publish([event("2")])
    assert await ids(kafka_node, topic) == ["1", "2"]


async def test_a_record_has_its_trip_as_key_and_what_it_is_in_its_headers(kafka_node: Node) -> None:
    topic = token_hex(8)
    await kafka_node.create(topic)
    async with Kafka(target(kafka_node, topic, "&shape=cloudevents&compression=gzip")) as sink:
        await sink.publish([event("1")])
    async with Kafka(target(kafka_node, topic, "&shape=trips")) as sink:
        await sink.publish([event("1")])
    cloud, trips = await kafka_node.records(topic)
    assert cloud.key == trips.key == b"t1"
    headers = dict(cloud.headers)
    assert headers["content-type"] == b"application/json"
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_type"] == b"travio.inventory.hold.created.v1"
    assert headers["ce_partitionkey"] == b"t1"
    assert json.loads(cloud.value)["seats"] == ["A1", "A2"]
    assert dict(trips.headers)["event_type"] == b"inventory.seats_held"
    assert json.loads(trips.value)["payload"]["status"] == "HELD"


async def test_what_is_sold_arrives_in_order_per_hold(kafka_node: Node) -> None:
    topic = token_hex(8)
    await kafka_node.create(topic)
    async with Kafka(target(kafka_node, topic)) as sink:
        service = Service(MemoryBatches(None, Random(0), anyio.sleep), Clock(), kafka=sink)
        await put_on_sale(service)
        told = await sell(service, range(1, 10))
        await service.relay_to("kafka")
    assert await ids(kafka_node, topic) == told


@pytest.mark.kafka
@pytest.mark.parametrize(
    "mechanism",
    [*(pytest.param(each, marks=pytest.mark.thorough) for each in ("PLAIN", "SCRAM-SHA-256")), "SCRAM-SHA-512"],
)
async def test_a_protected_node_gets_events_with_its_password_only(tmp_path: Path, mechanism: Mechanism) -> None:
    need("kafka")
    certificates = make_certificates(tmp_path) if mechanism != "SCRAM-SHA-256" else None
    account = Account(name="seller", mechanism=mechanism)
    secret = tmp_path / "password"
    secret.write_text("wrong\n")
    tls = f"&tls=on&ca_file={certificates.authority}" if certificates else ""
    with running_node(tmp_path, Protection(certificates=certificates, account=account)) as node:
        await node.create("t")
        url = f"kafka://seller@{node.address}?topic=t&publish_seconds_max=5&password_file={secret}"
        async with Kafka(parse_kafka(f"{url}&sasl={mechanism.lower()}{tls}")) as sink:
            with pytest.raises(PublishFailed) as refused:
                await sink.publish([event("1")])
            assert account.password not in str(refused.value)
            secret.write_text(f"{account.password}\n")
            await sink.publish([event("1")])
        assert await ids(node, "t") == ["1"]
