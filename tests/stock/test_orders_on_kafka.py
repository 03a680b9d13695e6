"""Orders on a real Kafka: from the event that comes in to the events that go out, in both shapes, once each."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from secrets import token_hex
from typing import Any

import anyio
import pytest
from aiokafka import AIOKafkaProducer

from tests.events.inbound.brokers import on_kafka
from tests.stock.arriving import TOPIC, Arrivals
from tests.stock.shop import Shop
from tests.typed import Type
from travio_inventory.app.service import App, working
from travio_inventory.events.inbound.message import Message
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.stock.commands import AddEntry, AddWarehouse, EntriesQuery
from travio_inventory.stock.entry import InventoryEntry, Quantities
from travio_inventory.stock.warehouse import Site
from travio_inventory.store.memory import MemoryBatches
from verification.kit.in_process import settings_of
from verification.servers.kafka import Kafka

PAID, NOT_PAID, CANCELLED = "payment.successful", "payment.failed", "order.cancelled"
SHOP = Actor("acme", "ann")
POISON = 2


async def until(there: Callable[[], Awaitable[bool]], *, within_s: float = 60) -> None:
    with anyio.fail_after(within_s):
        while not await there():  # noqa: ASYNC110 - the broker tells it only when it is asked
            await anyio.sleep(0.1)


async def told(node: Kafka, topic: str) -> list[dict[str, Any]]:
    """Each event of the topic once, and that its key is what it is about."""
    found = {}
    for record in await node.records(topic):
        said = json.loads(record.value)
        assert record.key.decode() == said.get("sku", record.key.decode()), said
        found[said["eventId"]] = said
    return list(found.values())


@asynccontextmanager
async def sending_to(node: Kafka, topic: str) -> AsyncIterator[Callable[[Message], Awaitable[None]]]:
    """What other services send there."""
    producer = AIOKafkaProducer(bootstrap_servers=node.internal, acks="all", enable_idempotence=True)
    await producer.start()

    async def send(message: Message) -> None:
        headers = [tuple(header) for header in message.headers]
        await producer.send_and_wait(topic, message.body, key=message.key, headers=headers)

    try:
        yield send
    finally:
        await producer.stop()


async def killed(consumer: asyncio.Task[None]) -> None:
    """It takes nothing more; what it has begun is left as it is."""
    consumer.cancel()
    with suppress(asyncio.CancelledError):
        await consumer


async def opened(app: App, quantity: int) -> InventoryEntry:
    """Cups in the north."""
    assert app.stock is not None
    north = await app.stock.warehouses.add(SHOP, AddWarehouse("north", Site("North")))
    return await app.stock.keep.add(SHOP, AddEntry("cup", north.id, "p-cup", quantity, "", 0))


async def quantities(app: App) -> dict[str, Quantities]:
    """What is available and reserved, by stock keeping unit."""
    assert app.stock is not None
    entries = (await app.stock.read.page(SHOP, EntriesQuery())).entries
    return {entry.sku: entry.quantities for entry in entries}


async def test_orders_that_come_in_are_reserved_committed_and_told_of(
    kafka_node: Kafka, tmp_path: Path, typed: Type
) -> None:
    """Through the whole service, by the group and the topics that it has: a repeat of any of the five kinds changes
    nothing, and poison goes to the dead letters.
    """
    flat, cloud = (f"{name}{token_hex(3)}" for name in ("flat", "cloud"))
    for topic in (TOPIC, flat, cloud):
        await kafka_node.create(topic)
    kafka = f"kafka://{kafka_node.address}"
    sinks = f"flat={kafka}?topic={flat}&shape=stock,cloud={kafka}?topic={cloud}&shape=cloudevents"
    arrivals = Arrivals(Shop(MemoryBatches(None, Random(1), asyncio.sleep)))
    arrivals.shop.clock.at_ms = SystemClock().now_ms()
    settings = settings_of(
        tmp_path, background=True, events=sinks, events_in=f"{kafka}?topics={TOPIC}", events_in_organization="acme"
    )
    unreadable = replace(arrivals.placed("o9", ("cup", 1)), body=b"not JSON")
    came = [
        arrivals.event("product.created", productId="p-jug", sku="jug"),
        *(arrivals.placed(order, ("cup", count)) for order, count in (("o1", 2), ("o2", 1), ("o3", 1), ("o4", 99))),
        arrivals.event("order.created", orderId="o5", items=[]),
        unreadable,
        arrivals.told(PAID, "o1"),
        arrivals.told(NOT_PAID, "o2"),
        arrivals.told(PAID, "o3"),
        arrivals.told(CANCELLED, "o3"),
    ]
    async with working(settings) as app, sending_to(kafka_node, TOPIC) as send:
        await opened(app, 9)
        for message in [*came, *came]:
            await send(message)

        async def is_all_taken() -> bool:
            return await kafka_node.lag(TOPIC, "inventory-service") == 0

        async def is_all_told() -> bool:
            return Counter(each["type"] for each in await told(kafka_node, flat))["inventory.stock_updated"] == 4

        await until(is_all_taken)
        await until(is_all_told)
        listed = await asyncio.to_thread(
            typed, "events", "dead-letters", "--json", TRAVIO_DATA=str(settings.store.data), TRAVIO_EVENTS="none"
        )
        assert await quantities(app) == {"cup": (7, 0), "jug": (0, 0)}
    reasons = Counter(json.loads(line)["reason"] for line in listed.out.splitlines())
    assert reasons == {"INVALID_REQUEST": POISON, "NOT_JSON": POISON}
    events = await told(kafka_node, flat)
    counts = Counter(each["type"].removeprefix("inventory.") for each in events)
    assert counts == {"stock_updated": 4, "reserved": 3, "committed": 2, "released": 2, "reservation_failed": 1}
    [failed] = [each for each in events if each["type"] == "inventory.reservation_failed"]
    assert (failed["orderId"], failed["reason"], failed["isPaid"]) == ("o4", "INSUFFICIENT_STOCK", False)
    assert {dict(each.headers)["ce_type"].decode() for each in await kafka_node.records(cloud)} == {
        f"travio.inventory.{each['type']}.v1" for each in events
    }


async def test_brokers_alone_are_enough_for_orders_that_name_no_organization(kafka_node: Kafka, tmp_path: Path) -> None:
    orders, stock = (f"{name}{token_hex(3)}" for name in ("orders", "stock"))
    for topic in (orders, stock):
        await kafka_node.create(topic)
    settings = settings_of(
        tmp_path, background=True, default_organization=SHOP.organization, kafka_brokers=kafka_node.address,
        kafka_group_id=token_hex(3), kafka_topic_order_events=orders, kafka_topic_inventory_events=stock,
    )  # fmt: skip
    async with working(settings) as app, sending_to(kafka_node, orders) as send:
        await opened(app, 5)
        for said in ({"type": "order.created", "items": [{"sku": "cup", "quantity": 2}]}, {"type": PAID}):
            body = json.dumps({"eventId": token_hex(4), "orderId": "o1", **said}).encode()
            await send(Message(orders, "", body, key=b"o1"))

        async def is_committed() -> bool:
            kinds = {each["type"] for each in await told(kafka_node, stock)}
            return {"inventory.reserved", "inventory.committed"} <= kinds

        await until(is_committed)
        assert await quantities(app) == {"cup": (3, 0)}


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:Unclosed AIOKafkaConnection:ResourceWarning")  # who is killed while it connects
@pytest.mark.parametrize("seed", range(3))
async def test_while_consumers_are_killed_each_order_is_reserved_once_and_none_is_oversold(
    kafka_node: Kafka, seed: int
) -> None:
    """Every event twice, in any order; 100 orders for 60 units over three warehouses; half are paid, some cancelled."""
    random, store = Random(seed), MemoryBatches(None, Random(seed), asyncio.sleep)
    shop = Shop(store, "org", seed=100)
    entries = [await shop.entry("cup", 20, code=code) for code in ("north", "south", "west")]
    arrivals, came = Arrivals(shop), []
    for number in range(100):
        order = f"o{number}"
        came.append(arrivals.placed(order, ("cup", random.choice((1, 1, 2)))))
        came += [arrivals.told(kind, order) for kind in (PAID, CANCELLED) if random.random() < 0.4]
    twice = [*came, *came]
    random.shuffle(twice)
    async with on_kafka(kafka_node) as broker:

        def consuming(number: int) -> asyncio.Task[None]:
            return asyncio.ensure_future(broker.consumer(Arrivals(Shop(store, "org", seed=number))).run())

        for message in twice:
            await broker.send(message)
        last = consuming(0)
        for number in range(1, 6):
            doomed = consuming(number)
            await anyio.sleep(random.uniform(0.1, 0.4))
            await killed(doomed)
        await broker.drained(within_s=120)
        await killed(last)
    assert await broker.reasons() == []
    left = [quantities for entry in entries for quantities in await shop.totals(entry)]
    reserved = committed = 0
    for number in range(100):
        found = await shop.reservations.of_order("org", f"o{number}")
        if found is not None and found.status in ("PENDING", "COMMITTED"):
            units = sum(line.quantity for line in found.lines)
            reserved += units * (found.status == "PENDING")
            committed += units * (found.status == "COMMITTED")
    available = sum(each for each, _ in left)
    assert (available + reserved + committed, sum(each for _, each in left)) == (60, reserved)
    assert min(each for each, _ in left) >= 0
