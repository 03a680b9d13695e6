"""A process that is killed at any point of an event: the next one that gets it finishes it, and there is one effect."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from tests.events.inbound.arriving import Arrivals, store_plan
from travio_inventory.events.inbound.message import Message
from travio_inventory.kernel.refusals import OutcomeUnknown
from verification.kit.faulty_batches import Stall, any_batch, everything_after
from verification.kit.sale import TTL_S, Market, Sale
from verification.kit.trips import a_trip

BATCHES_MAX = 40


async def books(sale: Sale, arrivals: Arrivals) -> tuple[Message, str]:
    return arrivals.paid(await sale.hold("A1 A3 A5")), "booked"


async def gives_back(sale: Sale, arrivals: Arrivals) -> tuple[Message, str]:
    return arrivals.not_paid(await sale.hold("A1 A3")), "released"


async def books_late(sale: Sale, arrivals: Arrivals) -> tuple[Message, str]:
    hold = await sale.hold("A1 A3")
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    return arrivals.paid(hold), "booked"


async def refunds(sale: Sale, arrivals: Arrivals) -> tuple[Message, str]:
    hold = await sale.hold("A1 A3")
    sale.clock.pass_s(TTL_S + 1)
    await sale.hold("A3", by="bob")
    return arrivals.paid(hold), "refund required"


async def opens(sale: Sale, arrivals: Arrivals) -> tuple[Message, str]:
    await store_plan(sale, "bus-1", a_trip(seats=4, seats_per_group=2))
    return arrivals.created(), "opened"


Scene = Callable[[Sale, Arrivals], Awaitable[tuple[Message, str]]]


@pytest.mark.parametrize("scene", [books, gives_back, books_late, refunds, opens])
async def test_killed_after_any_batch_an_event_takes_effect_once(scene: Scene, market: Market) -> None:
    """Before each of its batches, and after the last: until there is no more to be killed at."""
    for after in range(BATCHES_MAX):
        sale = await market.open(seats_per_group=2, seats=6)
        doomed = sale.elsewhere()
        came, outcome = await scene(sale, Arrivals(sale))
        if not await is_killed(doomed, came, doomed.store.stall(everything_after(after, any_batch))):
            assert after > 2, "it must write an effect between its two notes"
            return
        next_one = Arrivals(sale.elsewhere())
        assert await next_one.outcome(came) == outcome
        assert (await next_one.take(came)).fate == "repeated"
        refunded = [json.loads(event.data)["reason"] for event in await next_one.refunds()]
        assert refunded == (["HOLD_EXPIRED"] if outcome == "refund required" else [])
        await sale.assert_legal()
    pytest.fail(f"more than {BATCHES_MAX} batches")


async def is_killed(doomed: Sale, came: Message, at: Stall) -> bool:
    """Whether the process gets as far as that, where it is killed."""
    taking = asyncio.ensure_future(Arrivals(doomed).take(came))
    reached = asyncio.ensure_future(at.reached.wait())
    await asyncio.wait([taking, reached], timeout=60, return_when=asyncio.FIRST_COMPLETED)
    reached.cancel()
    is_there = at.reached.is_set() and not taking.done()
    taking.cancel()
    await doomed.process.steps.drain(0)
    with suppress(asyncio.CancelledError, OutcomeUnknown):
        await taking
    return is_there
