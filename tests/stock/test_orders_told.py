"""Events of orders, on every store: each takes effect once, in any order, and what cannot be done is told."""

import asyncio
import json
from contextlib import suppress
from itertools import permutations
from random import Random
from typing import Any

import pytest

from tests.stock.arriving import Arrivals
from tests.stock.shop import Shop
from travio_inventory.events.inbound.message import Message, Unfit
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.kernel.refusals import OutcomeUnknown, RetryableRefusal
from travio_inventory.protocol.batches import Batches, Outcome
from travio_inventory.stock.reservation import Status
from travio_inventory.store.memory import Faults, MemoryBatches
from verification.simulation.virtual_loop import run_virtually

PAID, NOT_PAID, CANCELLED = "payment.successful", "payment.failed", "order.cancelled"


async def test_an_order_is_reserved_committed_when_paid_and_returned_when_cancelled(shop: Shop) -> None:
    here, cup = Arrivals(shop), await shop.entry("cup", 5)
    placed = here.placed("o1", ("cup", 2), ("cup", 1))
    assert await here.outcome(placed) == "reserved"
    assert await shop.totals(cup) == [(2, 3)]
    assert await here.outcome(here.told(PAID, "o1")) == "committed"
    assert await shop.totals(cup) == [(2, 0)]
    assert await here.outcome(here.told(NOT_PAID, "o1")) == "nothing to do", "it was paid otherwise"
    assert await here.outcome(here.told(CANCELLED, "o1")) == "returned"
    assert (await here.take(placed)).fate == "repeated"
    assert await here.outcome(here.told(PAID, "o1")) == "committed", "who cancels gives the money back"
    assert await shop.totals(cup) == [(5, 0)]
    assert await here.failures("cup", "o1") == []
    told = await here.events("cup")
    assert [told.count(kind) for kind in ("reserved", "committed", "released", "low_stock")] == [1, 1, 1, 0]


async def test_a_payment_that_fails_gives_back_and_a_later_one_is_told_as_not_done(shop: Shop) -> None:
    here, cup = Arrivals(shop), await shop.entry("cup", 5)
    await here.take(here.placed("o1", ("cup", 2)))
    assert await here.outcome(here.told(NOT_PAID, "o1")) == "given back"
    paid = here.told(PAID, "o1")
    for _ in range(2):
        assert await here.outcome(paid) == "failed, and told"
    assert await here.failures("cup") == [("o1", "commit", "RESERVATION_CANCELLED", True)]
    assert await shop.totals(cup) == [(5, 0)]


async def test_what_is_not_there_is_told_once_and_nothing_is_reserved(shop: Shop) -> None:
    here, cup = Arrivals(shop), await shop.entry("cup", 1)
    few = here.placed("o1", ("cup", 2))
    assert [await here.outcome(few) for _ in range(2)] == ["failed, and told"] * 2
    assert await here.outcome(here.placed("o2", ("jug", 1))) == "failed, and told"
    assert await here.failures("cup", "jug") == [
        ("o1", "reserve", "INSUFFICIENT_STOCK", False), ("o2", "reserve", "NOT_FOUND", False),
    ]  # fmt: skip
    assert await shop.totals(cup) == [(1, 0)]


async def test_an_order_that_is_told_of_again_has_one_reservation(shop: Shop) -> None:
    here, cup = Arrivals(shop), await shop.entry("cup", 9)
    for items in ([("cup", 2)], [("cup", 2)], [("cup", 3)]):
        await here.take(here.placed("o1", *items))
    assert await shop.totals(cup) == [(7, 2)]
    assert await here.failures("cup") == [("o1", "reserve", "ORDER_RESERVED", False)]


async def test_an_order_that_ran_out_is_committed_while_its_stock_is_there_and_else_told(shop: Shop) -> None:
    here, cup = Arrivals(shop), await shop.entry("cup", 2)
    for order in ("o1", "o2"):
        await here.take(here.placed(order, ("cup", 2)))
        shop.clock.pass_s(1_000)
        await shop.stock.expire(HOUSE)
    assert await here.outcome(here.told(PAID, "o1")) == "committed"
    assert await here.outcome(here.told(PAID, "o2")) == "failed, and told"
    assert await here.failures("cup") == [("o2", "commit", "RESERVATION_EXPIRED", True)]
    assert await shop.totals(cup) == [(0, 0)]


