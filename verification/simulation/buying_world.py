"""A shop from a seed that also buys: orders from a supplier, receipts in parts, cancellations, and automatic orders."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from random import Random
from typing import Any

from travio_inventory.kernel.actor import HOUSE
from travio_inventory.stock.commands import ChangeEntry
from travio_inventory.stock.purchase import (
    Ordered,
    PlaceOrder,
    PurchaseOrder,
    PurchasesQuery,
    ReceiveOrder,
    purchase_id,
)
from travio_inventory.stock.supplier import AddSupplier, Contact
from verification.simulation.oracle import ORGANIZATION
from verification.simulation.plan import Plan
from verification.simulation.purchase_judge import Asked
from verification.simulation.shop_world import NO_ANSWER, ShopProcess, ShopWorld
from verification.simulation.stock_world import SHOP
from verification.simulation.virtual_loop import now_s, run_virtually

POINT, QUANTITY = 3, 2
"""When more is to be ordered, and how many."""
Work = Callable[[ShopProcess], Coroutine[Any, Any, object]]


class BuyingWorld(ShopWorld):
    """What is bought is drawn apart, so that a day of a shop alone stays as it is."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.purchases: list[Asked] = []

    async def _prepare(self) -> None:
        await super()._prepare()
        stock = self.shops[0].stock
        self._supplier = await stock.suppliers.add(SHOP, AddSupplier("acme", Contact("Acme")))
        for entry in self.entries.values():
            await stock.keep.change(SHOP, ChangeEntry(entry, POINT, QUANTITY, 1))

    def _besides(self) -> Sequence[Coroutine[Any, Any, None]]:
        drawn = [Random(f"{self.plan.seed} buying {number}") for number in range(4)]
        return [
            *super()._besides(),
            self._buy(drawn[0]),
            self._buy(drawn[1]),
            self._unload(drawn[2]),
            self._reorder(drawn[3]),
        ]

    async def _look_over(self) -> None:
        """In the calm of the night everything that was ordered is looked at, and what is low then is ordered."""
        process = self.shops[2]
        query, is_more = PurchasesQuery(page_size=20), True
        while is_more:
            page = await process.start(process.stock.purchases.page(SHOP, query))
            query, is_more = PurchasesQuery(after=page.after, page_size=20), bool(page.after)
        await process.start(process.stock.reorder(HOUSE))

    def _judged(self) -> Iterator[str]:
        yield from super()._judged()
        yield from self.oracle.purchases.judge(self.purchases, self.oracle.rows, self.oracle.transfers.on_the_way)

    # ---- by hand

    async def _buy(self, random: Random) -> None:
        """Somebody orders, some orders twice at a time, and receives some of it."""
        while now_s() < self.plan.day_s:
            await asyncio.sleep(random.uniform(0.5, 8))
            entries = random.sample(sorted(self.entries), random.choice((1, 1, 2, 3)))
            key = f"bought {next(self._numbers)}"
            place = PlaceOrder(self._supplier.id, [Ordered(*each, random.randint(1, 4)) for each in entries], "", key)
            named = purchase_id(ORGANIZATION, key)
            twice = 1 + (random.random() < self.plan.twins)
            placing = [self._place(place, named, random) for _ in range(twice)]
            if any(await asyncio.gather(*placing)) and random.random() < 0.8:
                await self._come(self.oracle.purchases.orders[named], random)

    def _place(self, place: PlaceOrder, named: str, random: Random) -> Coroutine[Any, Any, bool]:
        return self._buying("place", named, "", lambda on: on.stock.purchases.place(SHOP, place), random)

    async def _come(self, order: PurchaseOrder, random: Random) -> None:
        """It comes in parts, some of them twice at a time, and maybe more than was ordered, or none any more."""
        asking: list[Coroutine[Any, Any, bool]] = []
        for _ in range(random.choice((1, 2, 3))):
            lines = random.sample(order.lines, random.randint(1, len(order.lines)))
            counts = [Ordered(each.sku, each.warehouse_id, random.randint(1, each.quantity)) for each in lines]
            receive = ReceiveOrder(order.id, counts, f"part {next(self._numbers)}")
            twice = 1 + (random.random() < self.plan.twins)
            asking += [self._receive_order(receive, random) for _ in range(twice)]
            if random.random() < 0.5:
                await asyncio.gather(*asking)
                asking = []
        if random.random() < 0.3:
            cancel = self._buying(
                "cancel order", order.id, "", lambda on: on.stock.purchases.cancel(SHOP, order.id), random
            )
            asking.append(cancel)
        await asyncio.gather(*asking)

    def _receive_order(self, receive: ReceiveOrder, random: Random) -> Coroutine[Any, Any, bool]:
        def work(on: ShopProcess) -> Coroutine[Any, Any, object]:
            return on.stock.purchases.receive(SHOP, receive)

        counts = tuple((each.sku, each.warehouse_id, each.quantity) for each in receive.lines)
        return self._buying("receive order", receive.order_id, receive.key, work, random, counts)

    async def _buying(
        self,
        what: str,
        named: str,
        key: str,
        work: Work,
        random: Random,
        counts: tuple[tuple[str, str, int], ...] = (),
    ) -> bool:
        """Ask, and again a few times if that may help; whether it was done."""
        for _ in range(random.choice((1, 3, 6))):
            answer = await self._call(what, work)
            self.purchases.append(Asked(what, named, key, counts, answer, now_s()))
            if answer not in NO_ANSWER:
                return answer == "ok"
            await asyncio.sleep(random.uniform(0.1, 2))
        return False

    # ---- by itself

    async def _reorder(self, random: Random) -> None:
        """Processes order what is low, two of them at a time, now and then."""

        async def reorder(on: ShopProcess) -> None:
            await on.stock.reorder(HOUSE)

        while now_s() < self.plan.day_s:
            await asyncio.sleep(random.uniform(1, 10))
            await asyncio.gather(*(self._call("reorder", reorder) for _ in range(2)))

    async def _unload(self, random: Random) -> None:
        """What was ordered by itself comes, or is cancelled."""
        while now_s() < self.plan.day_s:
            await asyncio.sleep(random.uniform(0.5, 5))
            waiting = [order for order in self.oracle.purchases.open_ones if order.automatic]
            if waiting:
                await self._come(random.choice(waiting), random)


def simulate_buying(plan: Plan) -> BuyingWorld:
    """Run it."""
    world = BuyingWorld(plan)
    run_virtually(plan.seed, world.run())
    return world
