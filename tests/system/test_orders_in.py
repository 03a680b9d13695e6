"""Orders of other services at a real service that is killed, as its broker is: each takes effect once.

The checks read the store after the last process ended: reservations, movements and what was told, order by order.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from tests.events.inbound.brokers import on_kafka
from tests.stock.arriving import Arrivals
from tests.stock.shop import Shop
from tests.system.test_events_in import SETTINGS, reasons, restart, send_all
from tests.typed import Type
from travio_inventory.events.inbound.message import Message
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.movement import Movement, MovementType
from travio_inventory.store.sqlite import SqliteBatches
from verification.kit.service_process import ORGANIZATION, serving
from verification.servers.kafka import kafka

pytestmark = [pytest.mark.thorough, pytest.mark.server, pytest.mark.timeout(480)]

ORDERS, UNITS, KILLS = 200, 120, 8
CREATED, PAID, CANCELLED = "order.created", "payment.successful", "order.cancelled"
VARIABLES = {**SETTINGS, "TRAVIO_EVENTS_IN_ORGANIZATION": ORGANIZATION}


@dataclass(frozen=True)
class Orders:
    """What is told of which order."""

    told: Mapping[str, Sequence[str]]
    wanted: Mapping[str, int]

    def messages(self, arrivals: Arrivals) -> Iterator[Message]:
        """Each event, and poison."""
        for order, kinds in self.told.items():
            for kind in kinds:
                is_new = kind == CREATED
                yield arrivals.placed(order, ("cup", self.wanted[order])) if is_new else arrivals.told(kind, order)
        yield arrivals.event(CREATED, orderId="poison", items=[])


def drawn(random: Random) -> Orders:
    told = {
        f"o{number}": [CREATED, *(kind for kind, share in ((PAID, 0.6), (CANCELLED, 0.2)) if random.random() < share)]
        for number in range(ORDERS)
    }
    return Orders(told, {order: random.choice((1, 1, 2)) for order in told})


async def opened(data: Path) -> Sequence[InventoryEntry]:
    """Cups in three warehouses, before any process is there."""
    async with SqliteBatches.open(data) as store:
        shop = shop_on(store)
        return [await shop.entry("cup", UNITS // 3, code=code) for code in ("north", "south", "west")]


def shop_on(store: SqliteBatches) -> Shop:
    """The house, at this moment."""
    shop = Shop(store, ORGANIZATION)
    shop.clock.at_ms = SystemClock().now_ms()
    return shop


@pytest.mark.parametrize("seed", range(2))
async def test_services_and_brokers_that_are_killed_lose_no_order_and_sell_none_twice(
    seed: int, tmp_path: Path, typed: Type
) -> None:
    """Each event comes twice, in any order, more is wanted than there is; both are killed with events under way."""
    random = Random(seed)
    orders = drawn(random)
    entries = await opened(tmp_path / "data")
    async with SqliteBatches.open(tmp_path / "elsewhere") as other:
        twice = [*orders.messages(Arrivals(shop_on(other)))] * 2
    random.shuffle(twice)
    with kafka(tmp_path) as node:
        async with on_kafka(node) as broker, serving(tmp_path, TRAVIO_EVENTS_IN=broker.url, **VARIABLES) as service:
            sending = asyncio.ensure_future(send_all(broker, twice))
            for at in range(KILLS):
                await asyncio.sleep(random.uniform(0.2, 1.0))
                service.kill()
                if at in (2, 5):
                    await asyncio.to_thread(restart, node)
                await service.start()
            await sending
            await broker.drained(within_s=180)
            assert await service.stop() == 0
            assert await reasons(service) == ["INVALID_REQUEST"] * 2
    audit = await asyncio.to_thread(typed, "audit", "--only", "stock", TRAVIO_DATA=str(tmp_path / "data"))
    assert (audit.status, audit.err) == (0, "")
    async with SqliteBatches.open(tmp_path / "data") as store:
        await have_taken_effect_once(shop_on(store), entries, orders)


async def have_taken_effect_once(shop: Shop, entries: Sequence[InventoryEntry], orders: Orders) -> None:
    failed = Counter(order for order, *_ in await Arrivals(shop).failures("cup", *orders.told))
    moved: defaultdict[str, list[Movement]] = defaultdict(list)
    for entry in entries:
        movements = await shop.movements(entry)
        assert sum(each.quantity for each in movements) == (await shop.now(entry)).quantities.total
        assert [each.balance_after for each in movements] == [*balances(movements)]
        for each in movements:
            moved[each.reference].append(each)
    pending = 0
    for order, kinds in orders.told.items():
        found = await shop.reservations.of_order(ORGANIZATION, order)
        status = "" if found is None else found.status.value
        out, back = (sum_of(moved[order], kind) for kind in (MovementType.OUTBOUND, MovementType.RETURN))
        assert (out, back) in ((0, 0), (-orders.wanted[order], 0), (-orders.wanted[order], orders.wanted[order])), order
        assert (status == "COMMITTED") == (out + back < 0), order
        pending += orders.wanted[order] * (status == "PENDING")
        if CANCELLED in kinds:
            assert status in ("", "CANCELLED"), order
        elif PAID in kinds:
            assert status == "COMMITTED" or failed[order], order
        else:
            assert status == "PENDING" or failed[order], order
    quantities = [(await shop.now(entry)).quantities for entry in entries]
    assert min(min(each) for each in quantities) >= 0
    assert sum(each.reserved for each in quantities) == pending
    assert len(failed) > 0, "more is wanted than there is"


def balances(movements: Sequence[Movement]) -> Iterator[int]:
    """What a replay has after each."""
    balance = 0
    for each in movements:
        balance += each.quantity
        yield balance


def sum_of(movements: Sequence[Movement], kind: MovementType) -> int:
    return sum(each.quantity for each in movements if each.type is kind)
