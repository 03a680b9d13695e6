"""A sale in memory with live feeds that look again only when they are told, so that no test passes by waiting."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from travio_inventory.api.live.feed import FeedRules
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.store.memory import MemoryBatches
from verification.kit.sale import Market, Sale

SELDOM_S = 3_600.0
RULES = FeedRules(settle_s=0.0, look_again_s=SELDOM_S, heartbeat_s=SELDOM_S, linger_s=SELDOM_S)


@pytest.fixture
async def market() -> AsyncIterator[Market]:
    """The market in which sales are opened."""
    async with Market(MemoryBatches(None, Random(0), asyncio.sleep)) as opened:
        yield opened


@pytest.fixture
async def sale(market: Market) -> Sale:
    """Eighteen seats, A1 to A18, on the stops A B C D, in seat groups of three."""
    return await market.open(seats_per_group=3)


@pytest.fixture
async def feeds(sale: Sale) -> AsyncIterator[Feeds]:
    """The live feeds of the process that sells."""
    opened = Feeds(sale.inventory.follow_maps, sale.process.signals, sale.clock, RULES)
    yield opened
    await opened.close()
