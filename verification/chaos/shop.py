"""A bad day of stock: buyers and crowds over gRPC, orders over Kafka, every fault on services and servers.

Then each order is compared with what was told of it, and every unit is counted.
"""

import asyncio
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import TypeAlias

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from travio_inventory.client import InventoryClient
from travio_inventory.client.stock import Site
from travio_inventory.stock.reservation import Status
from verification.chaos import nemesis
from verification.chaos.deployment import Deployment, Service, deployed
from verification.chaos.nemesis import Nemesis, Struck
from verification.kit.buyers import REFUSED, Buyer, Order, nothing_is_reserved, orders_of, status_of, untrue_of_stock
from verification.kit.service_process import ORGANIZATION, eventually
from verification.kit.shoppers import insist
from verification.servers.cassandra import Nodes
from verification.servers.kafka import Kafka, kafka

Say: TypeAlias = Callable[[str], None]

ORDERS, TOLD, GROUP = "order.events", "inventory.events", "shop"
CREATED, PAID, CANCELLED = "order.created", "payment.successful", "order.cancelled"
COMMITTED = "inventory.committed"
WAREHOUSES = ("east", "north", "west")
GOODS = {"ape": 60_000, "bee": 60_000}
MAILED = "mail"
MAILED_UNITS = 90_000
HOT_UNITS = 30
"""Of each article that a crowd wants, a third in each warehouse."""
BUYERS = 6
CROWD, CROWD_AT_ONCE = 200, 32
MAIL_PAUSE_S = 0.1
BROKER_UP_S, BROKER_DOWN_S = (8.0, 20.0), (0.5, 3.0)
SETTLE_S_MAX = 240.0


@dataclass(frozen=True, kw_only=True)
class Day:
    """What is to be done."""

    seconds: float
    seed: int
    nodes: Nodes
    faults: Sequence[str]


@dataclass
class Found:
    """What was asked for, what was done to the servers, and which promises were broken."""

    buyers: Sequence[Buyer] = ()
    crowds: list[Buyer] = field(default_factory=list)
    mailed: dict[str, Sequence[str]] = field(default_factory=dict)
    """What was told of which order over Kafka."""
    struck: Sequence[Struck] = ()
    brokers_killed: int = 0
    violations: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """In a line."""
        asked, contended = len(orders_of(self.buyers)), len(orders_of(self.crowds))
        held = f"{len(self.violations)} VIOLATIONS" if self.violations else "every promise held"
        faults = f"{len(self.struck)} faults, the broker killed {self.brokers_killed} times"
        over = f"{asked} orders of buyers, {contended} of crowds, {len(self.mailed)} over Kafka"
        return f"{held}; {over}; {faults}"


