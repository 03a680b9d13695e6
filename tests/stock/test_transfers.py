"""Transfers on every store: what is shipped is somewhere at every moment, whatever is repeated."""

import json
from contextlib import suppress
from dataclasses import replace
from random import Random

import pytest

from tests.stock.carrying import OPENING, Carrying
from tests.stock.shop import Shop
from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.refusals import IdempotencyKeyReused, InvalidRequest, PermissionDenied, Refusal
from travio_inventory.protocol.batches import Kind
from travio_inventory.stock.commands import ChangeWarehouse, DeleteEntry
from travio_inventory.stock.entry import QUANTITY_MAX
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.records.movement_days import day_of
from travio_inventory.stock.refusals import InsufficientStock, NotInTransit, StockFull, StockNotFound, TransferEnded
from travio_inventory.stock.reports import StockReportQuery
from travio_inventory.stock.transfer import DraftTransfer, OnTheWay, ReceiveTransfer, Transfer


async def test_a_transfer_moves_stock_in_parts_and_what_is_missing_is_in_transit(shop: Shop) -> None:
    way = await Carrying.begun(shop)
    transfer = await way.draft(7)
    assert (transfer.status, await way.totals()) == ("DRAFT", (10, 0))
    transfer = await way.ship(transfer)
    assert (transfer.status, transfer.counts.in_transit, await way.totals()) == ("SHIPPED", 7, (3, 0))
    transfer = await way.receive(transfer, 3, rejected=1)
    assert (transfer.status, transfer.counts.in_transit, await way.totals()) == ("PARTLY_RECEIVED", 3, (3, 3))
    transfer = await way.receive(transfer, 2, lost=1)
    assert (transfer.status, transfer.counts, await way.totals()) == ("CLOSED", (7, 5, 1, 1, 0), (3, 5))
    assert [(each.type, each.quantity, each.reference == transfer.id) for each in await shop.movements(way.south)] == [
        ("TRANSFER", 3, True), ("TRANSFER", 2, True),
    ]  # fmt: skip
    assert [each.quantity for each in await shop.movements(way.north)] == [10, -7]
    assert await way.listed() == [transfer]


async def told(way: Carrying, number: int) -> list[tuple[str, int | None]]:
    found = await way.shop.store.read(stock_rows.place(way.shop.actor.organization, "cup", number), Kind.EVENT)
    in_order = sorted(found.values(), key=lambda row: int(row["ordinal"] or 0))
    return [(str(row["type"]), json.loads(str(row["data"])).get("quantity")) for row in in_order]


async def test_what_is_shipped_and_what_is_received_is_told_with_its_batch(shop: Shop) -> None:
    way = await Carrying.begun(shop)
    await way.receive(await way.ship(await way.draft(2)), 1)
    assert ("inventory.transfer_shipped", 2) in await told(way, 1)
    assert ("inventory.transfer_received", 1) in await told(way, 2)


async def test_low_stock_is_told_when_a_transfer_crosses_the_mark_and_once(shop: Shop) -> None:
    north = await shop.entry("cup", 20, reorder_point=15)
    way = Carrying(shop, north, await shop.entry("cup", 0, code="south"))
    for _ in range(2):
        await way.ship(await way.draft(10))
    kinds = [kind.removeprefix("inventory.") for kind, _ in await told(way, 1)]
    assert [kind for kind in kinds if kind in ("low_stock", "out_of_stock")] == ["low_stock", "out_of_stock"]


async def test_each_step_that_is_repeated_happens_once(shop: Shop) -> None:
    way = await Carrying.begun(shop)
    transfer = await way.draft(5, "k")
    shop.clock.pass_s(1)
    assert await way.draft(5, "k") == transfer
    assert await way.listed() == [transfer]
    with pytest.raises(IdempotencyKeyReused):
        await way.draft(6, "k")
    shipped = await way.ship(transfer)
    assert await way.ship(transfer) == shipped
    part = await way.receive(transfer, 2, key="r1")
    assert await way.receive(transfer, 2, key="r1") == part
    with pytest.raises(IdempotencyKeyReused):
        await way.receive(transfer, 3, key="r1")
    back = await way.cancel(transfer, OnTheWay.BACK)
    assert await way.cancel(transfer, OnTheWay.BACK) == back
    with pytest.raises(TransferEnded, match="what was on the way went back"):
        await way.cancel(transfer, OnTheWay.LOST)
    assert (await way.totals(), back.counts) == ((8, 2), (5, 2, 0, 0, 3))
    assert (await way.draft(5, "k")).status == "CANCELLED"


async def test_what_is_on_the_way_is_cancelled_by_a_choice(shop: Shop) -> None:
    way = await Carrying.begun(shop)
    draft = await way.cancel(await way.draft(2))
    assert (draft.status, await way.totals()) == ("CANCELLED", (10, 0))
    lost = await way.ship(await way.draft(4))
    with pytest.raises(NotInTransit):
        await way.cancel(lost)
    lost = await way.cancel(lost, OnTheWay.LOST)
    assert (lost.counts.lost, await way.totals(), await way.everything()) == (4, (6, 0), OPENING)
    assert await way.cancel(lost, OnTheWay.LOST) == lost
    with pytest.raises(TransferEnded, match="what was on the way is lost"):
        await way.cancel(lost, OnTheWay.BACK)
    for attempt in (way.ship(draft), way.receive(lost, 1)):
        with pytest.raises(TransferEnded):
            await attempt


