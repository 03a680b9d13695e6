"""The batches of each step of a hold over two seat groups: where, on which condition, of which rows and kept for how
long, led to by which index entries. The journey has three segments.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from tests.protocol.parts import noted
from travio_inventory.protocol import index_entries, listings
from travio_inventory.protocol.batches import ABSENT, ANY_TIME, FOR_EVER, Condition, IndexEntry, Kind
from travio_inventory.protocol.index_entries import MINUTE_MS
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.rows import hold_key
from travio_inventory.seats.hold import NEVER_MS, Hold, late_id
from verification.kit import passing
from verification.kit.clocks import START_MS
from verification.kit.sale import CLOCK_BOUND_MS, GRACE_S, TTL_S, Sale

KEPT = Retention()
Rows: TypeAlias = dict[tuple[Kind, int | None], int]
"""How many rows of a kind, to be kept for so long."""
On: TypeAlias = dict[str, Condition]

CELLS: Rows = {(Kind.CELL, None): 3}
LIVES: Rows = {(Kind.HOLD, None): 1, (Kind.EVENT, KEPT.events_s): 1, **CELLS}
ENDS: Rows = {(Kind.HOLD, KEPT.ended_s): 1, (Kind.EVENT, KEPT.events_s): 1, **CELLS}
LAPSES_MS = TTL_S * 1_000 + CLOCK_BOUND_MS


class Batch(NamedTuple):
    """The seat of its seat group, the number of rows of a kind and lifetime, its entries, whether it has a latest
    moment to be sent, and the conditions on holds.
    """

    seat: str
    rows: Rows
    entries: set[IndexEntry]
    is_timely: bool
    on: On


def taken(sent: list[passing.Batch]) -> list[Batch]:
    """What was sent since the last time."""
    batches = [_batch(each) for each in sent]
    sent.clear()
    return batches


def _batch(sent: passing.Batch) -> Batch:
    return Batch(
        f"A{sent.partition.number + 1}",
        dict(Counter((write.key.kind, write.keep_s) for write in sent.writes)),
        set(sent.entries),
        sent.send_by != ANY_TIME,
        {write.key.id: write.condition for write in sent.writes if write.key == hold_key(write.key.id)},
    )


def due(sale: Sale, seat: str, *minutes: int) -> set[IndexEntry]:
    """The entries of these minutes of the sale."""
    partition = sale.group_partition(seat)
    return {index_entries.due(partition, START_MS + minute * MINUTE_MS, KEPT) for minute in minutes}


def recorded(sale: Sale, epoch: int = 1) -> set[IndexEntry]:
    return {index_entries.recorded(sale.group_partition("A1"), epoch, KEPT)}


def booked(hold: Hold, keep_s: int) -> set[IndexEntry]:
    of = hold.organization, hold.holder, hold.id, hold.created_at_ms
    return {*listings.booked(*of, order="order-1", keep_s=keep_s)}


def rolled() -> Batch:
    """The other seat group follows."""
    return Batch("A2", CELLS, set(), is_timely=False, on={})


async def expired(sale: Sale, hold: Hold) -> None:
    sale.clock.pass_ms(LAPSES_MS)
    await sale.process.holds.expiring.expire(hold)
    await sale.settled()


def conditions(sent: Sequence[passing.Batch], kind: Kind) -> list[Condition]:
    return [write.condition for batch in sent for write in batch.writes if write.key.kind is kind]


async def test_a_hold_is_an_intent_and_then_the_home_batch(sale: Sale) -> None:
    sent = noted(sale)
    hold = await sale.hold("A1 A2")
    assert conditions(sent, Kind.CELL) == [{"status": "available", "period": None}] * 6
    listed = listings.held(hold.organization, "ann", hold.id, START_MS, keep_s=KEPT.listed_s)
    home = due(sale, "A1", 0, 1) | recorded(sale) | {listed}
    assert GRACE_S < 60, "an attempt that died is looked for in the same minute"
    assert taken(sent) == [
        Batch("A2", CELLS, due(sale, "A2", 0, 1), is_timely=True, on={}),
        Batch("A1", LIVES, home, is_timely=True, on={hold.id: ABSENT}),
    ]


async def test_a_hold_of_one_seat_group_is_one_batch(sale: Sale) -> None:
    sent = noted(sale)
    hold = await sale.hold("A1")
    listed = listings.held(hold.organization, "ann", hold.id, START_MS, keep_s=KEPT.listed_s)
    entries = due(sale, "A1", 1) | recorded(sale) | {listed}
    assert taken(sent) == [Batch("A1", LIVES, entries, is_timely=True, on={hold.id: ABSENT})]
    await sale.release(hold)
    assert len(taken(sent)) == 1


async def test_an_extension_is_noted_in_every_seat_group(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    sent = noted(sale)
    extended = await sale.extend(hold, ttl_s=150)
    assert sent[0].writes[0].values["expires_at_ms"] == START_MS + 150_000
    assert conditions(sent, Kind.CELL) == [{"owner": hold.id}] * 3
    on: On = {hold.id: {"status": "held", "expires_at_ms": START_MS + TTL_S * 1_000, "extensions": 0}}
    entries = due(sale, "A1", 2) | due(sale, "A2", 2)
    assert taken(sent) == [Batch("A1", LIVES, entries, is_timely=True, on=on)]
    assert await sale.extend(extended, ttl_s=120) == extended
    assert taken(sent) == [], "it has that time already"


async def test_a_booking_is_one_batch_at_home_then_the_rest_follows(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    sale.clock.at_ms += 3 * MINUTE_MS
    sent = noted(sale)
    booking = await sale.confirm(hold)
    await sale.settled()
    assert conditions(sent, Kind.CELL) == [{"owner": hold.id}] * 6
    entries = due(sale, "A2", 3) | booked(hold, FOR_EVER)
    home = Batch("A1", LIVES, entries, is_timely=True, on={hold.id: {"status": "held", "extensions": 0}})
    assert taken(sent) == [home, rolled()]
    await sale.confirm(booking)
    await sale.settled()
    listed = Batch("A1", {}, booked(hold, FOR_EVER), is_timely=False, on={})
    assert taken(sent) == [listed, rolled()], "the process that confirmed it may have died before that"


async def test_a_cancelled_booking_ends(sale: Sale) -> None:
    booking = await sale.confirm(await sale.hold("A1 A2"))
    await sale.settled()
    sent = noted(sale)
    await sale.cancel(booking)
    await sale.settled()
    assert sent[0].writes[0].values["order_id"] == "order-1"
    on: On = {booking.id: {"status": "confirmed", "extensions": 0}}
    home = Batch("A1", ENDS, booked(booking, KEPT.ended_s), is_timely=True, on=on)
    assert taken(sent) == [home, rolled()]


async def test_a_released_hold_ends(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    sent = noted(sale)
    await sale.release(hold)
    await sale.settled()
    on: On = {hold.id: {"status": "held", "extensions": 0}}
    assert taken(sent) == [Batch("A1", ENDS, set(), is_timely=True, on=on), rolled()]


async def test_seats_that_are_given_up_are_returned_where_they_are(sale: Sale) -> None:
    hold = await sale.hold("A1 A2 A3")
    await sale.extend(hold, ttl_s=5 * 60)
    sale.clock.at_ms += 3 * MINUTE_MS
    sent = noted(sale)
    left = await sale.release(hold, "A1 A3")
    await sale.settled()
    on: On = {hold.id: {"status": "held", "extensions": 1}}
    given_up = Batch("A3", CELLS, set(), is_timely=False, on={})
    home = Batch("A1", LIVES, due(sale, "A2", 3) | due(sale, "A3", 3), is_timely=True, on=on)
    assert conditions(sent, Kind.CELL) == [{"owner": hold.id}] * 6
    assert taken(sent) == [home, given_up]
    assert left.seats == ("A2",)


async def test_a_lapsed_hold_ends_if_it_was_not_extended(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    sale.clock.at_ms += 2 * MINUTE_MS
    sent = noted(sale)
    await expired(sale, hold)
    on: On = {hold.id: {"status": "held", "expires_at_ms": START_MS + TTL_S * 1_000, "extensions": 0}}
    assert taken(sent) == [Batch("A1", ENDS, due(sale, "A2", 3), is_timely=True, on=on), rolled()]


async def test_a_late_booking_keeps_the_hold_that_leads_to_it_until_it_is_cancelled(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    await expired(sale, hold)
    sent, late = noted(sale), late_id(hold.id)
    booking = await sale.confirm(hold)
    await sale.settled()
    on: On = {late: ABSENT, hold.id: {"status": "expired"}}
    rows: Rows = {**LIVES, (Kind.HOLD, FOR_EVER): 1}
    entries = booked(hold, FOR_EVER)
    assert booking.id == late
    assert taken(sent) == [
        Batch("A2", CELLS, set(), is_timely=True, on={}),
        Batch("A1", rows, entries, is_timely=True, on=on),
        rolled(),
    ]
    await sale.cancel(booking)
    await sale.settled()
    on = {late: {"status": "confirmed", "extensions": 1}, hold.id: {"status": "expired"}}
    rows = {**ENDS, (Kind.HOLD, KEPT.over_s(late)): 1}
    assert KEPT.over_s(late) > KEPT.ended_s, "the hold goes first: without its booking it could be booked again"
    assert taken(sent) == [Batch("A1", rows, booked(hold, KEPT.ended_s), is_timely=True, on=on), rolled()]


def until(sent: Sequence[passing.Batch]) -> list[set[object]]:
    """Until when the cells of each batch are taken."""
    return [{write.values.get("until_ms") for write in batch.writes if write.key.kind is Kind.CELL} for batch in sent]


async def test_a_claim_says_until_when_it_is_certain(sale: Sale) -> None:
    """At its expiry it is to be judged; one of the house, which has none, once the attempt is over; a late one now."""
    sent, ends_ms = noted(sale), START_MS + TTL_S * 1_000
    hold = await sale.hold("A1 A2")
    assert until(sent) == [{ends_ms}, {ends_ms}]
    sent.clear()
    await sale.block("A3 A4")
    assert until(sent) == [{START_MS + GRACE_S * 1_000}, {NEVER_MS}]
    await expired(sale, hold)
    sent.clear()
    await sale.confirm(hold)
    assert until(sent[:2]) == [{START_MS + LAPSES_MS}, {None}]
