"""Many changes together, and reports, on every store."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from tests.stock.shop import Shop
from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.refusals import InvalidRequest, PermissionDenied
from travio_inventory.protocol.batches import Index
from travio_inventory.protocol.rows import SEPARATOR
from travio_inventory.stock.bulk import LINES_MAX, LineState, StockLine, UpdateMany, counted
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.reports import StockReportQuery
from travio_inventory.store.memory import MemoryBatches


def line(sku: str, quantity: int, kind: str = "ADJUSTMENT", code: str = "north") -> StockLine:
    return StockLine(sku=sku, warehouse_code=code, quantity=quantity, type=kind, reason="stocktake")


async def test_each_line_is_done_or_refused_alone(shop: Shop) -> None:
    cup, jug = await shop.entry("cup", 5), await shop.entry("jug", 2)
    lines = [
        line("cup", 3, "INBOUND"),
        line("jug", -3),
        line("pan", 1),
        StockLine(inventory_id=jug.id, total=7, version=1, reason="counted"),
        StockLine(sku="cup", quantity=1, reason="x"),
        line("cup", 1, "LOST"),
        line("cup", -8),
        StockLine(inventory_id=cup.id, total=9, reason="counted"),
    ]
    outcomes = await shop.stock.update_many(shop.actor, UpdateMany(lines, "k"), within_s=60)
    assert [each.reason for each in outcomes] == [
        "", "INSUFFICIENT_STOCK", "NOT_FOUND", "", "INVALID_REQUEST", "INVALID_REQUEST", "",
        "INVALID_REQUEST",
    ]  # fmt: skip
    assert outcomes[-1].detail == "version: must be the one at which the total was counted"
    assert counted(outcomes) == {"DONE": 3, "WAITING": 0, "REFUSED": 5, "UNKNOWN": 0, "NOT_DONE": 0}
    assert [(await shop.now(each)).quantities.total for each in (cup, jug)] == [0, 7]
    assert outcomes[3].movement is not None
    assert outcomes[3].movement.quantity == 5


async def test_lines_that_come_again_with_their_key_are_not_done_again(shop: Shop) -> None:
    cup = await shop.entry("cup", 5)
    lines = [line("cup", 2), line("cup", 2), line("cup", -1)]
    first = await shop.stock.update_many(shop.actor, UpdateMany(lines, "k"), within_s=60)
    for again in (lines, lines[2:]):
        outcomes = await shop.stock.update_many(shop.actor, UpdateMany(again, "k"), within_s=60)
        assert [each.movement for each in outcomes] == [each.movement for each in first][-len(again) :]
    assert (await shop.now(cup)).quantities.total == 8
    await shop.stock.update_many(shop.actor, UpdateMany(lines[2:], "k2"), within_s=60)
    assert (await shop.now(cup)).quantities.total == 7


async def test_what_there_was_no_time_for_is_done_with_the_same_key(shop: Shop) -> None:
    await shop.entry("cup", 5)
    command = UpdateMany([line("cup", 2), line("cup", -1)], "k")
    none = await shop.stock.update_many(shop.actor, command, within_s=-1)
    assert [each.state for each in none] == [LineState.NOT_DONE] * 2
    assert {each.detail for each in none} == {"this request had no time left for it: send it again with the same key"}
    done = await shop.stock.update_many(shop.actor, command, within_s=60)
    assert [each.entry.quantities.total for each in done if each.entry] == [7, 6]


async def test_what_is_remembered_of_one_organization_is_not_told_to_another(shop: Shop) -> None:
    cup, other = await shop.entry("cup", 5), Shop(shop.store)
    command = UpdateMany([StockLine(inventory_id=cup.id, quantity=1, reason="x")], "k")
    (mine,) = await shop.stock.update_many(shop.actor, command, within_s=60)
    (again,) = await shop.stock.update_many(shop.actor, command, within_s=-1)
    assert again == mine, "it needs no time"
    (theirs,) = await shop.stock.update_many(other.actor, command, within_s=60)
    assert (theirs.state, theirs.reason) == (LineState.REFUSED, "NOT_FOUND")


async def test_many_lines_of_many_entries_are_all_done(shop: Shop) -> None:
    await shop.warehouse()
    entries = await asyncio.gather(*(shop.entry(f"s{number}", 1) for number in range(20)))
    lines = [line(f"s{number % 20}", 1) for number in range(60)]
    outcomes = await shop.stock.update_many(shop.actor, UpdateMany(lines, "k"), within_s=60)
    assert {each.state for each in outcomes} == {LineState.DONE}
    assert {(await shop.now(each)).quantities.total for each in entries} == {4}


def test_lines_come_with_a_key_and_not_too_many() -> None:
    with pytest.raises(InvalidRequest) as wrong:
        UpdateMany([line("a", 1)] * (LINES_MAX + 1), "")
    assert [each.field for each in wrong.value.violations] == ["idempotency_key", "lines"]


async def moved(shop: Shop, **of: str) -> dict[str, list[tuple[str, int, int]]]:
    """By region: what moved on the shop's day."""
    today = datetime.fromtimestamp(shop.clock.now_ms() / 1_000, UTC).date()
    query = StockReportQuery(today - timedelta(days=1), today, **of)
    reports = await shop.stock.report(shop.actor, query)
    return {each.region: [(kind, quantity, many) for _, kind, quantity, many in each.moved] for each in reports}


