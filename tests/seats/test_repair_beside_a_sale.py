"""A repair beside a sale mends what is planted meanwhile, and takes nothing from anybody who buys."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest

from travio_inventory.kernel.refusals import Refusal
from travio_inventory.protocol.back_off import WAITS_MS
from travio_inventory.protocol.batches import Applied, Kind, Row, RowKey, Write
from travio_inventory.protocol.unpublished import LATE_MS
from travio_inventory.seats.audit.findings import Fault
from travio_inventory.seats.hold import Hold, HoldId
from travio_inventory.seats.ports import Attempt, Cell
from travio_inventory.seats.records import seat_rows
from travio_inventory.store.memory import Faults, MemoryBatches
from verification.kit.planted_faults import LONG_AGO_MS, audit, long_ago
from verification.kit.sale import Market, Sale
from verification.simulation.virtual_loop import run_virtually

SEEDS = range(3)
CUSTOMERS = 5
STEPS = 25
PLANTED = 60
LASTS_S = 300
BETWEEN_S = 3
TICK_S = 0.2
DELAY_S_MAX = 0.02
SEATS = 18
REPAIRED = {
    Fault.ORPHAN,
    Fault.LEFTOVER,
    Fault.OVERDUE,
    Fault.WRONG_STATUS,
    Fault.LASTING_LOCK,
}
"""What is planted while customers buy. Nobody relays: so events are unpublished besides, from the beginning."""


@dataclass
class Day:
    """A sale by two processes, of which the first audits; the bookings that nobody cancels."""

    sale: Sale
    draw: Random
    booked: list[Hold] = field(default_factory=list)
    planted: Counter[Fault] = field(default_factory=Counter)
    repaired: Counter[Fault] = field(default_factory=Counter)

    def seat(self) -> str:
        """Any seat."""
        return f"A{self.draw.randrange(1, SEATS + 1)}"

    async def wait(self, turns: int) -> None:
        """So that all turns together take as long as the sale lasts."""
        await asyncio.sleep(self.draw.uniform(0, 2 * LASTS_S / turns))

    async def put(self, fault: Fault, seat: str, condition: Row, values: Row) -> None:
        """Plant it in the seat's first cell, if that is so."""
        write = Write(RowKey(Kind.CELL, seat, 0), condition, values)
        outcome = await self.sale.market.store.apply(self.sale.group_partition(seat), [write])
        self.planted[fault] += isinstance(outcome, Applied)


async def customer(day: Day, shop: Sale, name: str) -> None:
    """Takes seats and books them, gives them back, or forgets them."""
    for step in range(STEPS):
        await day.wait(STEPS)
        with suppress(Refusal):
            seats = " ".join(sorted({day.seat() for _ in range(day.draw.choice((1, 2, 3)))}))
            hold = await shop.hold(seats, day.draw.choice(("A-B", "B-D", "A-D")), by=name, key=f"{name}-{step}")
            match day.draw.randrange(8):
                case 0:
                    day.booked.append(await shop.confirm(hold))
                case 1 | 2:
                    await shop.cancel(await shop.confirm(hold))
                case 3:
                    day.planted[Fault.OVERDUE] += 1
                case _:
                    await shop.release(hold)


async def saboteur(day: Day) -> None:
    """Writes what no step writes, and only where it takes nothing from a customer."""
    for number in range(PLANTED):
        await day.wait(PLANTED)
        with suppress(Refusal):
            await (orphan, stray_move, leftover, wrong_status, lock)[number % 5](day)


async def orphan(day: Day) -> None:
    nobody = str(HoldId(day.sale.trip.key.trip, 0, f"{day.draw.getrandbits(128):032x}", is_late=False))
    await day.put(Fault.ORPHAN, day.seat(), seat_rows.FREE, _held_by(day, nobody))


async def stray_move(day: Day) -> None:
    """Of a booking that lives."""
    if day.booked:
        hold = await day.sale.find(day.draw.choice(day.booked))
        title = f"{hold.id}+{hold.moves + 1}"
        await day.put(Fault.ORPHAN, day.seat(), seat_rows.FREE, _held_by(day, title))


