"""Writes to a store what no step ever writes: for each kind of fault that the auditor is to find."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from travio_inventory.kernel.actor import HOUSE
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Applied, Batches, Kind, Row, RowKey, Write
from travio_inventory.protocol.unpublished import LATE_MS
from travio_inventory.seats.audit.findings import Audited, Fault
from travio_inventory.seats.hold import Hold, HoldId
from travio_inventory.seats.ports import Attempt, Cell
from travio_inventory.seats.records import seat_rows, trip_rows
from verification.kit.sale import Sale

LONG_AGO_MS = 3_600_000
FORGOTTEN_WITHIN_S = 30
NOBODY = str(HoldId("t1", 0, "0" * 32, is_late=False))
"""The id of a hold that nobody made."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A planted fault: what the auditor must find of it, and whether it can be repaired."""

    faults: frozenset[Fault]
    is_repaired: bool
    plant: Callable[[Sale], Awaitable[None]]


async def audit(sale: Sale, *, repair: bool = False) -> Audited:
    """An audit of the trip."""
    return await sale.inventory.audit_trips.one(HOUSE, sale.trip.key, repair=repair)


async def write(store: Batches, sale: Sale, seat: str, key: RowKey, values: Row, keep_s: int | None = None) -> None:
    """Write the values to a row of the seat's group, whatever is there."""
    group = seat_rows.group_partition(sale.trip.key, sale.trip.group_of(seat))
    outcome = await store.apply(group, [Write(key, {}, values, keep_s)])
    assert isinstance(outcome, Applied), outcome


async def write_cell(sale: Sale, seat: str, values: Row, segment: int = 0) -> None:
    """Write to one cell."""
    await write(sale.market.store, sale, seat, RowKey(Kind.CELL, seat, segment), values)


async def write_hold(sale: Sale, hold: Hold, **values: str | int | None) -> None:
    """Write to the hold's own row."""
    await write(sale.market.store, sale, hold.seats[0], rows.hold_key(hold.id), values)


def long_ago(sale: Sale) -> int:
    """A moment before everything that may be late."""
    return sale.clock.now_ms() - LONG_AGO_MS


async def _freed(sale: Sale) -> None:
    hold = await sale.hold("A1", "A-B")
    await write_cell(sale, "A1", seat_rows.FREE)
    await write_hold(sale, hold, event_at_ms=long_ago(sale))


async def _freed_abroad(sale: Sale) -> None:
    hold = await sale.confirm(await sale.hold("A1 A17", "A-C"))
    await sale.settled()
    await write_cell(sale, "A17", seat_rows.FREE, 1)
    await write_hold(sale, hold, event_at_ms=long_ago(sale))


async def _sold_twice(sale: Sale) -> None:
    first = await sale.confirm(await sale.hold("A1", "A-B", by="ann"))
    await write_cell(sale, "A1", seat_rows.FREE)
    await sale.elsewhere().hold("A1", "A-B", by="bob")
    await write_hold(sale, first, event_at_ms=long_ago(sale))


async def _left_by_an_ended_hold(sale: Sale) -> None:
    hold = await sale.hold("A1", "A-B")
    cell = (await sale.cells("A1"))[0]
    await sale.release(hold)
    await write_cell(sale, "A1", {**cell, "since_ms": long_ago(sale)})


async def _left_abroad(sale: Sale) -> None:
    """A booking that was cancelled long ago has a seat still in another seat group, which says sold."""
    hold = await sale.confirm(await sale.hold("A1 A17", "A-B"))
    await sale.settled()
    cell = (await sale.cells("A17"))[0]
    await sale.cancel(hold)
    await sale.settled()
    sale.clock.pass_ms(LONG_AGO_MS)
    await write_cell(sale, "A17", cell)


async def _not_its_own(sale: Sale) -> None:
    """The cell says a hold that lives and has another seat."""
    hold = await sale.hold("A1", "A-B")
    await write_cell(sale, "A2", {"status": "held", "owner": hold.id, "since_ms": long_ago(sale), "until_ms": 1})


async def _orphan(sale: Sale) -> None:
    await write_cell(sale, "A17", {"status": "held", "owner": NOBODY, "since_ms": long_ago(sale), "until_ms": 1})


async def _orphan_move(sale: Sale) -> None:
    """A move of a live hold took the cell long ago, and never committed."""
    hold = await sale.hold("A1", "A-B")
    await write_cell(
        sale, "A17", {"status": "held", "owner": f"{hold.id}+1", "since_ms": long_ago(sale), "until_ms": 1}
    )


async def _held_though_booked(sale: Sale) -> None:
    hold = await sale.confirm(await sale.hold("A1", "A-B"))
    await write_cell(sale, "A1", {"status": "held", "since_ms": long_ago(sale)})
    await write_hold(sale, hold, event_at_ms=long_ago(sale))


async def _held_abroad_though_booked(sale: Sale) -> None:
    hold = await sale.confirm(await sale.hold("A1 A17", "A-B"))
    await sale.settled()
    await write_cell(sale, "A17", {"status": "held", "since_ms": long_ago(sale)})
    await write_hold(sale, hold, event_at_ms=long_ago(sale))