async def test_more_than_is_there_is_neither_shipped_nor_received(shop: Shop) -> None:
    way = await Carrying.begun(shop)
    with pytest.raises(InsufficientStock) as few:
        await way.ship(await way.draft(11))
    assert few.value.available == 10
    transfer = await way.draft(3)
    with pytest.raises(TransferEnded):
        await way.receive(transfer, 1)
    await way.ship(transfer)
    with pytest.raises(NotInTransit) as much:
        await way.receive(transfer, 2, lost=2)
    assert (much.value.in_transit, await way.totals()) == (3, (7, 0))


async def test_what_the_destination_refuses_stays_in_transit(shop: Shop) -> None:
    way = await Carrying.begun(shop)
    transfer = await way.ship(await way.draft(4))
    await shop.adjust(way.south, QUANTITY_MAX, "INBOUND")
    with pytest.raises(StockFull):
        await way.receive(transfer, 3, rejected=1, key="r")
    assert (await way.listed())[0].counts.in_transit == 4
    await shop.adjust(way.south, -QUANTITY_MAX, "OUTBOUND")
    await shop.stock.keep.delete(shop.actor, DeleteEntry(way.south.id, (await shop.now(way.south)).version))
    with pytest.raises(StockNotFound):
        await way.receive(transfer, 3, key="r")
    await shop.entry("cup", 0, code="south")
    transfer = await way.receive(transfer, 3, rejected=1, key="r")
    assert (transfer.status, transfer.numbered, await way.totals()) == ("CLOSED", 3, (6, 3))


async def test_a_transfer_to_where_nothing_is_kept_stays_in_transit(shop: Shop) -> None:
    north, south = await shop.entry("cup", 5), await shop.warehouse("south")
    command = DraftTransfer("cup", north.warehouse_id, south.id, 2)
    transfer = await shop.stock.transfers.draft(shop.actor, command)
    await shop.stock.transfers.ship(shop.actor, transfer.id)
    for _ in range(2):
        with pytest.raises(StockNotFound):
            await shop.stock.transfers.receive(shop.actor, ReceiveTransfer(transfer.id, 2, key="r"))
    assert (await shop.stock.transfers.one(shop.actor, transfer.id)).counts.in_transit == 2


async def test_who_may_not_change_stock_transfers_none_and_others_are_not_seen(shop: Shop) -> None:
    way = await Carrying.begun(shop)
    transfer = await way.draft(1)
    reader = Actor(shop.actor.organization, "bob", frozenset({Scope.STOCK_READ}))
    assert await shop.stock.transfers.one(reader, transfer.id) == transfer
    with pytest.raises(PermissionDenied):
        await shop.stock.transfers.ship(reader, transfer.id)
    with pytest.raises(StockNotFound):
        await shop.stock.transfers.ship(Shop(shop.store).actor, transfer.id)
    with pytest.raises(InvalidRequest) as wrong:
        DraftTransfer("cup", "a", "a", 0)
    assert [each.field for each in wrong.value.violations] == ["to_warehouse_id", "quantity"]


async def test_what_is_in_transit_is_listed_and_reported_where_it_goes_until_it_is_not(shop: Shop) -> None:
    way = await Carrying.begun(shop)
    south = await shop.stock.warehouses.one(shop.actor, way.south.warehouse_id)
    await shop.stock.warehouses.change(
        shop.actor, ChangeWarehouse(south.id, replace(south.site, region="us"), south.version)
    )
    await way.draft(1)
    first, second, third = [await way.ship(await way.draft(quantity)) for quantity in (2, 3, 4)]
    assert {each.id for each in await way.in_transit()} == {first.id, second.id, third.id}
    await way.receive(first, 2)
    second = await way.receive(second, 1)
    assert sorted(await way.in_transit(most=1), key=lambda each: each.quantity) == [second, third]
    today = day_of(shop.clock.now_ms())
    reports = await shop.stock.report(shop.actor, StockReportQuery(today, today))
    assert {each.region: each.in_transit for each in reports} == {"": 0, "us": 6}
    await way.cancel(second, OnTheWay.LOST)
    await way.receive(third, 0, rejected=4)
    assert await way.in_transit() == []


async def a_step(way: Carrying, random: Random, transfers: list[Transfer]) -> None:
    """Something that may be done, or done again."""
    if not transfers or random.random() < 0.2:
        transfers.append(await way.draft(random.randint(1, 4), f"k{random.randint(1, 5)}"))
        return
    transfer, quantities = random.choice(transfers), [random.randint(0, 2) for _ in range(3)]
    match random.randrange(5):
        case 0:
            await way.ship(transfer)
        case 1 | 2:
            received, rejected, lost = quantities
            await way.receive(transfer, received, rejected=rejected, lost=lost, key=f"r{random.randint(1, 3)}")
        case 3:
            await way.cancel(transfer, random.choice((None, *OnTheWay)))
        case _:
            await way.receive(transfer, 1)


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_is_lost_or_doubled_by_any_steps(shop: Shop, seed: int) -> None:
    way, random, transfers = await Carrying.begun(shop), Random(seed), list[Transfer]()
    for _ in range(25):
        with suppress(Refusal):
            await a_step(way, random, transfers)
        assert await way.everything() == OPENING
    assert min(await way.totals()) >= 0
