"""An audit beside a sale finds nothing: rows that change while it reads are not taken for faults."""

import asyncio
import random
from contextlib import suppress
from random import Random

import pytest

from travio_inventory.app.assemble import InventoryRules, Ports, assemble
from travio_inventory.edge.absent import AbsentGate, AbsentSeatMapCache, AbsentTakenSeats
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.seats.audit.auditing import AuditRules
from travio_inventory.seats.audit.findings import Fault
from travio_inventory.seats.use_cases.hold_seats import HoldTimes
from travio_inventory.store.memory import Faults, MemoryBatches
from verification.kit.clocks import Clock
from verification.kit.planted_faults import audit, write_cell
from verification.kit.sale import Market, Sale

STEPS = 60
CUSTOMERS = 6
JOURNEYS = ("A-B", "B-D", "A-D")
AHEAD = 20
"""So much faster than the time of day the sale's clock goes, so that bounds of seconds and minutes are reached."""
TICK_S = 0.01


@pytest.fixture
async def sale(market: Market) -> Sale:
    """Eighteen seats in groups of four, so that most holds are over several."""
    return await market.open(seats_per_group=4)


async def time_passes(sale: Sale) -> None:
    """The sale's clock runs, until cancelled."""
    while True:
        await asyncio.sleep(TICK_S)
        sale.clock.pass_ms(round(TICK_S * 1_000 * AHEAD))


async def customer(sale: Sale, name: str, draw: Random) -> None:
    """Takes seats, changes and returns them, and is often refused."""
    for step in range(STEPS):
        with suppress(Refusal):
            seats = " ".join(f"A{seat}" for seat in sorted(draw.sample(range(1, 19), draw.choice((1, 2, 4)))))
            hold = await sale.hold(seats, draw.choice(JOURNEYS), by=name, key=f"{name}-{step}")
            match draw.randrange(6):
                case 0:
                    await sale.release(hold)
                case 1:
                    await sale.cancel(await sale.confirm(hold))
                case 2:
                    await sale.release(hold, hold.seats[0])
                case 3:
                    await sale.cancel(await sale.move(await sale.confirm(hold), ends=draw.choice(JOURNEYS)))
                case 4:
                    await sale.release(await sale.move(hold, f"{hold.seats[0]}>A{draw.randrange(1, 19)}"))
                case _:
                    await sale.cancel(await sale.confirm(hold), hold.seats[-1])


async def sell(sale: Sale) -> int:
    """Sell through two processes until all customers are done; how many audits there were meanwhile."""
    shops = (sale, sale.elsewhere())
    selling = asyncio.gather(*(customer(shops[at % 2], f"user-{at}", Random(at)) for at in range(CUSTOMERS)))
    passing = asyncio.ensure_future(time_passes(sale))
    audits = 0
    try:
        while not selling.done():
            audited = await audit(sale)
            assert list(audited.found) == [], audited
            audits += 1
        await selling
    finally:
        passing.cancel()
        selling.cancel()
    return audits


@pytest.mark.once
async def test_nothing_is_found_beside_a_busy_sale(sale: Sale) -> None:
    assert await sell(sale) >= 2
    await sale.market.settled()
    await sale.sweep()
    audited = await audit(sale)
    assert list(audited.found) == []
    assert audited.sums.match


@pytest.mark.once
async def test_nothing_is_found_where_every_answer_takes_its_time() -> None:
    """The rows of one look are of very different moments."""
    store = MemoryBatches(Faults(delay_s_max=0.004), random.Random(5), asyncio.sleep)
    async with Market(store) as market:
        assert await sell(await market.open(seats_per_group=4)) >= 2


async def test_what_only_the_first_look_finds_is_not_told(sale: Sale) -> None:
    """The views are of another store, in which a cell is somebody's; the record says otherwise."""
    elsewhere = MemoryBatches(None, random.Random(1), asyncio.sleep)
    async with Market(elsewhere) as others:
        other = others.prepare(sale.trip)
        await other.open_trip()
        await write_cell(other, "A1", {"status": "sold", "owner": None})
        assert [finding.fault for finding in (await audit(other)).left] == [Fault.ODD_CELL]

    ports = Ports(sale.store, AbsentGate(), AbsentTakenSeats(), AbsentSeatMapCache(), sinks={}, views=elsewhere)
    rules = InventoryRules(HoldTimes(60, 600, 900), audit=AuditRules(second_look_ms=1, groups_per_second=1_000))
    inventory = assemble(ports, Clock(), Random(1), rules).inventory
    audited = await inventory.audit_trips.one(HOUSE, sale.trip.key)
    assert list(audited.found) == []
    assert audited.groups == 5
