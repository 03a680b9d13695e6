"""The auditor compares the shards of an entry: each planted fault between them is found, and repaired once."""

import pytest

from tests.stock.shop import Shop
from tests.stock.spread import Spread, reserved
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.stock.audit.auditing import StockAuditRules
from travio_inventory.stock.audit.findings import AuditedStock, StockFault
from travio_inventory.stock.records.stock_rows import shard_of
from travio_inventory.stock.use_cases.audit_stock import AuditStock
from verification.kit.judged_stock import unjudged
from verification.kit.planted_shard_faults import PLANTED_IN_SHARDS, InShards


async def audited(spread: Spread, *, repair: bool = False, in_short: bool = False) -> AuditedStock:
    """The entry, by an auditor that does not wait."""
    rules = StockAuditRules(second_look_ms=10, places_per_second=10_000)
    return await AuditStock(spread.shop.auditor(rules)).one(HOUSE, spread.home, repair=repair, in_short=in_short)


async def in_shards(shop: Shop) -> tuple[Spread, InShards]:
    """See InShards."""
    spread = await Spread.of(shop, 12, 3)
    await spread.lies(4, 4)
    await shop.settled()
    shop.clock.pass_ms(200_000)
    return spread, InShards(unjudged(shop.store), spread.home, shop.clock.now_ms() - 190_000)


async def test_nothing_is_wrong_with_shards_that_are_right(shop: Shop) -> None:
    spread, _ = await in_shards(shop)
    await reserved(shop, "o1", 7)
    await shop.commit("o1")
    await spread.set(1)
    for in_short in (False, True):
        found = await audited(spread, in_short=in_short)
        assert (found.left, found.unread) == ([], "")


@pytest.mark.parametrize("name", PLANTED_IN_SHARDS)
async def test_a_fault_between_shards_is_found_and_repaired_once(shop: Shop, name: str) -> None:
    planted, (spread, shards) = PLANTED_IN_SHARDS[name], await in_shards(shop)
    await planted.plant(shards)
    found = await audited(spread)
    assert [each.fault for each in found.left] == [planted.fault]
    for _ in range(2):
        repaired = await audited(spread, repair=True)
        assert repaired.left == []
        await shop.settled()
        assert await shards.total() == planted.units
    assert (await audited(spread)).left == []


async def test_what_was_doubled_and_is_reserved_since_is_left_to_a_person(shop: Shop) -> None:
    spread, shards = await in_shards(shop)
    await PLANTED_IN_SHARDS["what nobody gave came"].plant(shards)
    await spread.shards.gather(spread.home, 1, 15)
    await reserved(shop, "o1", 14)
    found = await audited(spread, repair=True)
    assert [each.fault for each in found.left] == [StockFault.DOUBLED_BY_MOVE]
    assert (await shop.now_of(shard_of(spread.home, 1))).quantities == (1, 14)


async def test_a_move_that_is_young_is_no_fault(shop: Shop) -> None:
    spread, shards = await in_shards(shop)
    young = InShards(shards.store, shards.home, shop.clock.now_ms())
    for name in ("a move was announced and not taken", "a move was forgotten and not taken"):
        await PLANTED_IN_SHARDS[name].plant(young)
        assert (await audited(spread)).left == []


def test_every_fault_between_shards_is_planted() -> None:
    between = {
        StockFault.UNFINISHED_MOVE,
        StockFault.LOST_IN_MOVE,
        StockFault.DOUBLED_BY_MOVE,
        StockFault.UNTOLD,
    }
    assert {each.fault for each in PLANTED_IN_SHARDS.values()} == between
