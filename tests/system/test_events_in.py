"""Events of other services at a real service: it opens trips and sells seats by them, each with one effect."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from aiormq.exceptions import AMQPError

from tests.app.test_metrics import asking, figures
from tests.events.inbound.arriving import message
from tests.events.inbound.brokers import Broker, broker, on_kafka, on_rabbitmq
from travio_inventory.bench.free_ports import free_port
from travio_inventory.client import InventoryClient, Refusal, SeatStatus
from travio_inventory.events.inbound.message import Message
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.protocol.dead_letters import DeadLetters
from travio_inventory.store.sqlite import SqliteView
from travio_inventory.telemetry import families
from verification.kit.service_process import ORGANIZATION, ServiceProcess, eventually, serving
from verification.kit.trips import trip_of
from verification.servers.kafka import Kafka, kafka
from verification.servers.rabbitmq import RabbitServer, rabbit_server

__all__ = ["broker"]


SEATS = 60
TRIP = trip_of("t1", seats=SEATS, segments=1, seats_per_group=5)
KILLS = 4
SETTINGS = {"TRAVIO_RELAY_INTERVAL_MS": "50", "TRAVIO_HOLD_TTL_SECONDS": "600"}


def event(kind: str, name: str, **data: object) -> Message:
    """An event of the service's organization, which happened now."""
    body = {"eventId": name, "type": kind, "timestamp": time.time()}
    return message(body | {"data": {"organizationId": ORGANIZATION} | data})


async def are_sold(client: InventoryClient, trip: str, seats: int) -> bool:
    """Whether so many of the trip's seats are sold; a service that is down has not said so."""
    with suppress(Refusal, OSError):
        seat_map = await client.seat_map(trip, "S0", "S1")
        return sum(shown.status is SeatStatus.BOOKED for shown in seat_map.seats) == seats
    return False


def purchases(service: ServiceProcess) -> Counter[str]:
    """How often each order was told to have bought. One that is published twice counts once."""
    told = {each["id"]: each for each in service.events() if each["type"] == "seats.purchased"}
    return Counter(each["data"]["order"] for each in told.values())


async def test_a_service_opens_a_trip_and_sells_it_by_events_alone(broker: Broker, tmp_path: Path) -> None:
    segments = [{"segmentIndex": 0, "fromStationId": "S0", "toStationId": "S1"}]
    port = free_port()
    variables = {"TRAVIO_EVENTS_IN": broker.url, "TRAVIO_METRICS_PORT": str(port)}
    async with serving(tmp_path, **variables, **SETTINGS) as service, service.client() as client:
        await client.put_seat_plan("bus-1", TRIP)
        await broker.send(event("trip.created", f"c-{broker.name}", tripId="t2", vehicleId="bus-1", segments=segments))
        await broker.drained()
        hold = await client.hold("t2", "S0", "S1", ["seat-1"])
        paid = event("payment.successful", f"p-{broker.name}", holdId=hold.id, orderId="order-1")
        await broker.send(paid)
        await broker.drained()
        assert await are_sold(client, "t2", 1)
        await eventually(lambda: is_told(service, {"order-1": 1}), within_s=30)
        assert await counted(port) == {"done": 2}
        for each in (message({"type": "tea", "eventId": "e"}), message(b"poison"), paid):
            await broker.send(each)
        await broker.drained()
        assert await counted(port) == {"done": 2, "skipped": 1, "dead letter": 1, "repeated": 1}
        assert await service.stop() == 0


async def counted(port: int) -> dict[str, float]:
    """How many events came in, by what came of them; none is tried again."""
    async with asking(port) as metrics:
        told = await figures(metrics)
    [waiting] = [value for name, value in told.items() if name.startswith(families.EVENTS_IN_WAITING.name)]
    assert waiting == 0
    count = re.escape(f"{families.EVENTS_IN.name}_count") + r"\[\('outcome', '(.+)'\), \('source', '\w+'\)\]"
    return {found[1]: value for name, value in told.items() if (found := re.fullmatch(count, name))}


async def is_told(service: ServiceProcess, orders: dict[str, int]) -> bool:
    return purchases(service) == orders


async def held(client: InventoryClient) -> Sequence[Message]:
    """The payments for all the seats, each of which is held."""
    await client.open_trip(TRIP)
    found = []
    for number in range(1, SEATS + 1):
        hold = await client.hold("t1", "S0", "S1", [f"seat-{number}"])
        found.append(event("payment.successful", f"paid-{number}", holdId=hold.id, orderId=f"order-{number}"))
    return found


@pytest.mark.thorough
@pytest.mark.server
@pytest.mark.parametrize("kind", ["kafka", "rabbitmq"])
async def test_services_and_brokers_that_are_killed_lose_no_event_and_double_none(kind: str, tmp_path: Path) -> None:
    """Each event is sent twice. The service is killed with events under way, again and again; the broker too, once."""
    started = kafka(tmp_path) if kind == "kafka" else rabbit_server(tmp_path)
    with started as node:
        place = on_kafka(node) if isinstance(node, Kafka) else on_rabbitmq(node)
        async with place as opened, serving(tmp_path, TRAVIO_EVENTS_IN=opened.url, **SETTINGS) as service:
            async with service.client() as client:
                came = await held(client)
            sending = asyncio.ensure_future(send_all(opened, [*came, message(b"poison"), *came]))
            for at in range(KILLS):
                await asyncio.sleep(0.3)
                service.kill()
                if at == 1:
                    await asyncio.to_thread(restart, node)
                await service.start()
            await sending
            await opened.drained(within_s=120)
            async with service.client() as client:
                assert await are_sold(client, "t1", SEATS)
            orders = {f"order-{number}": 1 for number in range(1, SEATS + 1)}
            await eventually(lambda: is_told(service, orders), within_s=30)
            assert await reasons(service) == ["NOT_JSON"]
            assert not [each for each in service.events() if each["type"] == "payment.refund_required"]


async def reasons(service: ServiceProcess) -> list[str]:
    """Why each of its dead letters is one."""
    async with SqliteView.open(service.data) as store:
        letters = DeadLetters(store, SystemClock())
        return [each.letter.reason for of in await letters.lists() async for each in letters.each(of)]


def restart(node: Kafka | RabbitServer) -> None:
    """Kill it, and start it on the same data."""
    node.kill()
    node.start()


async def send_all(to: Broker, messages: Sequence[Message]) -> None:
    """Send each until the broker has acknowledged it."""
    for each in messages:
        while True:
            try:
                async with asyncio.timeout(60):
                    await to.send(each)
                break
            except (TimeoutError, OSError, AMQPError, RuntimeError):
                await asyncio.sleep(0.2)
        await asyncio.sleep(0.01)