async def test_a_product_gets_an_empty_entry_in_every_active_warehouse_once(shop: Shop) -> None:
    here = Arrivals(shop)
    for code in ("north", "south"):
        await shop.warehouse(code)
    await shop.warehouse("closed", is_active=False)
    await shop.entry("cup", 3)
    created = here.event("product.created", productId="p-cup", sku="cup")
    assert await here.outcome(created) == "1 entries added"
    assert sorted(await shop.listed(sku="cup")) == ["cup 0", "cup 3"]


@pytest.mark.parametrize(
    "body", [{"orderId": "", "items": [{"sku": "cup", "quantity": 1}]}, {"orderId": "o", "items": []}, {"items": 3},
             {"orderId": "o", "items": [{"sku": "cup", "quantity": "2"}]},
             {"orderId": "o", "items": [{"sku": "cup", "quantity": 0}]}],
)  # fmt: skip
async def test_what_cannot_be_read_is_no_order(shop: Shop, body: dict[str, Any]) -> None:
    with pytest.raises(Unfit) as unfit:
        await Arrivals(shop).take(Arrivals(shop).event("order.created", **body))
    assert unfit.value.reason == "INVALID_REQUEST"


@pytest.mark.parametrize(
    ("kinds", "ends"), [((PAID,), (3, 0)), ((CANCELLED,), (5, 0)), ((NOT_PAID,), (5, 0)), ((PAID, CANCELLED), (5, 0))]
)
async def test_in_any_order_events_of_an_order_come_to_the_same(
    shop: Shop, kinds: tuple[str, ...], ends: tuple[int, int]
) -> None:
    cup, here = await shop.entry("cup", 5), Arrivals(shop)
    for number, turn in enumerate(permutations(range(len(kinds) + 1))):
        order = f"o{number}"
        came = [here.placed(order, ("cup", 2)), *(here.told(kind, order) for kind in kinds)]
        for place in turn:
            await here.take(came[place])
        assert await shop.totals(cup) == [ends], turn
        if ends[0] == 3:
            await shop.cancel(order)
        told = await here.failures("cup", order)
        assert all(why == "ORDER_CANCELLED" for _, _, why, _ in told), told


@pytest.mark.parametrize("kind", ["placed", "few", PAID, NOT_PAID, CANCELLED, "early"])
async def test_killed_after_any_batch_an_event_takes_effect_once(store: Batches, kind: str) -> None:
    """Before each of its batches, and after the last; then another process gets the event."""
    for after in range(40):
        shop = Shop(store)
        cup, whole = await shop.entry("cup", 5), Arrivals(shop)
        came = whole.placed("o1", ("cup", 6 if kind == "few" else 2))
        if kind == "early":
            await whole.take(whole.told(PAID, "o1"))
        elif kind not in ("placed", "few"):
            await whole.take(came)
            came = whole.told(kind, "o1")
        ending = Ending(store, after)
        was_killed = await is_killed(Shop(ending, shop.actor.organization), came, ending)
        shop.clock.pass_s(20)
        assert (await whole.take(came)).outcome
        expected = {"placed": (3, 2), "few": (5, 0), PAID: (3, 0), "early": (3, 0)}.get(kind, (5, 0))
        assert await shop.totals(cup) == [expected], after
        assert len(await whole.failures("cup")) == (kind == "few")
        if not was_killed:
            assert after > 2, "it must write an effect between its two notes"
            return
    pytest.fail("more batches than there can be")


async def test_what_is_told_again_says_the_same_whatever_came_meanwhile(store: Batches) -> None:
    """It was told that the order cannot be reserved; then it is paid, and the event comes again."""
    for after in range(40):
        shop = Shop(store)
        await shop.entry("cup", 5)
        whole, ending = Arrivals(shop), Ending(store, after)
        came = whole.placed("o1", ("cup", 6))
        was_killed = await is_killed(Shop(ending, shop.actor.organization), came, ending)
        await whole.take(whole.told(PAID, "o1"))
        shop.clock.pass_s(20)
        await whole.take(came)
        assert len(await whole.failures("cup", "o1")) == 1, after
        if not was_killed:
            return
    pytest.fail("more batches than there can be")