class Shop:
    """Everything that runs, and what was told so far."""

    def __init__(self, day: Day, deployment: Deployment, broker: Kafka, clients: Sequence[InventoryClient]) -> None:
        self._day = day
        self._deployment = deployment
        self._broker = broker
        self._clients = clients
        self._is_over = asyncio.Event()
        buyers = [Buyer(f"b{n}", clients, [*GOODS], Random(f"{day.seed} buyer {n}")) for n in range(BUYERS)]
        self.found = Found(buyers)
        self._opened: dict[str, int] = {}

    async def open(self) -> None:
        """Warehouses and goods."""
        for code in WAREHOUSES:
            await self._clients[0].stock.add_warehouse(code, Site(code), key=code)
        for sku, units in {**GOODS, MAILED: MAILED_UNITS}.items():
            await self._shelve(sku, units)

    async def go(self, say: Say) -> None:
        """Load and faults; when this returns, all faults are over and nobody asks any more."""
        day = self._day
        strikes = Nemesis(self._deployment, say)
        async with asyncio.TaskGroup() as group:
            for buyer in self.found.buyers:
                group.create_task(buyer.buy(self._is_over))
            group.create_task(self._rush(Random(f"{day.seed} crowds")))
            group.create_task(self._mail(Random(f"{day.seed} mail")))
            group.create_task(self._break_broker(Random(f"{day.seed} broker")))
            group.create_task(strikes.strike(nemesis.plan(day.seed, day.seconds, day.faults), day.seconds))
            await asyncio.sleep(day.seconds)
            self._is_over.set()
        self.found.struck = strikes.struck
        await asyncio.to_thread(self._deployment.nodes.settle)

    async def judge(self) -> None:
        """Wait until everything has ended, then compare."""
        client, found = self._clients[0], self.found
        await eventually(self._is_all_taken, within_s=SETTLE_S_MAX)
        await eventually(lambda: nothing_is_reserved(client), within_s=SETTLE_S_MAX)
        orders = orders_of([*found.buyers, *found.crowds])
        for named, kinds in found.mailed.items():
            status = await status_of(client, named)
            if status not in ({REFUSED, Status.CANCELLED} if CANCELLED in kinds else {Status.COMMITTED}):
                found.violations.append(f"{named} is {status or 'not there'}, and was told {kinds} of")
            orders[named] = Order({MAILED: 1}, status)
        found.violations += await untrue_of_stock(client, orders, self._opened)
        found.violations += await asyncio.to_thread(_audited, self._deployment.services[0])
        sold = {named for named, order in orders.items() if order.is_sold}
        told = await self._told(sold)
        found.violations += [f"{named} was committed, and nobody was told" for named in sold - told.keys()]
        found.violations += [f"{named} was told as {len(ids)} events" for named, ids in told.items() if len(ids) > 1]

    # ---- load

    async def _shelve(self, sku: str, units: int) -> None:
        self._opened[sku] = units
        for code in WAREHOUSES:
            client = self._clients[0]
            quantity = units // len(WAREHOUSES)
            await insist(lambda: client.stock.add(sku, code, sku, quantity=quantity, key=f"{sku} {code}"))  # noqa: B023

    async def _rush(self, random: Random) -> None:
        """One crowd after the other, each for a new article of which there is not enough."""
        for number in count():
            if self._is_over.is_set():
                return
            hot, gate = f"hot-{number}", asyncio.Semaphore(CROWD_AT_ONCE)
            await self._shelve(hot, HOT_UNITS)
            crowd = Buyer(hot, self._clients, [hot], random)
            self.found.crowds.append(crowd)

            async def one(named: str) -> None:
                async with gate:  # noqa: B023 - the crowd is over by the next one
                    await crowd.order(named)  # noqa: B023 - too

            await asyncio.gather(*(one(f"{hot}-{each}") for each in range(CROWD)))

    async def _mail(self, random: Random) -> None:
        """Orders of another service: each is paid or cancelled, each event comes twice, in any order."""
        producer = AIOKafkaProducer(bootstrap_servers=self._broker.internal, acks="all", enable_idempotence=True)
        await producer.start()
        try:
            for number in count():
                if self._is_over.is_set():
                    return
                named = f"mailed-{number}"
                self.found.mailed[named] = kinds = random.choice(((PAID,), (PAID,), (CANCELLED,), (PAID, CANCELLED)))
                events = [_event(kind, named) for kind in (CREATED, *kinds)] * 2
                for event in random.sample(events, len(events)):
                    await _sent(producer, event, named)
                await asyncio.sleep(MAIL_PAUSE_S)
        finally:
            await producer.stop()

    async def _break_broker(self, random: Random) -> None:
        """It is killed now and then, and started again."""
        while not self._is_over.is_set():
            await asyncio.sleep(random.uniform(*BROKER_UP_S))
            if self._is_over.is_set():
                return
            self._broker.kill()
            self.found.brokers_killed += 1
            await asyncio.sleep(random.uniform(*BROKER_DOWN_S))
            await asyncio.to_thread(self._broker.start)

    # ---- what is left

    async def _is_all_taken(self) -> bool:
        return await self._broker.lag(ORDERS, GROUP) == 0

    async def _told(self, sold: set[str]) -> Mapping[str, set[str]]:
        """The ids of the events that tell of each order's commit, when all are told or time is over."""
        found: dict[str, set[str]] = {}

        async def is_all_told() -> bool:
            found.clear()
            found.update(_commits(json.loads(record.value) for record in await self._broker.records(TOLD)))
            return found.keys() >= sold

        with suppress(TimeoutError):  # then it is seen who is not told of
            await eventually(is_all_told, within_s=SETTLE_S_MAX)
        return found


def _commits(said: Iterator[Mapping[str, str]]) -> Mapping[str, set[str]]:
    told: defaultdict[str, set[str]] = defaultdict(set)
    for event in said:
        if event["type"] == COMMITTED:
            told[event["orderId"]].add(event["eventId"])
    return told


def _event(kind: str, order: str) -> bytes:
    items = {"items": [{"sku": MAILED, "quantity": 1}]} if kind == CREATED else {}
    return json.dumps({"eventId": f"{kind} {order}", "type": kind, "orderId": order, **items}).encode()


async def _sent(producer: AIOKafkaProducer, event: bytes, order: str) -> None:
    """Sent again until the broker has it."""
    while True:
        try:
            await producer.send_and_wait(ORDERS, event, key=order.encode())
        except KafkaError:
            await asyncio.sleep(MAIL_PAUSE_S)
        else:
            return


def _audited(service: Service) -> list[str]:
    """What the auditor finds in the stock that is left."""
    words = [sys.executable, "-m", "travio_inventory.cli", "audit", "--only", "stock"]
    done = subprocess.run(words, env=service.process.environment, capture_output=True, text=True, check=False)
    return [] if done.returncode == 0 else [f"the auditor ended with {done.returncode}: {done.stdout}{done.stderr}"]


async def run(day: Day, folder: Path, say: Say) -> Found:
    """Run everything. Raises ServerFailedError and the like if the machinery itself fails."""
    with kafka(folder) as broker:
        for topic in (ORDERS, TOLD):
            await broker.create(topic)
        variables = {
            "TRAVIO_EVENTS": f"stock=kafka://{broker.address}?topic={TOLD}&shape=stock",
            "TRAVIO_EVENTS_IN": f"kafka://{broker.address}?topics={ORDERS}&group={GROUP}",
            "TRAVIO_EVENTS_IN_ORGANIZATION": ORGANIZATION,
        }
        async with deployed(folder, day.nodes, variables=variables) as deployment, _clients(deployment) as clients:
            shop = Shop(day, deployment, broker, clients)
            await shop.open()
            say("all servers run")
            await shop.go(say)
            say("all is mended; judging")
            await shop.judge()
        return shop.found


@asynccontextmanager
async def _clients(deployment: Deployment) -> AsyncIterator[list[InventoryClient]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(service.process.client()) for service in deployment.services]
