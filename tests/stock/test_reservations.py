"""Reservations on every store: every line or none, each step once, and the numbers after every step."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable

import pytest

from tests.stock.shop import Shop
from travio_inventory.api.grpc import stock_replies
from travio_inventory.api.rest.stock.reservation_models import reservation_shown
from travio_inventory.kernel.actor import HOUSE, Actor, Scope
from travio_inventory.kernel.refusals import IdempotencyKeyReused, InvalidRequest, PermissionDenied
from travio_inventory.protocol.batches import Kind
from travio_inventory.protocol.rows import hold_key
from travio_inventory.stock.allocation import ShipTo
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.refusals import (
    BelowReserved,
    InsufficientStock,
    OrderReserved,
    ReservationCancelled,
    ReservationExpired,
    StockContended,
    StockNotFound,
)
from travio_inventory.stock.reservation import Item, OfReservation, Reserve, Status

EXPIRED_S = 901


async def told(shop: Shop, entry: InventoryEntry, number: int = 1) -> list[str]:
    """The types of the events in the place of an entry, in their order."""
    found = await shop.store.read(stock_rows.place(entry.organization, entry.sku, number), Kind.EVENT)
    return [str(row["type"]).removeprefix("inventory.") for row in found.values()]


async def moves(shop: Shop, entry: InventoryEntry) -> list[tuple[str, int, int, str]]:
    """The movements of an entry, and that they replay to its balance."""
    found, balance = await shop.movements(entry), 0
    for each in found:
        balance += each.quantity
        assert each.balance_after == balance
    assert balance == (await shop.now(entry)).quantities.total
    return [(each.type, each.quantity, each.balance_after, each.reference) for each in found]


async def test_what_is_reserved_stays_there_until_it_is_committed(shop: Shop) -> None:
    cup = await shop.entry("cup", 12)
    made = await shop.reserve("o1", ("cup", 3))
    assert (made.status, [line.quantity for line in made.lines]) == (Status.PENDING, [3])
    assert await shop.totals(cup) == [(9, 3)]
    committed = await shop.commit("o1")
    assert (committed.id, committed.status) == (made.id, Status.COMMITTED)
    assert await shop.totals(cup) == [(9, 0)]
    assert await moves(shop, cup) == [("INBOUND", 12, 12, ""), ("OUTBOUND", -3, 9, "o1")]
    assert Counter(await told(shop, cup)) == Counter(
        ["stock_updated", "reserved", "low_stock", "committed", "stock_updated"]
    )


async def test_every_line_is_reserved_or_none(shop: Shop) -> None:
    cup, jug, pan = await shop.entry("cup", 5), await shop.entry("jug", 5, code="south"), await shop.entry("pan", 1)
    with pytest.raises(InsufficientStock) as few:
        await shop.reserve("o1", ("cup", 2), ("jug", 2), ("pan", 2))
    assert few.value.available == 1
    assert "pan" in str(few.value)
    assert await shop.totals(cup, jug, pan) == [(5, 0), (5, 0), (1, 0)]
    await shop.reserve("o1", ("cup", 2), ("jug", 2), ("pan", 1))
    assert await shop.totals(cup, jug, pan) == [(3, 2), (3, 2), (0, 1)]
    await shop.commit("o1")
    assert await shop.totals(cup, jug, pan) == [(3, 0), (3, 0), (0, 0)]
    assert [(await moves(shop, each))[1:] for each in (cup, jug, pan)] == [
        [("OUTBOUND", -2, 3, "o1")], [("OUTBOUND", -2, 3, "o1")], [("OUTBOUND", -1, 0, "o1")],
    ]  # fmt: skip


async def test_what_is_cancelled_goes_back_where_it_was_taken(shop: Shop) -> None:
    north, south = await shop.entry("cup", 3), await shop.entry("cup", 2, code="south")
    made = await shop.reserve("o1", ("cup", 4))
    assert sorted(line.quantity for line in made.lines) == [1, 3]
    assert await shop.totals(north, south) == [(0, 3), (1, 1)]
    for _ in range(2):
        assert (await shop.cancel("o1")).status is Status.CANCELLED
    assert await shop.totals(north, south) == [(3, 0), (2, 0)]
    assert len(await moves(shop, north)) == len(await moves(shop, south)) == 1, "nothing left the shelves"
    with pytest.raises(ReservationCancelled):
        await shop.commit("o1")


async def test_an_item_that_may_not_be_split_comes_from_one_warehouse(shop: Shop) -> None:
    north, south = await shop.entry("cup", 3), await shop.entry("cup", 4, code="south")
    with pytest.raises(InsufficientStock) as few:
        await shop.reserve("o1", ("cup", 5), allow_split=False)
    assert (few.value.available, str(few.value)) == (4, "only 4 of cup are available in one warehouse")
    with pytest.raises(InsufficientStock, match="only 4 of cup are available in one warehouse"):
        await shop.reserve("o2", ("cup", 5), allow_split=False)  # by what is remembered
    made = await shop.reserve("o1", ("cup", 4), allow_split=False)
    assert [(line.warehouse_id, line.quantity) for line in made.lines] == [(south.warehouse_id, 4)]
    assert await shop.totals(north, south) == [(3, 0), (0, 4)]


async def test_an_order_that_says_where_it_goes_comes_from_there(shop: Shop) -> None:
    await shop.warehouse("far", region="us", priority=1, latitude=40.7, longitude=-74.0)
    await shop.warehouse("near", region="eu", priority=9, latitude=48.1, longitude=11.6)
    far, near = await shop.entry("cup", 9, code="far"), await shop.entry("cup", 4, code="near")
    jug = await shop.entry("jug", 1, code="near")
    to = ShipTo(52.5, 13.4, "eu")
    made = [await shop.reserve("o1", ("cup", 1)), await shop.reserve("o2", ("cup", 1), key="k", ship_to=to)]
    assert [line.warehouse_id for each in made for line in each.lines] == [far.warehouse_id, near.warehouse_id]
    with pytest.raises(IdempotencyKeyReused):
        await shop.reserve("o2", ("cup", 1), key="k", ship_to=ShipTo(region="us"))
    both = await shop.reserve("o3", ("cup", 3), ("jug", 1), ship_to=to)
    assert {line.warehouse_id for line in both.lines} == {near.warehouse_id}, "one parcel"
    assert await shop.totals(far, near, jug) == [(8, 1), (0, 4), (0, 1)]
    with pytest.raises(InsufficientStock) as few:
        await shop.reserve("o4", ("cup", 9), ship_to=to)
    assert (few.value.available, "cup" in str(few.value)) == (8, True)
    await shop.cancel("o2")
    assert sorted(line.quantity for line in (await shop.reserve("o4", ("cup", 9), ship_to=to)).lines) == [1, 8]


async def test_what_an_item_names_is_not_given_to_another(shop: Shop) -> None:
    north, south = await shop.entry("cup", 3), await shop.entry("cup", 3, code="south")
    items = [Item("cup", 2, north.warehouse_id), Item("cup", 2)]
    made = await shop.stock.reserve.reserve(shop.actor, Reserve("o1", items, ship_to=ShipTo()))
    assert {line.inventory_id: line.quantity for line in made.lines} == {north.id: 3, south.id: 1}
    with pytest.raises(InsufficientStock) as few:
        await shop.stock.reserve.reserve(shop.actor, Reserve("o2", items, ship_to=ShipTo()))
    assert few.value.available == 0
    assert await shop.totals(north, south) == [(0, 3), (2, 1)]


async def test_orders_of_all_that_there_is_that_say_where_they_go_get_as_many_as_there_are(shop: Shop) -> None:
    north, south = await shop.entry("cup", 7), await shop.entry("cup", 5, code="south")
    asked = (shop.reserve(f"o{number}", ("cup", 1), ship_to=ShipTo(region="eu")) for number in range(30))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    sold = sum(not isinstance(answer, BaseException) for answer in answers)
    assert {type(each) for each in answers if isinstance(each, BaseException)} <= {InsufficientStock, StockContended}
    while sold < 12:
        await shop.reserve(f"late-{sold}", ("cup", 1), ship_to=ShipTo(region="eu"))
        sold += 1
    assert await shop.totals(north, south) == [(0, 7), (0, 5)]


async def test_what_was_committed_and_is_cancelled_comes_back_once(shop: Shop) -> None:
    cup, jug = await shop.entry("cup", 5), await shop.entry("jug", 5, code="south")
    await shop.reserve("o1", ("cup", 2), ("jug", 1))
    await shop.commit("o1")
    await shop.settled()
    for _ in range(3):
        assert (await shop.cancel("o1")).status is Status.CANCELLED
        await shop.settled()
    assert await shop.totals(cup, jug) == [(5, 0), (5, 0)]
    assert [(await moves(shop, each))[1:] for each in (cup, jug)] == [
        [("OUTBOUND", -2, 3, "o1"), ("RETURN", 2, 5, "o1")], [("OUTBOUND", -1, 4, "o1"), ("RETURN", 1, 5, "o1")],
    ]  # fmt: skip


async def test_a_return_whose_process_died_is_finished_by_the_sweeper(shop: Shop) -> None:
    """It had said in the other place that something may come back, and nothing more."""
    await shop.entry("cup", 5)
    jug = await shop.entry("jug", 5, code="south")
    made = await shop.reserve("o1", ("cup", 2), ("jug", 1))
    await shop.commit("o1")
    await shop.settled()
    await shop.reservations._reopen(await shop.reservations.find(shop.actor.organization, made.id), None)
    assert await shop.totals(jug) == [(4, 0)]
    shop.clock.pass_s(30)
    await shop.stock.expire(HOUSE)
    assert await shop.totals(jug) == [(4, 0)], "it is committed still"
    await shop.cancel("o1")
    assert await shop.totals(jug) == [(5, 0)]


async def test_a_reservation_runs_out_and_can_be_committed_while_the_stock_is_there(shop: Shop) -> None:
    cup = await shop.entry("cup", 5)
    made = await shop.reserve("o1", ("cup", 3))
    shop.clock.pass_s(EXPIRED_S)
    await shop.stock.expire(HOUSE)
    assert await shop.totals(cup) == [(5, 0)]
    assert (await shop.stock.reserve.one(shop.actor, made.id)).status is Status.EXPIRED
    with pytest.raises(ReservationExpired):
        await shop.cancel("o1")
    for _ in range(2):
        late = await shop.commit("o1")
        assert (late.status, reservation_shown(late).reservation_id) == (Status.COMMITTED, made.id)
        assert stock_replies.reservation(late).reservation_id == made.id
    assert (await shop.stock.reserve.one(shop.actor, made.id)).status is Status.COMMITTED
    assert await shop.totals(cup) == [(2, 0)]
    assert (await moves(shop, cup))[1:] == [("OUTBOUND", -3, 2, "o1")]
    await shop.cancel("o1")
    assert await shop.totals(cup) == [(5, 0)]


async def test_an_expired_reservation_whose_stock_is_gone_stays_expired(shop: Shop) -> None:
    cup = await shop.entry("cup", 5)
    await shop.reserve("o1", ("cup", 3))
    shop.clock.pass_s(EXPIRED_S)
    await shop.reserve("o2", ("cup", 4))
    for _ in range(2):
        with pytest.raises(ReservationExpired):
            await shop.commit("o1")
    assert await shop.totals(cup) == [(1, 4)]


@pytest.mark.parametrize("code", ["", "south"])
async def test_what_ran_out_stands_in_nobodys_way(shop: Shop, code: str) -> None:
    """No sweeper has come by: whoever needs the units ends the reservations that have run out."""
    cup = await shop.entry("cup", 2)
    others = [await shop.entry("cup", 1, code=code)] if code else []
    await shop.reserve("o1", ("cup", 2 + len(others)))
    with pytest.raises(InsufficientStock):
        await shop.reserve("o2", ("cup", 1))
    shop.clock.pass_s(EXPIRED_S)
    await shop.reserve("o2", ("cup", 2 + len(others)))
    assert await shop.totals(cup, *others) == [(0, 2), *[(0, 1) for _ in others]]


async def test_a_request_that_comes_again_is_the_same_reservation(shop: Shop) -> None:
    cup = await shop.entry("cup", 5)
    first = await shop.reserve("o1", ("cup", 2), ("cup", 3), key="k")
    assert [line.quantity for line in first.lines] == [5], "the same stock keeping unit twice is one line"
    for key in ("k", "", "another"):
        assert (await shop.reserve("o1", ("cup", 5), key=key)).id == first.id, "its own reservation is not in its way"
    with pytest.raises(IdempotencyKeyReused):
        await shop.reserve("o1", ("cup", 4), key="k")
    with pytest.raises(OrderReserved) as other:
        await shop.reserve("o1", ("cup", 1), key="k2")
    assert other.value.reservation_id == first.id
    assert await shop.totals(cup) == [(0, 5)]
    await shop.commit("o1")
    assert (await shop.reserve("o1", ("cup", 5))).status is Status.COMMITTED, "an order is not served twice"
    assert await shop.totals(cup) == [(0, 0)]


async def test_an_order_whose_reservation_ended_may_reserve_again_with_another_key(shop: Shop) -> None:
    cup = await shop.entry("cup", 5)
    first = await shop.reserve("o1", ("cup", 2), key="k")
    await shop.cancel("o1")
    with pytest.raises(ReservationCancelled):
        await shop.reserve("o1", ("cup", 2), key="k")
    second = await shop.reserve("o1", ("cup", 2), key="k2")
    assert second.id != first.id
    assert (await shop.stock.reserve.of_order(shop.actor, "o1")).id == second.id
    assert await shop.totals(cup) == [(3, 2)]


async def test_many_orders_at_once_get_as_many_as_there_are(shop: Shop) -> None:
    cup = await shop.entry("cup", 7)
    asked = (shop.reserve(f"o{number}", ("cup", 2)) for number in range(8))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(each, InsufficientStock) for each in outcomes) >= 1
    made = sum(not isinstance(each, BaseException) for each in outcomes)
    assert made == 3
    assert await shop.totals(cup) == [(1, 6)]


async def test_orders_that_come_together_go_together(shop: Shop) -> None:
    """Each batch is a version of the entry: sixteen orders are a few, and each has its own line and event."""
    cup = await shop.entry("cup", 20)
    made = await asyncio.gather(*(shop.reserve(f"o{number}", ("cup", 1)) for number in range(16)))
    assert len({each.id for each in made}) == 16
    assert await shop.totals(cup) == [(4, 16)]
    assert (await shop.now(cup)).version <= 1 + 16 // 2
    assert Counter(await told(shop, cup))["reserved"] == 16


async def test_one_order_many_times_at_once_is_reserved_once(shop: Shop) -> None:
    cup = await shop.entry("cup", 7)
    made = await asyncio.gather(*(shop.reserve("o1", ("cup", 2)) for _ in range(6)))
    assert len({each.id for each in made}) == 1
    assert await shop.totals(cup) == [(5, 2)]


async def test_some_lines_are_committed_and_the_others_given_back(shop: Shop) -> None:
    cup, jug = await shop.entry("cup", 5), await shop.entry("jug", 5, code="south")
    await shop.reserve("o1", ("cup", 2), ("jug", 1))
    for _ in range(2):
        committed = await shop.commit("o1", cup.id)
        assert ([line.sku for line in committed.lines], committed.given_up) == (["cup"], (jug.id,))
    assert await shop.totals(cup, jug) == [(3, 0), (5, 0)]
    await shop.cancel("o1", cup.id)
    assert await shop.totals(cup, jug) == [(5, 0), (5, 0)]


async def test_a_line_that_is_cancelled_leaves_the_others(shop: Shop) -> None:
    cup, jug = await shop.entry("cup", 5), await shop.entry("jug", 5, code="south")
    await shop.reserve("o1", ("cup", 2), ("jug", 1))
    for _ in range(2):
        left = await shop.cancel("o1", jug.id)
        assert (left.status, [line.sku for line in left.lines]) == (Status.PENDING, ["cup"])
    with pytest.raises(StockNotFound):
        await shop.cancel("o1", "another")
    assert await shop.totals(cup, jug) == [(3, 2), (5, 0)]
    await shop.commit("o1")
    assert await shop.totals(cup, jug) == [(3, 0), (5, 0)]


async def test_a_line_of_a_committed_order_is_returned_alone(shop: Shop) -> None:
    cup, jug = await shop.entry("cup", 5), await shop.entry("jug", 5, code="south")
    await shop.reserve("o1", ("cup", 2), ("jug", 1))
    await shop.commit("o1")
    await shop.settled()
    for _ in range(2):
        assert [line.sku for line in (await shop.cancel("o1", jug.id)).lines] == ["cup"]
    assert await shop.totals(cup, jug) == [(3, 0), (5, 0)]
    await shop.cancel("o1")
    assert await shop.totals(cup, jug) == [(5, 0), (5, 0)]


async def test_a_count_below_what_is_reserved_is_refused_and_one_above_it_is_not(shop: Shop) -> None:
    cup = await shop.entry("cup", 5)
    await shop.reserve("o1", ("cup", 3))
    with pytest.raises(BelowReserved) as below:
        await shop.count(cup, 2, version=2)
    assert below.value.reserved == 3
    await shop.count(cup, 3, version=2)
    assert await shop.totals(cup) == [(0, 3)]
    await shop.commit("o1")
    assert await shop.totals(cup) == [(0, 0)]


async def test_a_closed_warehouse_serves_nobody_and_what_is_not_kept_is_not_found(shop: Shop) -> None:
    await shop.warehouse("closed", is_active=False)
    await shop.entry("cup", 5, code="closed")
    for sku in ("cup", "jug"):
        with pytest.raises(StockNotFound):
            await shop.reserve("o1", (sku, 1))
    with pytest.raises(StockNotFound):
        await shop.commit("o1")
    with pytest.raises(StockNotFound, match="not active"):
        await shop.reserve("o2", ("cup", 1), at="closed")


async def test_the_events_of_a_reservation_say_what_became_of_it(shop: Shop) -> None:
    cup, jug = await shop.entry("cup", 50), await shop.entry("jug", 50, code="south")
    made = await shop.reserve("o1", ("cup", 2), ("jug", 1))
    await shop.cancel("o1", jug.id)
    await shop.commit("o1")
    await shop.cancel("o1")
    found = await shop.store.read(stock_rows.place(cup.organization, "cup", 1), Kind.EVENT)
    mine = sorted(
        (row for row in found.values() if row["subject"] == made.id), key=lambda row: int(row["ordinal"] or 0)
    )
    data = [json.loads(str(row["data"])) for row in mine]
    assert [str(row["type"]).removeprefix("inventory.") for row in mine] == [
        "reserved",
        "released",
        "committed",
        "released",
    ]
    assert [row["ordinal"] for row in mine] == [0, 1, 2, 3]
    assert [each["status"] for each in data] == ["PENDING", "PENDING", "COMMITTED", "CANCELLED"]
    assert [[line["sku"] for line in each["lines"]] for each in data] == [["cup", "jug"], ["cup"], ["cup"], ["cup"]]


async def test_whoever_may_read_may_not_reserve_and_others_see_nothing(shop: Shop) -> None:
    await shop.entry("cup", 5)
    made = await shop.reserve("o1", ("cup", 1))
    reader = Actor(shop.actor.organization, "bob", frozenset({Scope.STOCK_READ}))
    other = Shop(shop.store)
    with pytest.raises(PermissionDenied):
        await shop.stock.reserve.commit(reader, OfReservation(made.id))
    assert (await shop.stock.reserve.one(reader, made.id)) == made
    with pytest.raises(StockNotFound):
        await other.stock.reserve.commit(other.actor, OfReservation(made.id))


async def test_what_a_reservation_leaves_behind_has_an_end(shop: Shop) -> None:
    """The rows of one that ended go by themselves, what was committed when nobody returns it any more."""
    cup = await shop.entry("cup", 5)
    first, second = await shop.reserve("o1", ("cup", 1)), await shop.reserve("o2", ("cup", 1))
    await shop.cancel("o1")
    await shop.commit("o2")
    at = stock_rows.place(cup.organization, "cup", 1)
    lines = await shop.store.read(at, Kind.LINE)
    assert {row["status"] for row in lines.values()} == {"ended"}
    assert len(await shop.store.get(at, [hold_key(first.id), hold_key(second.id)])) == 2


@pytest.mark.parametrize(
    ("make", "fields"),
    [
        (lambda: Reserve("", [Item("a", 1)]), ["order_id"]),
        (lambda: Reserve("o", []), ["items"]),
        (lambda: Reserve("o", [Item("", 0, " x")]), ["items[0].sku", "items[0].warehouse_id", "items[0].quantity"]),
        (lambda: Reserve("o", [Item("a", 1)], "k\n", 0), ["idempotency_key", "ttl_seconds"]),
        (OfReservation, ["reservation_id"]),
        (lambda: OfReservation("a", "b", ["\n"]), ["reservation_id", "inventory_ids[0]"]),
    ],
)
def test_what_is_wrong_with_a_reservation_is_named(make: Callable[[], object], fields: list[str]) -> None:
    with pytest.raises(InvalidRequest) as wrong:
        make()
    assert [each.field for each in wrong.value.violations] == fields
