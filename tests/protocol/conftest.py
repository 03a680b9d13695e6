"""A sale in memory, whose pauses take no time and are counted."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from tests.protocol.parts import Pauses
from travio_inventory.store.memory import MemoryBatches
from verification.kit.sale import Market, Sale


@pytest.fixture
async def market() -> AsyncIterator[Market]:
    """The market in which sales are opened."""
    async with Market(MemoryBatches(None, Random(1), asyncio.sleep)) as opened:
        yield opened


@pytest.fixture
async def sale(market: Market) -> Sale:
    """Eighteen seats, A1 to A18, each in a seat group of its own."""
    sale = await market.open(seats_per_group=1)
    sale.process.sender.random = Pauses()
    return sale
