"""Orders that are paid after their reservation has expired: committed wherever the units are, or refused for sure."""

import asyncio
from itertools import count
from random import Random

import pytest

from tests.stock.shop import Shop
from tests.stock.spread import Spread, reserved
from tests.stock.test_transfers_cut_off import Mortal, Stopped
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.stock.refusals import ReservationExpired, StockContended
from travio_inventory.stock.reservation import Reservation, Status
from travio_inventory.stock.warehouse import SHARDS_MAX
from travio_inventory.store.memory import MemoryBatches

EXPIRED_S = 901


async def expired(spread: Spread, count: int) -> Reservation:
    """An order o1 of so many, whose reservation has expired."""
    made = await reserved(spread.shop, "o1", count)
    spread.shop.clock.pass_s(EXPIRED_S)
    await spread.shop.stock.expire(HOUSE)
    assert (await spread.shop.stock.reserve.of_order(spread.shop.actor, "o1")).status is Status.EXPIRED
    return made


async def elsewhere(spread: Spread, made: Reservation, units: int) -> None:
    """Have all units but so many leave the shard that the order's line was in."""
    shard, left = made.lines[0].place % SHARDS_MAX, 1
    while left:
        there = await spread.available()
        left = there[shard] - units
        if left > 0:
            await spread.shards.move(spread.home, shard, (shard + 1) % len(there), left)


@pytest.mark.parametrize("left", [0, 1])
async def test_an_order_paid_late_is_served_from_other_shards(shop: Shop, left: int) -> None:
    spread = await Spread.of(shop, 6, 4)
    await elsewhere(spread, await expired(spread, 3), left)
    for _ in range(2):
        assert (await shop.commit("o1")).status is Status.COMMITTED
    assert await shop.totals(spread.entry) == [(3, 0)]
    assert sum(each.quantity for each in await shop.movements(spread.entry) if each.type == "OUTBOUND") == -3


async def test_every_line_of_an_order_paid_late_is_served_or_none(shop: Shop) -> None:
    cups, jugs = await Spread.of(shop, 4, 4), await Spread.of(shop, 2, 2, sku="jug")
    made = await shop.reserve("o1", ("cup", 4), ("jug", 2))
    shop.clock.pass_s(EXPIRED_S)
    await shop.stock.expire(HOUSE)
    await elsewhere(cups, made, 1)
    await jugs.shards.gather(jugs.home, 1, 1)
    assert (await shop.commit("o1")).status is Status.COMMITTED
    assert await shop.totals(cups.entry, jugs.entry) == [(0, 0), (0, 0)]
    await shop.cancel("o1")
    assert await shop.totals(cups.entry, jugs.entry) == [(4, 0), (2, 0)]


async def test_an_order_paid_late_is_refused_for_good_where_all_shards_have_too_few(shop: Shop) -> None:
    spread = await Spread.of(shop, 6, 4)
    await elsewhere(spread, await expired(spread, 3), 0)
    await shop.adjust(spread.entry, -4)
    with pytest.raises(ReservationExpired):
        await shop.commit("o1")
    await shop.adjust(spread.entry, 4)
    with pytest.raises(ReservationExpired):
        await shop.commit("o1")
    assert await shop.totals(spread.entry) == [(6, 0)]


async def test_what_ran_out_in_another_shard_is_there_for_an_order_paid_late(shop: Shop) -> None:
    spread = await Spread.of(shop, 3, 2)
    await elsewhere(spread, await expired(spread, 3), 0)
    await reserved(shop, "o2", 3)
    shop.clock.pass_s(EXPIRED_S)
    assert (await shop.commit("o1")).status is Status.COMMITTED
    assert await shop.totals(spread.entry) == [(0, 0)]


async def test_many_orders_paid_late_at_once_are_served_as_long_as_any_shard_has_units(shop: Shop) -> None:
    spread = await Spread.of(shop, 8, 4)
    shops = [Shop(shop.store, shop.actor.organization, seed=seed) for seed in range(4)]
    for number in range(8):
        await reserved(shop, f"o{number}", 1)
    shop.clock.pass_s(EXPIRED_S)
    await shop.stock.expire(HOUSE)
    await spread.lies(2, 2, 2)

    async def paid(number: int) -> None:
        each = shops[number % 4]
        each.clock.pass_s(EXPIRED_S)
        for _ in range(20):
            try:
                await each.commit(f"o{number}")
            except StockContended:
                await asyncio.sleep(0.05)
            else:
                return
        raise AssertionError("told to ask again too often")

    await asyncio.gather(*map(paid, range(8)))
    for each in shops:
        await each.settled()
    assert await shop.totals(spread.entry) == [(0, 0)]


async def test_an_order_paid_late_while_an_attempt_has_the_units_is_told_to_ask_again(shop: Shop) -> None:
    """The attempt dies, and its units come back: so a refusal for good would not have been true."""
    ape, cup = await shop.entry("ape", 2), await shop.entry("cup", 2)
    await reserved(shop, "o1", 2)
    shop.clock.pass_s(EXPIRED_S)
    await shop.stock.expire(HOUSE)
    for calls in range(20):
        mortal = Shop(Mortal(shop.store, calls, after=True), shop.actor.organization)
        mortal.clock.pass_s(EXPIRED_S)
        with pytest.raises(Stopped):
            await mortal.reserve("o2", ("ape", 1), ("cup", 2))
        await mortal.steps.drain(0)
        if await shop.totals(ape, cup) == [(2, 0), (0, 2)]:
            break
    with pytest.raises(StockContended):
        await shop.commit("o1")
    shop.clock.pass_s(11)
    assert (await shop.commit("o1")).status is Status.COMMITTED
    assert await shop.totals(ape, cup) == [(2, 0), (0, 0)]


@pytest.mark.once
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_an_order_paid_late_whose_process_stops_at_any_call_is_committed_by_the_next_one(*, after: bool) -> None:
    store = MemoryBatches(None, Random(1), asyncio.sleep)
    for calls in count():
        spread = await Spread.of(Shop(store), 3, 2)
        await elsewhere(spread, await expired(spread, 3), 1)
        mortal, was_stopped = Shop(Mortal(store, calls, after=after), spread.shop.actor.organization), False
        mortal.clock.pass_s(EXPIRED_S)
        try:
            await mortal.commit("o1")
        except Stopped:
            was_stopped = True
        await mortal.steps.drain(0)
        assert (await spread.shop.commit("o1")).status is Status.COMMITTED, calls
        assert await spread.shop.totals(spread.entry) == [(0, 0)], calls
        if not was_stopped:
            break
    assert calls > 10
