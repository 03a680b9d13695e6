"""Any order and repetition of events: money and seats agree, and a repeat changes nothing."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.events.inbound.arriving import Arrivals, store_plan
from travio_inventory.events.inbound.message import Message
from travio_inventory.events.inbound.reception import Fate
from travio_inventory.kernel.refusals import FinalRefusal
from travio_inventory.store.memory import MemoryBatches
from travio_inventory.store.sqlite import SqliteBatches
from verification.kit.sale import TTL_S, Market, Sale
from verification.kit.trips import a_trip

EVENTS = ("paid 1", "paid 2", "not paid", "created", "created again")
MOMENTS = ("lapse", "rival", "cancel")
DAYS = st.lists(st.sampled_from([*EVENTS, *EVENTS, *MOMENTS]), min_size=3, max_size=14)
SETTINGS = settings(max_examples=25, derandomize=True, database=None)


async def play(market: Market, day: Sequence[str]) -> None:
    sale = await market.open(seats_per_group=2, seats=4)
    arrivals, hold = Arrivals(sale), await sale.hold("A1 A3")
    await store_plan(sale, "bus-1", a_trip(seats=2))
    name = sale.trip.key.organization
    events = {
        "paid 1": arrivals.paid(hold, "order-1", event_id=f"{name}-paid-1"),
        "paid 2": arrivals.paid(hold, "order-2", event_id=f"{name}-paid-2"),
        "not paid": arrivals.not_paid(hold, event_id=f"{name}-not-paid"),
        "created": arrivals.created(),
        "created again": arrivals.created(),
    }
    outcomes: dict[str, str] = {}
    for each in day:
        if each in events:
            await comes(Arrivals(sale.elsewhere()), each, events[each], outcomes)
        else:
            await passes(sale, each)
    for event, message in events.items():
        await comes(arrivals, event, message, outcomes)
    await agrees(sale, arrivals, outcomes, name)


async def comes(arrivals: Arrivals, name: str, message: Message, outcomes: dict[str, str]) -> None:
    """The first time it takes effect; each later time it is known, with what came of it then."""
    received = await arrivals.take(message)
    assert received.fate is (Fate.REPEATED if name in outcomes else Fate.DONE)
    assert outcomes.setdefault(name, received.outcome) == received.outcome


async def passes(sale: Sale, moment: str) -> None:
    with suppress(FinalRefusal):
        match moment:
            case "lapse":
                sale.clock.pass_s(TTL_S + 1)
                await sale.sweep()
            case "rival":
                await sale.hold("A3", by="bob", ttl_s=1)
            case _:
                for booking in await sale.holds(include_ended=False):
                    await sale.cancel(booking)


async def agrees(sale: Sale, arrivals: Arrivals, outcomes: dict[str, str], name: str) -> None:
    """Each payment booked its seats or is to be refunded: one of both, whatever came first."""
    refunded = {json.loads(event.data)["payment_event"] for event in await arrivals.refunds()}
    purchased = {json.loads(event.data)["order"] for event in sale.told if event.type == "seats.purchased"}
    for number in (1, 2):
        was_booked = outcomes[f"paid {number}"] == "booked"
        assert was_booked == (f"order-{number}" in purchased)
        assert was_booked != (f"{name}-paid-{number}" in refunded)
    assert len(purchased) <= 1
    assert (outcomes["not paid"] == "released") <= (not purchased)
    assert {outcomes["created"], outcomes["created again"]} == {"opened"}
    await sale.assert_legal()


@SETTINGS
@given(day=DAYS)
def test_on_any_day_in_memory_money_and_seats_agree(day: list[str]) -> None:
    async def whole_day() -> None:
        async with Market(MemoryBatches(None, Random(1), asyncio.sleep)) as market:
            await play(market, day)

    asyncio.run(whole_day())


@pytest.mark.once
def test_on_any_day_on_disk_money_and_seats_agree(tmp_path_factory: pytest.TempPathFactory) -> None:
    @SETTINGS
    @given(day=DAYS)
    def any_day(day: list[str]) -> None:
        async def whole_day() -> None:
            async with SqliteBatches.open(tmp_path_factory.mktemp("store")) as store, Market(store) as market:
                await play(market, day)

        asyncio.run(whole_day())

    any_day()
