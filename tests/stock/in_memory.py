"""A shop in memory, and another process of the same organization."""

import asyncio
from random import Random

import pytest

from tests.stock.shop import Shop
from travio_inventory.store.memory import MemoryBatches


@pytest.fixture
def shop() -> Shop:
    return Shop(MemoryBatches(None, Random(1), asyncio.sleep))


@pytest.fixture
def other(shop: Shop) -> Shop:
    """Another process of the same organization."""
    return Shop(shop.store, shop.actor.organization, seed=8)
