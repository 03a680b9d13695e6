"""What a process remembers of entries saves reads, and never says no."""

import pytest

from tests.stock.in_memory import other, shop
from tests.stock.shop import Shop
from travio_inventory.protocol.batches import ABSENT, Partition, Row, Table, Write
from travio_inventory.stock.records import known_stock
from travio_inventory.stock.records.known_stock import KNOWN_MS, SHORT_MS, KnownStock
from travio_inventory.stock.records.stock_rows import STOCK
from verification.kit.clocks import Clock

__all__ = ["other", "shop"]


async def test_what_another_process_brings_is_sold_at_once(shop: Shop, other: Shop) -> None:
    entry = await shop.entry("cup", 1)
    await shop.reserve("o1", ("cup", 1))
    await other.adjust(entry, 2)
    assert (await shop.reserve("o2", ("cup", 2))).lines[0].quantity == 2


async def test_what_another_process_sold_is_had_elsewhere(shop: Shop, other: Shop) -> None:
    await shop.entry("cup", 3, code="north")
    await shop.entry("cup", 3, code="south")
    await shop.reserve("o1", ("cup", 1))
    await other.reserve("o2", ("cup", 2))
    assert (await shop.reserve("o3", ("cup", 2))).lines[0].quantity == 2


async def test_a_place_that_had_too_little_is_passed_over_for_a_moment_only(shop: Shop, other: Shop) -> None:
    await shop.warehouse("a", priority=1)
    await shop.warehouse("b", priority=2)
    first, second = await shop.entry("cup", 1, code="a"), await shop.entry("cup", 9, code="b")
    served = [await shop.reserve(order, ("cup", 1)) for order in ("o1", "o2")]
    await other.adjust(first, 5)
    shop.clock.pass_ms(SHORT_MS)
    served.append(await shop.reserve("o3", ("cup", 1)))
    assert [each.lines[0].inventory_id for each in served] == [first.id, second.id, first.id]


async def test_an_entry_of_another_process_is_known_when_the_memory_is_over(shop: Shop, other: Shop) -> None:
    await shop.warehouse("b", priority=2)
    await shop.entry("cup", 9, code="b")
    await shop.reserve("o1", ("cup", 1))
    await other.warehouse("a", priority=1)
    preferred = await other.entry("cup", 9, code="a")
    shop.clock.pass_ms(KNOWN_MS)
    made = await shop.reserve("o2", ("cup", 1))
    assert made.lines[0].inventory_id == preferred.id


def test_places_beyond_the_most_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_stock, "PLACES_MAX", 2)
    known = KnownStock(Clock().elapsed_ms)
    places = [Partition(Table.STOCK, "acme", f"cup-{number}", 64) for number in range(3)]
    for at in places:
        known.seen(at, {STOCK: {"version": 1, "available": 3, "status": "active"}})
        known.listed("acme", at.name, [at], begun=0)
    assert [known.row(at) is None for at in places] == [True, False, False]
    assert [known.for_order("acme", at.name, 1) is None for at in places] == [True, False, False]


def test_an_older_row_does_not_replace_a_newer_one() -> None:
    known, at = KnownStock(Clock().elapsed_ms), Partition(Table.STOCK, "acme", "cup", 64)
    for version in (2, 1):
        known.seen(at, {STOCK: {"version": version}})
    assert known.row(at) == {"version": 2}


def test_what_may_have_been_written_is_not_known() -> None:
    known, at = KnownStock(Clock().elapsed_ms), Partition(Table.STOCK, "acme", "cup", 64)
    known.seen(at, {STOCK: {"version": 1}})
    known.written(at, Write(STOCK, {"version": 1}, {"version": 2}), is_known=False)
    assert known.row(at) is None


def test_a_list_that_was_read_before_an_entry_was_begun_is_not_remembered() -> None:
    known, at = KnownStock(Clock().elapsed_ms), Partition(Table.STOCK, "acme", "cup", 64)
    whole: Row = {"version": 1, "available": 3, "reserved": 0, "warehouse": "w", "status": "active"}
    begun = known.begun
    known.written(at, Write(STOCK, ABSENT, whole), is_known=True)
    known.listed("acme", "cup", [at], begun=begun)
    assert known.for_order("acme", "cup", 1) is None
    known.listed("acme", "cup", [at], begun=known.begun)
    assert known.for_order("acme", "cup", 1) == {at: whole}
    assert known.for_order("acme", "cup", 4) is None
