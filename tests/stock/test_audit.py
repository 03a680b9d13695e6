"""The auditor of stock finds each planted fault, repairs it as far as a step can, and finds nothing that is right."""

import asyncio
import json

import pytest

from tests.stock.purchasing import Purchasing
from tests.stock.shop import Shop
from travio_inventory.kernel.actor import HOUSE, Actor
from travio_inventory.kernel.refusals import PermissionDenied
from travio_inventory.protocol.batches import Index, Kind
from travio_inventory.protocol.unpublished import LATE_MS
from travio_inventory.stock.audit.auditing import StockAuditRules
from travio_inventory.stock.audit.findings import ADVICE, AuditedStock, StockFault, StockFinding
from travio_inventory.stock.audit.rounds import LEASE_MS, StockRound, all_places
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.records.entries import ORGANIZATIONS
from travio_inventory.stock.use_cases.audit_stock import AuditStock
from verification.kit.judged_stock import unjudged
from verification.kit.planted_order_faults import PLANTED_IN_ORDERS
from verification.kit.planted_shard_faults import PLANTED_IN_SHARDS
from verification.kit.planted_stock_faults import PLANTED_IN_STOCK, Shelves

DAY_MS = 86_400_000
PLANTED = {**PLANTED_IN_STOCK, **PLANTED_IN_ORDERS}


def auditor(shop: Shop, *sinks: str) -> AuditStock:
    """An auditor that does not wait, of that shop's store."""
    return AuditStock(shop.auditor(StockAuditRules(second_look_ms=10, places_per_second=10_000), *sinks))


async def audited(shop: Shop, *sinks: str, repair: bool = False) -> list[AuditedStock]:
    """An audit of all that the shop has."""
    audits = auditor(shop, *sinks)
    places = [at async for at in all_places(shop.store, shop.actor.organization)]
    return [await audits.one(HOUSE, at, repair=repair) for at in places]


def left(of: list[AuditedStock]) -> list[StockFinding]:
    return [finding for each in of for finding in each.left]


async def shelves(shop: Shop) -> Shelves:
    """See Shelves; with other reservations beside it, of which nothing is said."""
    await shop.entry("cup", 15)
    await shop.entry("jug", 9, code="south")
    await shop.reserve("o2", ("cup", 1), at="north")
    await shop.commit("o2")
    await shop.reserve("o3", ("cup", 2), at="north")
    reservation = await shop.reserve("o1", ("cup", 3), ("jug", 2))
    await shop.settled()
    return Shelves(unjudged(shop.store), reservation, shop.clock.now_ms())


async def test_nothing_is_wrong_with_stock_that_is_right(shop: Shop) -> None:
    """One of each: reserved, committed, returned, given back in part, expired, moved, counted, deleted."""
    of = await shelves(shop)
    cup = next(each for each in of.reservation.lines if each.sku == "cup")
    await shop.commit("o1", cup.inventory_id)
    await shop.reserve("o4", ("cup", 2), ("jug", 1))
    await shop.commit("o4")
    await shop.cancel("o4")
    await shop.reserve("o5", ("cup", 1), ("jug", 3), ttl_s=60)
    shop.clock.pass_ms(70_000)
    await shop.stock.expire(HOUSE)
    pan = await shop.entry("pan", 4)
    await shop.adjust(pan, -4)
    await shop.count(pan, 3, version=2)
    await shop.settled()
    found = await audited(shop)
    assert len(found) == 3
    assert [(each.left, each.repaired, each.unread, each.more) for each in found] == [([], [], "", 0)] * 3


async def test_nothing_is_wrong_with_purchase_orders_that_are_right(shop: Shop) -> None:
    """One of each: open, received in part and whole, cancelled before and after that, by itself."""
    buying = await Purchasing.begun(shop)
    for cancelled, cups, plates in ((False, 0, 0), (False, 2, 1), (False, 5, 4), (True, 0, 0), (True, 2, 4)):
        order = await buying.place(5, 4)
        if cups:
            await buying.receive(order, cups, plates, key="r")
        if cancelled:
            await buying.cancel(order)
    await shop.adjust(buying.cups, -9)
    await shop.stock.reorder(HOUSE)
    shop.clock.pass_ms(61_000)
    assert [(each.left, each.unread) for each in await audited(shop)] == [([], "")] * 2


@pytest.mark.parametrize("name", PLANTED)
async def test_a_planted_fault_is_found_and_repaired_if_a_step_can(shop: Shop, name: str) -> None:
    planted, of = PLANTED[name], await shelves(shop)
    shop.clock.pass_ms(61_000)
    await planted.plant(of)
    told = await audited(shop)
    assert {finding.fault for finding in left(told)} == planted.faults, told
    assert all(each.repaired == [] for each in told)

    repaired = await audited(shop, repair=True)
    found = [finding for each in repaired for finding in (*each.left, *each.repaired)]
    assert {finding.fault for finding in found} == planted.faults
    assert (left(repaired) == []) is planted.is_repaired, left(repaired)
    if planted.is_repaired:
        await shop.settled()
        assert left(await audited(shop)) == []


