"""A sale on both services of the deployment: shoppers, visitors of seat maps, watchers, payments, and a bad moment."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count, islice
from random import Random
from typing import Any, Final

import httpx
from aiokafka import AIOKafkaProducer

from travio_inventory.client import InventoryClient, Refusal, Trip
from travio_inventory.client.stock import Site, StockLine
from verification.dashboards.deployment import EVENTS_IN, TRIP, Deployment
from verification.kit.service_process import ORGANIZATION, ServiceProcess
from verification.kit.shoppers import Shopper
from verification.kit.trips import trip_of

SHOPPERS: Final = 12
SEATS: Final = 24
POISON_EVERY: Final = 50
PAID_SEATS: Final = 1_000
CUPS: Final = 6
BAD_MOMENT_S: Final = 6.0
"""Longer than the 4.5 s for which the service waits for an answer of the database."""
PAUSE_S: Final = 0.1

Action = Callable[[], Coroutine[Any, Any, None]]


async def sell(deployment: Deployment, seconds: float) -> None:
    """Sell on both services for so long. After a third of it the database stops for a moment, and then Redis: what has
    no answer then is given up a minute later, which a sale of two minutes shows.
    """
    over = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for number, service in enumerate(deployment.services):
            tasks.create_task(_sale(service, Random(number), over))
        tasks.create_task(_payments(deployment, over))
        tasks.create_task(_shop(deployment.cluster, over))
        await asyncio.sleep(seconds / 3)
        await _bad_moment(deployment)
        await asyncio.sleep(2 * seconds / 3)
        over.set()


async def _bad_moment(deployment: Deployment) -> None:
    [node] = deployment.database.nodes
    for pause, resume in ((node.pause, node.resume), (deployment.redis.pause, deployment.redis.resume)):
        pause()
        try:
            await asyncio.sleep(BAD_MOMENT_S)
        finally:
            resume()
        await asyncio.sleep(1)


async def _sale(service: ServiceProcess, random: Random, over: asyncio.Event) -> None:
    """Trips are opened, and everybody comes at once."""
    trips = [trip_of(name, seats=SEATS) for name in (TRIP, "other")]
    async with service.client("crowd", attempts_max=3) as client, _web(service) as web:
        for trip in trips:
            await client.open_trip(trip)
        shoppers = [Shopper(f"s{number}", client, trips, Random(random.random())) for number in range(SHOPPERS)]
        async with asyncio.TaskGroup() as tasks:
            for shopper in shoppers:
                tasks.create_task(shopper.shop(over))
            tasks.create_task(_again(over, lambda: _visit(client, web, trips)))
            watching = tasks.create_task(_again(over, lambda: _watch(client)))
            await over.wait()
            watching.cancel()


@asynccontextmanager
async def _web(service: ServiceProcess) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.web_port}", timeout=30) as client:
        yield client


async def _again(over: asyncio.Event, action: Action) -> None:
    """Until the end; a bad moment is no end."""
    while not over.is_set():
        with suppress(Refusal, httpx.HTTPError, OSError):
            await action()
        await asyncio.sleep(PAUSE_S)


async def _visit(client: InventoryClient, web: httpx.AsyncClient, trips: Sequence[Trip]) -> None:
    for trip in trips:
        await client.seat_map(trip.key.trip, "S0", "S3")
        await web.get(f"/v1/trips/{trip.key.trip}", params={"org_id": ORGANIZATION})
        await web.get(f"/v1/trips/{trip.key.trip}/seats", params={"org_id": ORGANIZATION, "from": "S0", "to": "S3"})


async def _watch(client: InventoryClient) -> None:
    async for _ in client.watch(TRIP, "S0", "S3"):
        pass


async def _shop(service: ServiceProcess, over: asyncio.Event) -> None:
    """Cups come and are sold out, again and again; every third order is cancelled, and who is late is refused."""
    async with service.client("clerk", attempts_max=3) as client:
        stock = client.stock
        await stock.add_warehouse("north", Site("North"))
        cup = await stock.add("cup", "north", "cup", quantity=CUPS, reorder_point=CUPS // 2)
        numbers = count()

        async def sell_out() -> None:
            for number in islice(numbers, CUPS + 1):
                with suppress(Refusal):
                    await stock.reserve(f"order-{number}", [("cup", 1)])
                    await (stock.commit if number % 3 else stock.cancel)(order=f"order-{number}")
            await stock.update(StockLine(inventory_id=cup.id, quantity=CUPS, type="INBOUND", reason="a van came"))

        await _again(over, sell_out)


async def _payments(deployment: Deployment, over: asyncio.Event) -> None:
    """A passenger holds a seat for long, and the payment comes as an event; some are unknown to all, some poison."""
    producer = AIOKafkaProducer(bootstrap_servers=deployment.broker.internal, acks="all")
    await producer.start()
    try:
        async with deployment.cluster.client("payer", attempts_max=3) as client:
            await client.open_trip(trip_of("paid", seats=PAID_SEATS))
            number = 0
            while not over.is_set():
                number += 1
                with suppress(Refusal):
                    await _pay(client, producer, number)
                if number % POISON_EVERY == 1:
                    await producer.send_and_wait(EVENTS_IN, f"poison {number}".encode())
                await asyncio.sleep(5 * PAUSE_S)
    finally:
        await producer.stop()


async def _pay(client: InventoryClient, producer: AIOKafkaProducer, number: int) -> None:
    hold = await client.hold("paid", "S0", "S1", [f"seat-{number % PAID_SEATS + 1}"], seconds=60)
    event = {"eventId": f"p{number}", "timestamp": time.time(), "type": "payment.successful" if number % 3 else "tea"}
    data = {"organizationId": ORGANIZATION, "holdId": hold.id, "orderId": f"order-{number}"}
    await producer.send_and_wait(EVENTS_IN, json.dumps(event | {"data": data}).encode())
