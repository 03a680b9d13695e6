"""A trip as the catalogue tells of it: on its topic, to the group of inventories, in its words."""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from verification.kit.service_process import ORGANIZATION, eventually, serving
from verification.kit.trips import trip_of
from verification.servers.fixtures import need
from verification.servers.kafka import Kafka, kafka

PLAN = trip_of("bus-1", seats=4, segments=1, seats_per_group=2)
NIGHT = 1_900_000_000
OPENS_S_MAX = 120

pytestmark = [pytest.mark.once, pytest.mark.kafka]


@pytest.fixture
async def own_node(tmp_path: Path) -> AsyncIterator[Kafka]:
    """A node with the topics that are meant where none is named."""
    need("kafka")
    with kafka(tmp_path / "broker") as node:
        for topic in ("travio.catalog", "travio.payments"):
            await node.create(topic)
        yield node


def trip_created(trip: str) -> bytes:
    """The whole record, as its sender writes it."""
    segment = {
        "segment_index": 0,
        "from_station_id": "S0",
        "to_station_id": "S1",
        "departure_time": NIGHT,
        "arrival_time": NIGHT + 3_600,
    }
    payload = {
        "trip_id": trip,
        "organization_id": ORGANIZATION,
        "vehicle_id": "bus-1",
        "segments": [segment],
        "pricing": {"currency": "BDT", "price_minor": 45_000},
    }
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    told = {"id": f"e-{trip}", "type": "trip.created", "aggregate_id": trip, "timestamp": now, "version": 1}
    return json.dumps(told | {"payload": payload}).encode()


async def test_a_trip_of_the_catalogue_is_on_sale_with_our_plan_at_its_price(own_node: Kafka, tmp_path: Path) -> None:
    async with serving(tmp_path, TRAVIO_EVENTS_IN=f"kafka://{own_node.address}") as service:
        async with service.client() as client:
            await client.put_seat_plan("bus-1", PLAN)
            producer = AIOKafkaProducer(bootstrap_servers=own_node.internal)
            await producer.start()
            for _ in range(2):
                await producer.send_and_wait("travio.catalog", trip_created("t9"), key=b"t9")
            await producer.stop()

            async def is_taken_in() -> bool:
                return await own_node.lag("travio.catalog", "inventory-service") == 0

            await eventually(is_taken_in, within_s=OPENS_S_MAX)
            hold = await client.hold("t9", "S0", "S1", ["seat-1", "seat-4"])
            assert hold.price_minor == 2 * 45_000
        assert await service.stop() == 0
