"""A shop from a seed: besides orders, transfers between its warehouses, approvals, and events of other services."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator, Sequence
from itertools import count
from random import Random
from typing import Any

from travio_inventory.api.inbound.stock_reactions import with_stock
from travio_inventory.events.inbound.message import Message, Unfit
from travio_inventory.events.inbound.reception import Reception
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import OutcomeUnknown, Refusal, RetryableRefusal
from travio_inventory.protocol.inbox import Inbox
from travio_inventory.stock.approval import ApprovalLimits, DecideAdjustment
from travio_inventory.stock.commands import AdjustStock, Why
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.reservation import TTL_S_DEFAULT
from travio_inventory.stock.transfer import CancelTransfer, DraftTransfer, OnTheWay, ReceiveTransfer, transfer_id
from verification.simulation.approval_judge import Decided
from verification.simulation.faulty_edge import FaultyEdge
from verification.simulation.oracle import ORGANIZATION, START_MS
from verification.simulation.order_judge import CANCELLED, CREATED, NOT_PAID, PAID, Told
from verification.simulation.plan import Plan
from verification.simulation.shop_oracle import ShopOracle
from verification.simulation.stock_oracle import StockOracle
from verification.simulation.stock_world import SHOP, SKUS, StockProcess, StockWorld
from verification.simulation.transfer_judge import Step
from verification.simulation.virtual_loop import now_s, run_virtually
from verification.simulation.world import QUIET_S

LIMIT = 2
"""Of units that one person may change."""
PEOPLE = ("ann", "bob", "eve")
RETENTION_S = 7 * 86_400
NO_ANSWER = ("unknown", "ask again")


class ShopProcess(StockProcess):
    """A process that keeps stock, and takes in events of orders."""

    limits = ApprovalLimits(LIMIT)

    def _boot(self) -> None:
        super()._boot()
        inbox = Inbox(self._batches, self.clock, retention_s=RETENTION_S)
        self.reception = Reception(inbox, with_stock({}, self.stock), self.clock, default=ORGANIZATION)


class ShopWorld(StockWorld):
    """Runs a plan; what is drawn besides orders is drawn apart, so that a day of orders alone stays as it is."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.oracle: ShopOracle
        self.steps: list[Step] = []
        self.decisions: list[Decided] = []
        self.events: list[Told] = []
        self._deliveries: list[asyncio.Task[None]] = []
        self._numbers = count()
        self._apart = Random(f"{plan.seed} shop")

    night_s = QUIET_S + TTL_S_DEFAULT + 60
    """What events reserve has run out, and the last of them has come again."""

    def _judge(self) -> StockOracle:
        return ShopOracle(LIMIT)

    def _open(self, edge: FaultyEdge) -> Sequence[StockProcess]:
        self.shops = [ShopProcess(self.plan, self.judged, edge, self.random) for _ in range(3)]
        return self.shops

    def _besides(self) -> Sequence[Coroutine[Any, Any, None]]:
        drawn = [Random(f"{self.plan.seed} shop {number}") for number in range(5)]
        return [
            *super()._besides(),
            self._carry(drawn[0]),
            self._carry(drawn[1]),
            self._adjust(drawn[2]),
            self._decide(drawn[3]),
            self._tell(drawn[4]),
        ]

    def _reckon(self) -> None:
        super()._reckon()
        for delivery in self._deliveries:
            if not delivery.done():
                self.oracle.violations.append("L3 an event is never taken in")
            else:
                delivery.result()
        self.oracle.judge_replay()
        self.oracle.violations += self._judged()

    def _judged(self) -> Iterator[str]:
        """What is wrong with what was answered, and with what is left."""
        yield from self.oracle.transfers.judge(self.steps)
        yield from self.oracle.approvals.judge(self.decisions)
        yield from self.oracle.orders.judge(self.events, self.oracle.rows)

    async def _call(self, what: str, work: Callable[[ShopProcess], Coroutine[Any, Any, object]]) -> str:
        """Have it done in any process, which may die meanwhile: "ok", a refusal's name, or that nobody knows."""
        process = self._apart.choice(self.shops)
        task = process.start(work(process))
        if self._apart.random() < self.plan.kills:
            asyncio.get_running_loop().call_later(self._apart.uniform(0, 0.3), process.kill)
        await asyncio.wait([task])
        answer = "unknown" if task.cancelled() else _answer_of(task.exception())
        self.answers[f"{what} {answer}"] += 1
        return answer

    # ---- transfers

    async def _carry(self, random: Random) -> None:
        """Somebody brings stock from one warehouse to another, again and again."""
        while now_s() < self.plan.day_s:
            await asyncio.sleep(random.uniform(0.2, 3))
            key = f"carried {next(self._numbers)}"
            source, target = random.sample(sorted({at for _, at in self.entries}), 2)
            draft = DraftTransfer(random.choice(SKUS), source, target, random.randint(1, 3), key=key)
            await self._bring(draft, transfer_id(ORGANIZATION, key), random)

    async def _bring(self, draft: DraftTransfer, named: str, random: Random) -> None:
        if not await self._step("draft", named, "", lambda on: on.stock.transfers.draft(SHOP, draft), random):
            return
        ship = [
            self._step("ship", named, "", lambda on: on.stock.transfers.ship(SHOP, named), random)
            for _ in range(random.choice((1, 2)))
        ]
        if any(await asyncio.gather(*ship)):
            await self._arrive(named, draft.quantity, random)

    async def _arrive(self, named: str, shipped: int, random: Random) -> None:
        """It comes in parts, some of them twice at a time; what is on the way may be called back meanwhile."""
        asking = []
        for part in range(random.choice((1, 2, 3))):
            received, rejected, lost = (random.choice((0, 0, 1)) for _ in range(3))
            receive = ReceiveTransfer(named, max(received, int(not rejected + lost)), rejected, lost, f"part {part}")
            twice = 1 + (random.random() < self.plan.twins)
            who = Actor(ORGANIZATION, PEOPLE[part])
            asking += [self._receive(receive, random, who if part else SHOP) for _ in range(twice)]
            if random.random() < 0.5:
                await asyncio.gather(*asking)
                asking = []
        if random.random() < 0.4:
            cancel = CancelTransfer(named, random.choice((OnTheWay.BACK, OnTheWay.LOST, None)))
            asking.append(
                self._step("cancel transfer", named, "", lambda on: on.stock.transfers.cancel(SHOP, cancel), random)
            )
        await asyncio.gather(*asking)
        if random.random() < 0.5:
            await self._receive(ReceiveTransfer(named, shipped, key="the rest"), random)

    async def _receive(self, receive: ReceiveTransfer, random: Random, who: Actor = SHOP) -> bool:
        def work(on: ShopProcess) -> Coroutine[Any, Any, object]:
            return on.stock.transfers.receive(who, receive)

        return await self._step("receive", receive.transfer_id, receive.key, work, random)

    async def _step(
        self,
        what: str,
        named: str,
        key: str,
        work: Callable[[ShopProcess], Coroutine[Any, Any, object]],
        random: Random,
    ) -> bool:
        """Ask, and again a few times if that may help; whether it was done."""
        for _ in range(random.choice((1, 3, 6))):
            answer = await self._call(what, work)
            self.steps.append(Step(what, named, key, answer, now_s()))
            if answer not in NO_ANSWER:
                return answer == "ok"
            await asyncio.sleep(random.uniform(0.1, 2))
        return False

    # ---- approvals

    async def _adjust(self, random: Random) -> None:
        """Somebody asks for more than one person may change."""
        while now_s() < self.plan.day_s:
            await asyncio.sleep(random.uniform(0.5, 4))
            kind, sign = random.choice(((MovementType.INBOUND, 1), (MovementType.DAMAGE, -1)))
            why = Why("many", cause=f"asked {next(self._numbers)}")
            asked = AdjustStock(random.choice(sorted(self.entries.values())), sign * (LIMIT + 1), kind, why)
            await self._ask_for(Actor(ORGANIZATION, random.choice(PEOPLE)), asked, random.choice((1, 3)))

    async def _ask_for(self, actor: Actor, asked: AdjustStock, tries: int) -> None:
        for _ in range(tries):
            if await self._call("adjust many", lambda on: on.stock.adjust.by(actor, asked)) not in NO_ANSWER:
                return

    async def _decide(self, random: Random) -> None:
        """Two people decide about what waits, each whatever the other says; one of them may be who asked."""
        while now_s() < self.plan.day_s:
            await asyncio.sleep(random.uniform(0.2, 3))
            waiting = self.oracle.approvals.pending
            if waiting:
                named = random.choice(waiting)
                await asyncio.gather(*(self._say(named, user, random) for user in random.sample(PEOPLE, 2)))

    async def _say(self, named: str, user: str, random: Random) -> None:
        decide = DecideAdjustment(named, random.random() < 0.7)
        actor = Actor(ORGANIZATION, user)
        for _ in range(random.choice((1, 3))):
            answer = await self._call("decide", lambda on: on.stock.approvals.decide(actor, decide))
            self.decisions.append(Decided(named, user, decide.is_approved, answer, now_s()))
            if answer not in NO_ANSWER:
                return
            await asyncio.sleep(random.uniform(0.1, 2))

    # ---- events

    async def _tell(self, random: Random) -> None:
        """Other services tell of orders: each event until it is taken in, in the night if not before, most of them
        again later, in any order.
        """
        while now_s() < self.plan.day_s:
            await asyncio.sleep(random.uniform(0.5, 5))
            for event in self._order(random):
                after_s = [random.uniform(0, 4), *(self._later_s(random) for _ in range(random.choice((0, 1, 2))))]
                self._deliveries += [asyncio.ensure_future(self._deliver(event, each, random)) for each in after_s]

    def _later_s(self, random: Random) -> float:
        """When an event comes again: at about the same time, or when what it reserved has run out."""
        return random.uniform(0, 30) if random.random() < 0.8 else TTL_S_DEFAULT + random.uniform(5, 60)

    def _order(self, random: Random) -> Sequence[Told]:
        order = f"told {next(self._numbers)}"
        kinds = [CREATED] * random.choice((1, 1, 1, 1, 2, 0))
        kinds += [kind for kind, share in ((PAID, 0.6), (NOT_PAID, 0.15), (CANCELLED, 0.2)) if random.random() < share]
        items = [{"sku": sku, "quantity": random.randint(1, 2)} for sku in random.sample(SKUS, random.choice((1, 2)))]
        made = []
        for kind in kinds:
            named, data = f"event {next(self._numbers)}", {"orderId": order}
            said = {"eventId": named, "type": kind, "time": START_MS + round(now_s() * 1_000), **data}
            body = json.dumps(said | ({"items": items} if kind == CREATED else {})).encode()
            made.append(Told(named, kind, order, body))
        self.events += made
        return made

    async def _deliver(self, event: Told, after_s: float, random: Random) -> None:
        await asyncio.sleep(after_s)
        message = Message("order.events", "", event.body)

        async def take(on: ShopProcess) -> None:
            event.outcomes.append((await on.reception.receive(message)).outcome)

        while (answer := await self._call(event.kind, take)) in NO_ANSWER:  # noqa: ASYNC110 - it is sent again
            await asyncio.sleep(random.uniform(0.5, 8))
        if answer != "ok":
            self.oracle.violations.append(f"O5 {event.id}, {event.kind} of {event.order}, is {answer}")


def _answer_of(error: BaseException | None) -> str:
    if error is None:
        return "ok"
    if isinstance(error, OutcomeUnknown):
        return "unknown"
    if isinstance(error, RetryableRefusal):
        return "ask again"
    if isinstance(error, Unfit):
        return f"unfit {error.reason}"
    if isinstance(error, Refusal):
        return type(error).__name__
    raise error


def simulate_shop(plan: Plan) -> ShopWorld:
    """Run it."""
    world = ShopWorld(plan)
    run_virtually(plan.seed, world.run())
    return world