async def _sold_though_held(sale: Sale) -> None:
    await sale.hold("A1", "A-B")
    await write_cell(sale, "A1", {"status": "sold"})


async def _without_owner(sale: Sale) -> None:
    await write_cell(sale, "A1", {"status": "sold", "owner": None})


async def _no_state(sale: Sale) -> None:
    await write_cell(sale, "A1", {"status": "lent", "owner": NOBODY})


async def _no_such_cell(sale: Sale) -> None:
    await write_cell(sale, "A1", {"status": "available"}, 7)


async def _missing(sale: Sale) -> None:
    """It is written with an end, and forgotten."""
    key = RowKey(Kind.CELL, "A1", 0)
    await write(sale.market.store, sale, "A1", key, {"status": "available"}, keep_s=1)
    async with asyncio.timeout(FORGOTTEN_WITHIN_S):
        while len(await sale.cells("A1")) == len(sale.trip.segments):  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.1)


async def _overdue(sale: Sale) -> None:
    """Nobody sweeps, and no index leads to it."""
    await sale.hold("A1 A17", "A-B")
    sale.clock.pass_ms(LONG_AGO_MS)


async def _lock(sale: Sale) -> None:
    attempt = Attempt("token-1", "claimant-1")
    await sale.process.gate.enter(sale.group_key("A1"), [Cell("A1", 0)], attempt, ttl_ms=LONG_AGO_MS)


async def _unlisted_hold(sale: Sale) -> None:
    """The list has it as one that began a moment later: its entry is not there."""
    hold = await sale.hold("A1", "A-B")
    await sale.settled()
    await write_hold(sale, hold, created_at_ms=sale.clock.now_ms() - 1, event_at_ms=long_ago(sale))


async def _unlisted_booking(sale: Sale) -> None:
    hold = await sale.confirm(await sale.hold("A1 A17", "A-B"))
    await sale.settled()
    await write_hold(sale, hold, created_at_ms=sale.clock.now_ms() - 1, event_at_ms=long_ago(sale))


async def _unlisted_trip(sale: Sale) -> None:
    """The lists have an earlier life of it."""
    written = Write(trip_rows.TRIP, {}, {"opened_at_ms": sale.clock.now_ms() + 1})
    outcome = await sale.market.store.apply(trip_rows.partition(sale.trip.key), [written])
    assert isinstance(outcome, Applied), outcome


async def _unpublished(sale: Sale) -> None:
    """Nobody relays for hours."""
    await sale.confirm(await sale.hold("A1 A17", "A-B"))
    await sale.settled()
    sale.clock.pass_ms(LATE_MS)


PLANTED: Mapping[str, Planted] = MappingProxyType(
    {
        name: Planted(frozenset(faults), is_repaired, plant)
        for name, faults, is_repaired, plant in (
            ("a live hold's cell is free", {Fault.WITHOUT_SEAT}, True, _freed),
            ("a booking's cell in another group is free", {Fault.WITHOUT_SEAT}, True, _freed_abroad),
            ("a seat is sold twice", {Fault.TWO_OWNERS}, False, _sold_twice),
            ("an ended hold has a cell", {Fault.LEFTOVER}, True, _left_by_an_ended_hold),
            ("a cancelled booking has a cell in another group", {Fault.LEFTOVER}, True, _left_abroad),
            ("a live hold has a cell that it does not name", {Fault.LEFTOVER}, True, _not_its_own),
            ("an attempt without a row has a cell", {Fault.ORPHAN}, True, _orphan),
            ("a move that never committed has a cell", {Fault.ORPHAN}, True, _orphan_move),
            ("a booking's cell says held", {Fault.WRONG_STATUS}, True, _held_though_booked),
            ("a booking's cell in another group says held", {Fault.WRONG_STATUS}, True, _held_abroad_though_booked),
            ("a hold's cell says sold", {Fault.WRONG_STATUS}, True, _sold_though_held),
            ("a sold cell has no owner", {Fault.ODD_CELL}, False, _without_owner),
            ("a cell is in no state", {Fault.ODD_CELL}, False, _no_state),
            ("a cell is of no segment", {Fault.ODD_CELL}, False, _no_such_cell),
            ("a cell is not there", {Fault.MISSING_CELL}, False, _missing),
            ("a hold's time is long over", {Fault.OVERDUE}, True, _overdue),
            ("a list of holds lacks one", {Fault.UNLISTED}, True, _unlisted_hold),
            ("a list of bookings lacks one", {Fault.UNLISTED}, True, _unlisted_booking),
            ("a list of trips lacks one", {Fault.UNLISTED_TRIP}, True, _unlisted_trip),
            ("a lock outlives its attempt", {Fault.LASTING_LOCK}, True, _lock),
            ("a sink lacks old events", {Fault.UNPUBLISHED}, False, _unpublished),
        )
    }
)
"""By what is wrong. Each is planted in a sale of A1 to A16 in one seat group, A17 and A18 in another."""
