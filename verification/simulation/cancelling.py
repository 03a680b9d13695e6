"""The end of the trip: the house cancels it before the day is over, and with it all that is held and booked."""

import asyncio
from random import Random

from travio_inventory.kernel.actor import house_of
from travio_inventory.seats.commands import trip_id
from travio_inventory.seats.offer import SalesState
from verification.simulation.front import Front
from verification.simulation.history import CANCEL_TRIP, HOUSE, CallOutcome
from verification.simulation.oracle import ORGANIZATION, Violated
from verification.simulation.process import Process
from verification.simulation.sales import Sales
from verification.simulation.virtual_loop import now_s

TRIP = trip_id("t")
HOUSE_WORK = house_of(ORGANIZATION)
EARLIEST, LATEST = 0.4, 0.9
"""The part of the day that is over by then."""
TRIES_MAX = 5
"""At night, when callers lose patience still."""


async def cancel_trip(front: Front, sales: Sales, random: Random) -> None:
    """Cancel it, and ask again until that is answered or the day is over."""
    await asyncio.sleep(random.uniform(EARLIEST, LATEST) * front.plan.day_s)
    while now_s() < front.plan.day_s:
        if await _cancel(front, sales):
            return
        await asyncio.sleep(1)


async def cancel_at_last(front: Front, sales: Sales, prober: Process) -> bool:
    """At night, when all is well: what was begun has ended by itself, else the trip is cancelled now; whether it was
    not before. Raises Violated.
    """
    state = (await prober.inventory.read_trips.one(HOUSE_WORK, TRIP)).state
    if state is SalesState.CANCELLING:
        raise Violated("L7 the trip is still being cancelled")
    for _ in range(TRIES_MAX):
        if await _cancel(front, sales):
            return state is not SalesState.CANCELLED
    raise Violated(f"I5 all is well, and the trip is not cancelled: {front.calls[-1]}")


async def _cancel(front: Front, sales: Sales) -> bool:
    """Whether it was answered: nobody gets anything from then on."""

    async def work(process: Process) -> None:
        await process.inventory.cancel_trip(HOUSE_WORK, TRIP)

    call = await front.step(CANCEL_TRIP, HOUSE, "", work, tries=1)
    if call.answer is CallOutcome.OK and not sales.is_frozen:
        sales.is_frozen = True
        front.seen["trip cancelled"] += 1
    return sales.is_frozen
