"""What a report over many entries costs: few calls for each, and turns of others between them."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import FrameType

from tests.stock.shop import Shop
from travio_inventory.stock.records.entries import READS_AT_ONCE
from travio_inventory.stock.reports import StockReportQuery
from travio_inventory.store.memory import MemoryBatches
from travio_inventory.store.sqlite import SqliteBatches

ENTRIES = 1_200
"""More than are named at once."""
CALLS_MAX = 80
"""Of Python functions for an entry that is more, on the store in memory; 141 when each was an object in a task."""


async def filled(shop: Shop, entries: int) -> StockReportQuery:
    """So many cups, one of each kind, in a warehouse."""
    await shop.entry("cup", 1)
    for number in range(entries - 1):
        await shop.entry(f"cup{number}", 1)
    today = datetime.fromtimestamp(shop.clock.now_ms() / 1_000, UTC).date()
    return StockReportQuery(today.replace(year=today.year - 1), today.replace(year=today.year - 1))


async def calls_of_a_report(entries: int) -> int:
    """How many functions are called for it."""
    shop = Shop(MemoryBatches(None, Random(1), asyncio.sleep))
    query, calls = await filled(shop, entries), 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        (report,) = await shop.stock.report(shop.actor, query)
    finally:
        sys.setprofile(None)
    assert (report.entries, report.available, report.low) == (entries, entries, entries)
    return calls


async def test_an_entry_more_is_a_few_calls_more() -> None:
    few, many = await calls_of_a_report(200), await calls_of_a_report(ENTRIES)
    assert (many - few) / (ENTRIES - 200) <= CALLS_MAX


async def test_others_have_their_turn_between_a_few_entries(tmp_path: Path) -> None:
    async with SqliteBatches.open(tmp_path) as store:
        shop, turns = Shop(store), 0
        query = await filled(shop, ENTRIES)
        report = asyncio.ensure_future(shop.stock.report(shop.actor, query))
        while not report.done():
            await asyncio.sleep(0)
            turns += 1
        assert (await report)[0].entries == ENTRIES
    assert turns >= ENTRIES / READS_AT_ONCE
