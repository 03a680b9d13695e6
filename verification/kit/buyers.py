"""Buyers of stock who repeat every call until they get an answer, and note what each order came to."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import TypeAlias

from travio_inventory.client import InventoryClient
from travio_inventory.client.stock import (
    InsufficientStock,
    ReservationCancelled,
    ReservationCommitted,
    ReservationEnded,
    StockNotFound,
    StockReservation,
)
from travio_inventory.stock.reservation import Status
from verification.kit.shoppers import insist

TTL_S = 2
BREATHER_SECONDS_MAX = 0.05
REFUSED = ""
"""The status of an order that has no reservation."""
ENDED = {ReservationCommitted: Status.COMMITTED, ReservationCancelled: Status.CANCELLED}
"""What a refused step says of its reservation; any other says that it has expired."""

Call: TypeAlias = Callable[[InventoryClient], Awaitable[StockReservation]]


@dataclass
class Order:
    """What somebody ordered, and what it came to, as they were told."""

    units: Mapping[str, int]
    status: str = REFUSED

    @property
    def is_sold(self) -> bool:
        """Whether its units have left."""
        return self.status == Status.COMMITTED


class Buyer:
    """Reserves some of each article for an order, then pays, gives back or forgets it. Each call goes to any client."""

    def __init__(self, name: str, clients: Sequence[InventoryClient], skus: Sequence[str], random: Random) -> None:
        self._name = name
        self._clients = clients
        self._skus = skus
        self._random = random
        self.orders: dict[str, Order] = {}

    async def buy(self, is_over: asyncio.Event) -> None:
        """Buy until the end, then finish the current order."""
        for number in count():
            if is_over.is_set():
                return
            await self.order(f"{self._name}-{number}")
            await asyncio.sleep(self._random.uniform(0, BREATHER_SECONDS_MAX))

    async def order(self, named: str) -> None:
        """One order, whatever it comes to. Raises TimeoutError where nobody ever answers."""
        skus = self._random.sample(self._skus, self._random.randint(1, len(self._skus)))
        order = Order({sku: self._random.choice((1, 1, 2)) for sku in skus})
        self.orders[named] = order
        try:
            await insist(lambda: self._reserve(named, order))
        except InsufficientStock:
            return
        except ReservationEnded:  # the answer came when its time was over
            order.status = Status.EXPIRED
            return
        order.status = Status.EXPIRED
        fate = self._random.choice(("commit", "commit", "late", "return", "cancel", "forget"))
        if fate == "late":
            await asyncio.sleep(TTL_S + 1)
        if fate in ("commit", "late", "return"):
            await self._step(order, lambda client: client.stock.commit(order=named))
        if fate == "cancel" or (fate == "return" and order.status == Status.COMMITTED):
            await self._step(order, lambda client: client.stock.cancel(order=named))

    async def _reserve(self, named: str, order: Order) -> StockReservation:
        client = self._random.choice(self._clients)
        return await client.stock.reserve(named, [*order.units.items()], seconds=TTL_S, key=named)

    async def _step(self, order: Order, call: Call) -> None:
        """It is as the answer says; if its time was over, it has expired."""
        try:
            order.status = (await insist(lambda: call(self._random.choice(self._clients)))).status
        except ReservationEnded as refusal:
            order.status = ENDED.get(type(refusal), Status.EXPIRED)


async def nothing_is_reserved(client: InventoryClient) -> bool:
    """Whether every reservation has ended."""
    entries = await client.stock.entries()
    return not any(entry.reserved for entry in entries)


async def untrue_of_stock(client: InventoryClient, orders: Mapping[str, Order], opened: Mapping[str, int]) -> list[str]:
    """What is not as the buyers were told, once nothing is reserved any more: an order, or how many are left of what
    was there when it opened.
    """
    untrue = []
    for named, order in orders.items():
        status = await status_of(client, named)
        if status != order.status:
            untrue.append(f"{named} is {status or 'not there'}, and they were told {order.status or 'a refusal'}")
    sold = Counter[str]()
    for order in orders.values():
        sold.update(order.units if order.is_sold else {})
    entries = await client.stock.entries()
    for sku, units in opened.items():
        left = [entry.available for entry in entries if entry.sku == sku]
        if min(left) < 0 or sum(left) != units - sold[sku]:
            untrue.append(f"of {units} {sku} {sold[sku]} were sold, and {left} are left")
    return untrue


async def status_of(client: InventoryClient, order: str) -> str:
    """Of the order's reservation, REFUSED if there is none."""
    try:
        return (await client.stock.reservation(order=order)).status
    except StockNotFound:
        return REFUSED


def orders_of(buyers: Iterable[Buyer]) -> dict[str, Order]:
    """The orders of all of them."""
    return {named: order for buyer in buyers for named, order in buyer.orders.items()}