class Ending:
    """A process's way to a store, on which so many batches go out, and no more."""

    def __init__(self, store: Batches, batches: int) -> None:
        self._store = store
        self._left = batches
        self.reached = asyncio.Event()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        return getattr(self._store, name)

    async def apply(self, *args: Any, **options: Any) -> Outcome:  # noqa: ANN401 - as the store's
        self._left -= 1
        if self._left < 0:
            self.reached.set()
            await asyncio.Event().wait()
        return await self._store.apply(*args, **options)


async def is_killed(doomed: Shop, came: Message, at: Ending) -> bool:
    """Whether the process gets as far as that, where it is killed."""
    taking = asyncio.ensure_future(Arrivals(doomed).take(came))
    reached = asyncio.ensure_future(at.reached.wait())
    await asyncio.wait([taking, reached], timeout=60, return_when=asyncio.FIRST_COMPLETED)
    reached.cancel()
    is_there = at.reached.is_set() and not taking.done()
    taking.cancel()
    await doomed.steps.drain(0)
    with suppress(asyncio.CancelledError, OutcomeUnknown):
        await taking
    return is_there


async def a_day(seed: int) -> None:
    """Orders are placed, paid, cancelled in any order, twice, by two processes, on a store that fails."""
    random, store = Random(seed), MemoryBatches(None, Random(seed + 1), asyncio.sleep)
    shops = [Shop(store, "org", seed=each) for each in (1, 2)]
    cup = await shops[0].entry("cup", 12)
    takers = [Arrivals(shop) for shop in shops]
    came = []
    for number in range(8):
        order = f"o{number}"
        came.append(takers[0].placed(order, ("cup", random.randint(1, 4))))
        came += [takers[0].told(kind, order) for kind in (PAID, NOT_PAID, CANCELLED) if random.random() < 0.4]
    store.faults = Faults.share(0.3)

    async def take(number: int) -> None:
        await asyncio.sleep(random.uniform(0, 5))
        while True:
            try:
                await takers[number % 2].take(came[number // 2])
            except RetryableRefusal:
                await asyncio.sleep(random.uniform(0.1, 3))
            else:
                return

    await asyncio.gather(*(take(number) for number in range(2 * len(came))))
    await asyncio.sleep(60)
    store.faults = Faults.none()
    for shop in shops:  # what an attempt reserved that was overtaken by another one runs out
        shop.clock.pass_s(1_000)
        await shop.stock.expire(HOUSE)
    failed = {order for order, *_ in await takers[0].failures("cup", *(f"o{number}" for number in range(8)))}
    kinds = list(map(said_of, came))
    taken = 0
    for number in range(8):
        order = f"o{number}"
        found = await shops[0].reservations.of_order("org", order)
        said = {kind for kind, of in kinds if of == order}
        assert found is None or found.status is not Status.PENDING, "it ran out"
        if found is not None and found.status is Status.COMMITTED:
            assert CANCELLED not in said, f"{order} was cancelled, and is committed"
            taken += sum(line.quantity for line in found.lines)
        if PAID in said and CANCELLED not in said and (found is None or found.status is not Status.COMMITTED):
            assert order in failed, f"{order} was paid, and is neither committed nor told of"
    (now,) = await shops[0].totals(cup)
    assert now[0] == 12 - taken
    assert now[0] >= 0


def said_of(message: Message) -> tuple[str, str]:
    """The type, and the order."""
    said: dict[str, str] = json.loads(message.body)
    return said["type"], (said | json.loads(message.body).get("data", {}))["orderId"]


@pytest.mark.parametrize("seed", range(3))
def test_each_paid_order_is_committed_or_told_whatever_fails(seed: int) -> None:
    run_virtually(seed, a_day(seed))


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(100, 400))
def test_the_same_on_many_days(seed: int) -> None:
    run_virtually(seed, a_day(seed))
