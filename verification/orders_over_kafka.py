"""How long an order takes from Kafka to Kafka: `python -m verification.orders_over_kafka`.

Orders are told to a real service by `order.created` and `payment.successful`; what it tells of each order is read from
the broker again. Nothing else should run on the machine.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from travio_inventory.bench.measuring import latency_ms
from travio_inventory.bench.report import commit, machine
from travio_inventory.client.stock import Site
from verification.kit.service_process import ORGANIZATION, serving
from verification.kit.stores import services_on
from verification.servers.cassandra import cassandra
from verification.servers.kafka import Kafka, kafka
from verification.servers.redis import redis_server

ORDERS, TOLD = "order.events", "inventory.events"
STEPS = {"order.created": "inventory.reserved", "payment.successful": "inventory.committed"}
WARM_UP_ORDERS = 50
ARRIVES_S_MAX = 30.0


class OrderTalk:
    """Tells of orders, and hears what comes of them, by the clock of this process."""

    def __init__(self, node: Kafka) -> None:
        self._node = node
        self._sent: dict[tuple[str, str], float] = {}
        self._heard: dict[tuple[str, str], float] = {}

    async def tells(self, orders: int, per_second: float, prefix: str) -> Mapping[str, list[float]]:
        """Of each kind of event in, the seconds until its event out; raises TimeoutError if one does not come."""
        producer = AIOKafkaProducer(bootstrap_servers=self._node.internal, acks="all")
        await producer.start()
        reader = AIOKafkaConsumer(TOLD, bootstrap_servers=self._node.internal, auto_offset_reset="latest")
        await reader.start()
        await asyncio.gather(*(reader.position(place) for place in reader.assignment()))
        hearing = asyncio.ensure_future(self._hear(reader))
        names = [f"{prefix}-{number}" for number in range(orders)]
        try:
            for kind, answer in STEPS.items():
                began = perf_counter()
                for number, order in enumerate(names):
                    await asyncio.sleep(max(0.0, began + number / per_second - perf_counter()))
                    self._sent[kind, order] = perf_counter()
                    await producer.send(ORDERS, _event(kind, order), key=order.encode())
                async with asyncio.timeout(ARRIVES_S_MAX):
                    while not all((answer, order) in self._heard for order in names):  # noqa: ASYNC110 - another task hears
                        await asyncio.sleep(0.05)
        finally:
            hearing.cancel()
            with suppress(asyncio.CancelledError):
                await hearing
            await reader.stop()
            await producer.stop()
        return {
            kind: [self._heard[answer, order] - self._sent[kind, order] for order in names]
            for kind, answer in STEPS.items()
        }

    async def _hear(self, reader: AIOKafkaConsumer) -> None:
        """The first copy counts."""
        async for record in reader:
            said = json.loads(record.value)
            if "orderId" in said:
                self._heard.setdefault((said["type"], said["orderId"]), perf_counter())


def _event(kind: str, order: str) -> bytes:
    items = {"items": [{"sku": "cup", "quantity": 1}]} if kind == "order.created" else {}
    return json.dumps({"eventId": f"{kind} {order}", "type": kind, "orderId": order, **items}).encode()


async def measured(folder: Path, on: str, orders: int, per_second: float) -> dict[str, dict[str, float]]:
    """The latencies of each step, in milliseconds, on that store."""
    with ExitStack() as stack:
        variables: dict[str, str] = {}
        if on == "cql":
            redis = stack.enter_context(redis_server(folder))
            node = stack.enter_context(cassandra(folder / "cassandra", optimized=True))
            variables = services_on(node) | {"REDIS_ADDR": redis.address}
        broker = stack.enter_context(kafka(folder))
        for topic in (ORDERS, TOLD):
            await broker.create(topic)
        variables |= {
            "TRAVIO_EVENTS": f"stock=kafka://{broker.address}?topic={TOLD}&shape=stock",
            "TRAVIO_EVENTS_IN": f"kafka://{broker.address}?topics={ORDERS}&group=shop",
            "TRAVIO_EVENTS_IN_ORGANIZATION": ORGANIZATION,
        }
        async with serving(folder, **variables) as service, service.client() as client:
            await client.stock.add_warehouse("west", Site("West"))
            await client.stock.add("cup", "west", "cup", quantity=WARM_UP_ORDERS + orders)
            shop = OrderTalk(broker)
            await shop.tells(WARM_UP_ORDERS, per_second, "warm-up")
            found = await shop.tells(orders, per_second, "order")
    return {kind: latency_ms(values) for kind, values in found.items()}


def main() -> int:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m verification.orders_over_kafka", description=__doc__)
    parser.add_argument("--on", choices=("sqlite", "cql"), default="sqlite", help="the store (%(default)s)")
    parser.add_argument("--orders", type=int, default=1_000, help="how many (%(default)s)")
    parser.add_argument("--per-second", type=float, default=50.0, help="of them (%(default)s)")
    asked = parser.parse_args()
    with TemporaryDirectory(prefix="travio-orders-", ignore_cleanup_errors=True) as folder:
        found = asyncio.run(measured(Path(folder), asked.on, asked.orders, asked.per_second))
    told = {"commit": commit(), "machine": machine(), **vars(asked), "from event in to event out, ms": found}
    sys.stdout.write(json.dumps(told, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