@pytest.mark.parametrize(
    ("name", "quantities"),
    [
        ("more are reserved than lines say", (9, 5)),
        ("more lie there than movements say", (9, 5)),
        ("fewer lie there than movements say", (5, 5)),
        ("more are reserved than there can be", (9, 5)),
    ],
)
async def test_a_repair_offers_nothing_that_may_not_be_there(
    shop: Shop, name: str, quantities: tuple[int, int]
) -> None:
    """Of two totals the smaller one stands: 14 cups, five of them reserved, or ten."""
    of = await shelves(shop)
    await PLANTED_IN_STOCK[name].plant(of)
    await audited(shop, repair=True)
    entry = await shop.now_of(of.cups)
    assert entry.quantities == quantities
    movements = await shop.movements(entry)
    assert sum(each.quantity for each in movements) == movements[-1].balance_after == sum(quantities)
    events = (await shop.store.read(of.cups, Kind.EVENT)).values()
    told = [json.loads(str(row["data"])) for row in events if row["type"] == "inventory.stock_updated"]
    assert sum(each["newStock"] - each["oldStock"] for each in told) == sum(quantities), "a movement is told"


async def test_a_fault_that_is_gone_at_the_second_look_is_not_told(shop: Shop) -> None:
    of = await shelves(shop)
    await PLANTED_IN_STOCK["more are reserved than lines say"].plant(of)
    audits = AuditStock(shop.auditor(StockAuditRules(second_look_ms=2_000, places_per_second=10_000)))

    async def put_right() -> None:
        await asyncio.sleep(0.05)
        await of.add(of.cups, stock_rows.STOCK, available=1, reserved=-1)

    _, found = await asyncio.gather(put_right(), audits.one(HOUSE, of.cups))
    assert (found.left, found.unread) == ([], "")


async def test_nothing_is_told_beside_a_sale(shop: Shop) -> None:
    """Orders come, are committed and cancelled, while all is audited again and again."""
    await shop.entry("cup", 500)
    await shop.entry("jug", 500, code="south")

    async def buy(number: int) -> None:
        order = f"o{number}"
        await shop.reserve(order, ("cup", 1), ("jug", 1))
        await (shop.cancel(order) if number % 3 else shop.commit(order))
        if number % 6 == 0:
            await shop.cancel(order)

    async def sale() -> None:
        for start in range(0, 60, 2):
            await asyncio.gather(*map(buy, range(start, start + 2)))

    selling = asyncio.ensure_future(sale())
    rounds = 0
    while not selling.done() or not rounds:
        assert left(await audited(shop)) == []
        rounds += 1
    await selling
    await shop.settled()
    assert [(each.left, each.unread) for each in await audited(shop)] == [([], "")] * 2


async def test_events_that_nobody_published_for_hours_are_told_and_given_to_the_relay_again(shop: Shop) -> None:
    """How long ago is counted in epochs, which pass while anybody works."""
    await shop.entry("cup", 15)
    await shop.entry("jug", 9)
    assert left(await audited(shop, "sink")) == []
    for _ in range(LATE_MS // 60_000 + 5):
        shop.clock.pass_ms(61_000)
        await shop.sender.epochs.keep()
    found = left(await audited(shop, "sink"))
    assert [(each.fault, each.at.name, each.other) for each in found] == [
        (StockFault.UNPUBLISHED, "cup", "sink"),
        (StockFault.UNPUBLISHED, "jug", "sink"),
    ]
    given = left(await audited(shop, "sink", repair=True))
    assert given == found


async def test_who_is_no_house_audits_nothing(shop: Shop) -> None:
    at = stock_rows.place("acme", "cup", 1)
    for call in (auditor(shop).one(Actor("acme", "ann"), at), auditor(shop).due(Actor("acme", "ann"))):
        with pytest.raises(PermissionDenied):
            await call


def test_every_fault_is_planted_somewhere() -> None:
    """Events that nobody published are in a test of their own."""
    planted = set().union(
        *(each.faults for each in PLANTED.values()), {each.fault for each in PLANTED_IN_SHARDS.values()}
    )
    assert planted == set(StockFault) - {StockFault.UNPUBLISHED}


def test_there_is_advice_for_every_fault() -> None:
    assert set(ADVICE) == set(StockFault)
    assert all(not said.endswith(".") for said in ADVICE.values())


async def test_a_round_visits_every_entry_once_a_day_whoever_asks(shop: Shop) -> None:
    of = await shelves(shop)
    first, second = (StockRound(shop.store, shop.clock, every_ms=DAY_MS) for _ in range(2))
    shop.clock.pass_ms(10 * DAY_MS)  # other tests of the store have had their rounds
    seen = [*await first.next(1)]
    assert await second.next(10) == []
    while found := await first.next(7):
        seen += found
    assert len(seen) == len(set(seen))
    assert {of.cups, of.jugs} <= set(seen)
    assert (await first.next(10), await second.next(10)) == ([], [])
    shop.clock.pass_ms(DAY_MS)
    assert await second.next(1) != []
    shop.clock.pass_ms(LEASE_MS)
    assert await first.next(1) != []  # who began it has not been heard of
    assert await second.next(1) == []


async def test_organizations_are_listed_by_their_first_entry(shop: Shop) -> None:
    await shop.entry("cup", 1)
    assert shop.actor.organization in await shop.store.read_index(Index.STOCK, ORGANIZATIONS)
    assert [at.name async for at in all_places(shop.store, shop.actor.organization)] == ["cup"]
