"""A small world from a seed, in which orders reserve stock: processes that die, a store that fails."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from travio_inventory.app.assemble import Unwatched
from travio_inventory.app.stock import UNLIMITED, assemble_stock
from travio_inventory.kernel.actor import HOUSE, Actor
from travio_inventory.kernel.refusals import OutcomeUnknown, Refusal, RetryableRefusal
from travio_inventory.protocol.batches import ABSENT, Index, Kind, Partition, RowKey, Table, Write
from travio_inventory.protocol.index_entries import minute_of
from travio_inventory.protocol.rules import Rules
from travio_inventory.protocol.sending import Sender
from travio_inventory.seats.use_cases.step_runner import StepRunner
from travio_inventory.stock.commands import AddEntry, AddWarehouse, AdjustStock, SetStock, Why
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.reservation import Item, OfReservation, Reservation, Reserve
from travio_inventory.stock.use_cases import Stock
from travio_inventory.stock.warehouse import Site
from travio_inventory.store.memory import Faults, MemoryBatches
from verification.kit.judged_stock import JudgedStock
from verification.simulation.faulty_edge import FaultyEdge
from verification.simulation.oracle import ORGANIZATION, START_MS
from verification.simulation.plan import LAPSES_S, TTL_S, Plan
from verification.simulation.process import Process, adopting, keep_at
from verification.simulation.sold_out_judge import Told
from verification.simulation.stock_oracle import StockOracle
from verification.simulation.virtual_loop import now_s, run_virtually
from verification.simulation.world import QUIET_S

SHOP = Actor(ORGANIZATION, "shop")
SKUS = ("cup", "jug")
BY_HAND = Why("by hand")


class StockProcess(Process):
    """A process that keeps stock, and a sweeper of it."""

    limits = UNLIMITED

    def _boot(self) -> None:
        self.steps = StepRunner(in_flight_max=10_000)
        random = Random(self._random.random())
        self.sender = Sender(
            self._batches, clock=self.clock, background=self.steps.in_background, rules=Rules(), random=random
        )
        self.stock: Stock = assemble_stock(self.sender, self.steps, watch=Unwatched(), limits=self.limits)


class StockWorld:
    """Runs a plan: `seats_per_group` units of each stock keeping unit in each of so many warehouses."""

    night_s: float = QUIET_S

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.oracle = self._judge()
        self.random = Random(plan.seed)
        self.batches = MemoryBatches(None, Random(plan.seed + 1), asyncio.sleep)
        self.batches.observe = lambda partition, changes: self.oracle.applied(now_s(), partition, changes)
        self.judged = JudgedStock(self.batches)
        self.calls: list[Told] = []
        self.answers: Counter[str] = Counter()
        self.entries: dict[tuple[str, str], str] = {}
        """The id of the entry by stock keeping unit and warehouse."""

    def _judge(self) -> StockOracle:
        return StockOracle()

    def _open(self, edge: FaultyEdge) -> Sequence[StockProcess]:
        return [StockProcess(self.plan, self.judged, edge, self.random) for _ in range(3)]

    def _besides(self) -> Sequence[Coroutine[Any, Any, None]]:
        """What goes on all day, besides orders."""
        return [self._keep(Random(self.plan.seed * 31))]

    async def run(self) -> None:
        """The day, the night after it, and the reckoning."""
        asyncio.get_running_loop().set_task_factory(adopting)
        edge = FaultyEdge(lambda: START_MS, Random(0))
        self.processes = self._open(edge)
        await self._prepare()
        self.batches.faults = Faults.share(self.plan.faults, late_s_max=self.plan.late_s)
        workers = [asyncio.ensure_future(self._employ(process)) for process in self.processes[:2]]
        async with asyncio.TaskGroup() as day:
            for number in range(self.plan.holders):
                day.create_task(self._live(f"u{number}", Random(self.plan.seed * 1_009 + number)))
            for work in self._besides():
                day.create_task(work)
        await asyncio.sleep(self.plan.late_s * 2)
        self.batches.faults = Faults.none()
        await asyncio.sleep(self.night_s)
        await self._look_over()
        for worker in workers:
            worker.cancel()
        self._reckon()

    async def _look_over(self) -> None:
        """What somebody does in the calm of the night, before the reckoning: here nothing."""

    def _reckon(self) -> None:
        self.oracle.judge_leftovers()
        self.oracle.judge(self.calls)
        self.oracle.violations += (f"S9 {each}" for each in self.judged.wrong)

    async def _prepare(self) -> None:
        stock = self.processes[0].stock
        for code in range(max(1, self.plan.seats // self.plan.seats_per_group)):
            warehouse = await stock.warehouses.add(SHOP, AddWarehouse(f"w{code}", Site("A warehouse")))
            for sku in SKUS:
                entry = await stock.keep.add(SHOP, AddEntry(sku, warehouse.id, sku, self.plan.seats_per_group, "", 1))
                self.entries[sku, warehouse.id] = entry.id
        cursor = Write(RowKey(Kind.CURSOR, ""), ABSENT, {"reached": minute_of(START_MS) - 1})
        await self.batches.apply(Partition(Table.CURSORS, "", Index.STOCK_EXPIRY), [cursor])

    async def _employ(self, process: StockProcess) -> None:
        """A sweeper in a process, and another one a while after each time it is killed."""
        while True:
            task = process.start(keep_at(lambda: _sweep(process), lambda: self.random.uniform(0.5, 4)))
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()
            await asyncio.sleep(self.random.uniform(0, 5))

    async def _keep(self, random: Random) -> None:
        """Deliveries, breakages and counts, while orders come in."""
        while now_s() < self.plan.day_s:
            process, inventory = self.random.choice(self.processes), random.choice(list(self.entries.values()))
            try:
                if random.random() < 0.7:
                    kind, quantity = random.choice(((MovementType.INBOUND, 1), (MovementType.DAMAGE, -1)))
                    await process.stock.adjust.by(SHOP, AdjustStock(inventory, quantity, kind, BY_HAND))
                else:
                    seen = await process.stock.read.one(SHOP, inventory)
                    total = random.randint(0, self.plan.seats_per_group)
                    await process.stock.adjust.to(SHOP, SetStock(inventory, total, seen.version, BY_HAND))
            except Refusal:
                pass
            await asyncio.sleep(random.uniform(0.5, 6))

    # ---- orders

    async def _live(self, name: str, random: Random) -> None:
        """One customer's day: an order after the other."""
        turn = 0
        await asyncio.sleep(random.uniform(0, 4))
        while now_s() < self.plan.day_s:
            turn += 1
            request = self._wish(f"{name}-{turn}", random)
            asking = [self._insist("reserve", request, random)]
            if random.random() < self.plan.twins:
                asking.append(self._insist("reserve", request, random))
            if any(await asyncio.gather(*asking)):
                await self._use(request, random)
            await asyncio.sleep(random.uniform(0.05, 3))

    def _wish(self, order: str, random: Random) -> Reserve:
        """Items of any warehouse, or of one."""
        warehouses = sorted({warehouse for _, warehouse in self.entries})
        some = [
            Item(sku, random.randint(1, 2), random.choice(("", random.choice(warehouses))))
            for sku in random.sample(SKUS, k=random.choice((1, 2)))
        ]
        key = random.choice(("", f"key {order}"))
        return Reserve(order, some, key, TTL_S, allow_split=random.random() < 0.7)

    async def _use(self, request: Reserve, random: Random) -> None:
        """Cancel it, commit it at once or after it has expired, return it, or leave it; or a part of it."""
        fate = random.random()
        if self.plan.changes and random.random() < self.plan.changes:
            await self._insist(random.choice(("cancel some", "commit some")), request, random)
        if fate < 0.25:
            await self._insist("cancel", request, random)
        elif fate < 0.45:
            await asyncio.sleep(LAPSES_S)
            await self._insist("commit", request, random)
        elif fate < 0.85:
            await self._insist("commit", request, random)
        if self.plan.changes and random.random() < self.plan.changes:
            await self._insist("cancel some", request, random)
        if 0.35 < fate < 0.75:
            await asyncio.sleep(random.uniform(0, 3))
            both = [self._insist("cancel", request, random) for _ in range(random.choice((1, 2)))]
            await asyncio.gather(*both)
        if random.random() < 0.3:
            await self._insist("reserve", replace(request, key=f"again {request.order_id}"), random)

    async def _insist(self, what: str, request: Reserve, random: Random) -> bool:
        """Ask, and again a few times if that may help; whether it was done."""
        for _ in range(random.choice((1, 3, 6))):
            call = await self._ask(what, request)
            if call.answer == "ok":
                return True
            if call.answer not in ("unknown", "ask again"):
                return False
            await asyncio.sleep(random.uniform(0.1, 2))
        return False

    async def _ask(self, what: str, request: Reserve) -> Told:
        call = Told(what, request.order_id, request.key, request.merged, is_split=request.allow_split, begun_s=now_s())
        process, last = self.random.choice(self.processes), self._last_of(request.order_id)
        task = process.start(self._do(process.stock, what, request))
        if self.random.random() < self.plan.kills:
            asyncio.get_running_loop().call_later(self.random.uniform(0, 0.3), process.kill)
        await asyncio.wait([task])
        call.ended_s = now_s()
        if not task.cancelled():
            error = task.exception()
            if error is None:
                call.answer, call.reservation_id = "ok", task.result().id
            elif isinstance(error, OutcomeUnknown):
                call.answer = "unknown"
            elif isinstance(error, RetryableRefusal):
                call.answer = "ask again"
            elif isinstance(error, Refusal):
                call.answer = type(error).__name__
                call.reservation_id = last
            else:
                raise error
        self.answers[f"{what} {call.answer}"] += 1
        self.calls.append(call)
        return call

    def _last_of(self, order: str) -> str:
        return next(
            (call.reservation_id for call in reversed(self.calls) if call.order == order and call.answer == "ok"), ""
        )

    def _do(self, stock: Stock, what: str, request: Reserve) -> Coroutine[Any, Any, Reservation]:
        if what == "reserve":
            return stock.reserve.reserve(SHOP, request)
        lines: tuple[str, ...] = ()
        if what.endswith("some"):
            sku = request.items[0].sku
            lines = (self.entries[sku, request.items[0].warehouse_id or min(at for _, at in self.entries)],)
        asked = OfReservation(order_id=request.order_id, inventory_ids=lines)
        if what.startswith("commit"):
            return stock.reserve.commit(SHOP, asked)
        return stock.reserve.cancel(SHOP, asked)


async def _sweep(process: StockProcess) -> None:
    swept = await process.stock.expire(HOUSE)
    for error in swept.failures.values():
        if not isinstance(error, RetryableRefusal):
            raise error


def simulate_stock(plan: Plan) -> StockWorld:
    """Run it."""
    world = StockWorld(plan)
    run_virtually(plan.seed, world.run())
    return world