async def test_a_report_tells_the_stock_of_each_region_and_what_moved_there(shop: Shop) -> None:
    await shop.warehouse("north", region="eu")
    await shop.warehouse("south", region="us")
    entries = [await shop.entry(f"cup{number}", 20, code="south" if number == 3 else "north") for number in range(4)]
    await shop.adjust(entries[0], -15, "DAMAGE")
    await shop.adjust(entries[1], -1, "DAMAGE")
    await shop.adjust(entries[3], 2, "RETURN")
    today = datetime.fromtimestamp(shop.clock.now_ms() / 1_000, UTC).date()
    eu, us = await shop.stock.report(shop.actor, StockReportQuery(today, today))
    assert (eu.region, eu.warehouses, eu.entries, eu.total, eu.low) == ("eu", 1, 3, 44, 1)
    assert (us.region, us.entries, us.available, us.reserved) == ("us", 1, 22, 0)
    assert await moved(shop) == {
        "eu": [(MovementType.DAMAGE, -16, 2), (MovementType.INBOUND, 60, 3)],
        "us": [(MovementType.INBOUND, 20, 1), (MovementType.RETURN, 2, 1)],
    }
    assert await moved(shop, region="us") == {"us": [("INBOUND", 20, 1), ("RETURN", 2, 1)]}
    yesterday = today - timedelta(days=1)
    assert [each.moved for each in await shop.stock.report(shop.actor, StockReportQuery(yesterday, yesterday))] == [
        [],
        [],
    ]


class NeverRead(MemoryBatches):
    """A store whose list of a day is longer than anybody can read."""

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Sequence[str]:
        """See Batches."""
        if "day" in bucket.split(SEPARATOR):
            await asyncio.Event().wait()
        return await super().read_index(index, bucket, after=after, most=most)


async def test_a_report_that_cannot_be_counted_in_time_is_refused_with_what_to_ask_for() -> None:
    shop = Shop(NeverRead(None, Random(1), asyncio.sleep))
    await shop.entry("cup", 2)
    today = datetime.fromtimestamp(shop.clock.now_ms() / 1_000, UTC).date()
    with pytest.raises(InvalidRequest) as refused:
        await shop.stock.report(shop.actor, StockReportQuery(today, today), within_s=0.05)
    assert [each.field for each in refused.value.violations] == ["region"]
    assert "ask for one region and fewer days" in str(refused.value)


async def test_a_report_is_of_days_in_order_and_not_of_too_many(shop: Shop) -> None:
    today = datetime.now(UTC).date()
    for first in (today + timedelta(days=1), today - timedelta(days=92)):
        with pytest.raises(InvalidRequest) as wrong:
            StockReportQuery(first, today)
        assert wrong.value.violations[0].field == "to_day"
    reader = replace(shop.actor, scopes=frozenset({Scope.STOCK_READ}))
    assert await shop.stock.report(reader, StockReportQuery(today, today)) == []
    nobody = Actor(shop.actor.organization, "bob", frozenset())
    with pytest.raises(PermissionDenied):
        await shop.stock.report(nobody, StockReportQuery(today, today))
    with pytest.raises(PermissionDenied):
        await shop.stock.update_many(reader, UpdateMany([line("a", 1)], "k"), within_s=1)