async def leftover(day: Day) -> None:
    seat = day.seat()
    ended = await day.sale.release(await day.sale.hold(seat, "A-B", by="guest"))
    await day.put(Fault.LEFTOVER, seat, seat_rows.FREE, _held_by(day, ended.id))


async def wrong_status(day: Day) -> None:
    """A booked cell says held."""
    if day.booked:
        hold = day.draw.choice(day.booked)
        said: Row = {"status": "held", "since_ms": long_ago(day.sale)}
        await day.put(Fault.WRONG_STATUS, hold.seats[0], {"status": "sold", "owner": hold.id}, said)


async def lock(day: Day) -> None:
    attempt, seat = Attempt(f"token-{day.draw.getrandbits(32)}", "nobody"), day.seat()
    await day.sale.process.gate.enter(day.sale.group_key(seat), [Cell(seat, 0)], attempt, ttl_ms=LONG_AGO_MS)
    day.planted[Fault.LASTING_LOCK] += 1


def _held_by(day: Day, title: str) -> Row:
    return {"status": "held", "owner": title, "since_ms": long_ago(day.sale), "until_ms": 1}


async def time_passes(sale: Sale) -> None:
    """As on the loop, until cancelled."""
    while True:
        await asyncio.sleep(TICK_S)
        sale.clock.pass_s(TICK_S)


async def repair(day: Day) -> None:
    audited = await audit(day.sale, repair=True)
    assert audited.unread == {}
    day.repaired.update(finding.fault for finding in audited.repaired)


async def sold_beside_repairs(day: Day) -> None:
    """All customers are done, and the saboteur, and one audit has followed another meanwhile."""
    shops = (day.sale, day.sale.elsewhere())
    buying: Sequence[Coroutine[Any, Any, None]] = [
        customer(day, shops[at % 2], f"user-{at}") for at in range(CUSTOMERS)
    ]
    passing = asyncio.ensure_future(time_passes(day.sale))
    selling = asyncio.gather(saboteur(day), *buying)
    try:
        while not selling.done():
            await repair(day)
            await asyncio.sleep(BETWEEN_S)
        await selling
    finally:
        passing.cancel()
        selling.cancel()


async def nothing_is_left(day: Day) -> None:
    """After a last repair, when nobody buys any more and everything is due."""
    sale = day.sale
    await sale.market.settled()
    sale.clock.pass_ms(LATE_MS)
    await repair(day)
    while await sale.relay_all():
        sale.clock.pass_ms(WAITS_MS[1])
    audited = await audit(sale)
    assert list(audited.found) == []
    assert audited.sums.match
    await sale.assert_legal()


async def no_sale_is_undone(day: Day) -> None:
    """A booking is as it was; it only counts the moves that were made sure never to commit."""
    purchased = {event.subject for event in day.sale.told if event.type == "seats.purchased"}
    for hold in day.booked:
        assert replace(await day.sale.find(hold), moves=hold.moves) == hold
        assert hold.id in purchased
        for seat in hold.seats:
            cells = (await day.sale.cells(seat))[hold.journey.first : hold.journey.last + 1]
            assert {(cell["status"], cell["owner"]) for cell in cells} == {("sold", hold.id)}


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_planted_beside_a_sale_is_repaired_and_no_sale_is_undone(seed: int) -> None:
    async def play() -> None:
        store = MemoryBatches(Faults(delay_s_max=DELAY_S_MAX), Random(seed), asyncio.sleep)
        async with Market(store) as market:
            day = Day(await market.open(seats_per_group=4, seats=SEATS), Random(seed))
            await day.sale.hold("A1 A17", "A-B", by="early")
            day.sale.clock.pass_ms(LATE_MS)
            await sold_beside_repairs(day)
            await nothing_is_left(day)
            await no_sale_is_undone(day)
            assert day.booked
            assert set(day.planted) == REPAIRED
            assert set(day.repaired) >= REPAIRED, (day.planted, day.repaired)

    run_virtually(seed, play())
